package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// audience is a server with readers in its room and posters.
type audience struct {
	*crowd
	server  server
	posters []poster
	posted  int // messages, whose numbers count from 0
}

// withAudience starts a server, has readers come, and lets f do something to them. It is f's failure if a reader is cut.
func withAudience(ctx context.Context, start func(context.Context) (server, error), readers, posters int,
	f func(context.Context, *audience) error) (err error) {
	s, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a := &audience{server: s}
	if a.crowd, err = gather(ctx, cancel, s, readers); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if err := a.hire(ctx, posters); err != nil {
		return err
	}
	defer a.dismiss()
	if err := f(ctx, a); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	return a.check(a.posted)
}

// hire connects posters.
func (a *audience) hire(ctx context.Context, n int) error {
	for i := range n {
		p, err := a.server.poster(ctx, i)
		if err != nil {
			a.dismiss()
			return err
		}
		a.posters = append(a.posters, p)
	}
	return nil
}

func (a *audience) dismiss() {
	for _, p := range a.posters {
		p.close()
	}
	a.posters = nil
}

// saturate keeps a number of messages on their way for as long as during takes: the next is posted as soon as all readers
// have one of them. It returns when they have everything.
func (a *audience) saturate(ctx context.Context, inFlight int, during func(context.Context) error) error {
	numbers := make(chan int)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, p := range a.posters {
		wg.Go(func() {
			for number := range numbers {
				if err := p.post(text(number, sinceEpoch())); err != nil {
					cancel(err)
				}
			}
		})
	}
	over := make(chan error, 1)
	go func() { over <- during(ctx) }()
	var err error
	free := inFlight
	for going := true; going; {
		next := numbers
		if free == 0 {
			next = nil
		}
		select {
		case next <- a.posted:
			a.posted++
			free--
		case <-a.done:
			free++
		case err = <-over:
			going = false
		case <-ctx.Done():
			err = errors.Join(context.Cause(ctx), <-over)
			going = false
		}
	}
	close(numbers)
	wg.Wait()
	if err != nil {
		return err
	}
	return a.await(ctx, inFlight-free)
}

// pace posts n messages at a rate and returns when all readers have everything.
func (a *audience) pace(ctx context.Context, rate float64, n int) error {
	if err := a.post(ctx, rate, n); err != nil {
		return err
	}
	return a.await(ctx, n)
}

// post posts n messages at a rate, however long the server takes to answer: each counts from when it was due.
func (a *audience) post(ctx context.Context, rate float64, n int) error {
	type due struct {
		number int
		at     int64
	}
	queue := make(chan due, n)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, p := range a.posters {
		wg.Go(func() {
			for d := range queue {
				if err := p.post(text(d.number, d.at)); err != nil {
					cancel(err)
				}
			}
		})
	}
	began := sinceEpoch()
	var err error
	for i := range n {
		at := began + int64(float64(i)/rate*float64(time.Second))
		if err = rest(ctx, time.Duration(at-sinceEpoch())); err != nil {
			break
		}
		queue <- due{a.posted, at}
		a.posted++
	}
	close(queue)
	wg.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// await waits until n more messages have been seen by all readers.
func (a *audience) await(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("not everybody has got everything in time"))
	defer cancel()
	for range n {
		select {
		case <-a.done:
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), a.check(a.posted))
		}
	}
	return nil
}

// delivered is what has come up to now.
func (a *audience) delivered() (whole, received, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.whole, a.received, a.bytes
}

// cost is what a server did in a while.
type cost struct {
	whole, received, bytes int
	took, own              time.Duration
	cpu                    time.Duration   // of the server
	beside                 []time.Duration // of others
}

// meter measures what happens during f, to the server and to others beside it.
func (a *audience) meter(f func() error, beside ...spender) (c cost, err error) {
	used, err := spent(func() error {
		began, own := time.Now(), ownCPU()
		whole, received, bytes := a.delivered()
		if err := f(); err != nil {
			return err
		}
		c.whole, c.received, c.bytes = a.delivered()
		c.whole, c.received, c.bytes = c.whole-whole, c.received-received, c.bytes-bytes
		c.took, c.own = time.Since(began), ownCPU()-own
		return nil
	}, append([]spender{a.server}, beside...)...)
	if err != nil {
		return c, err
	}
	c.cpu, c.beside = used[0], used[1:]
	if c.whole == 0 {
		err = errors.New("no message reached everybody in the time of the measure")
	}
	return c, err
}

// each is the CPU time of a delivery.
func (c cost) each() time.Duration { return c.cpu / time.Duration(c.received) }

func (c cost) String() string {
	s := c.took.Seconds()
	return fmt.Sprintf("%s deliveries/s, %v of server CPU each; %s, generator %.2f cores, %.1f MB/s",
		thousands(float64(c.received)/s), c.each().Round(10*time.Nanosecond), cores(append([]time.Duration{c.cpu}, c.beside...), c.took), c.own.Seconds()/s,
		float64(c.bytes)/1e6/s)
}
