package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// flow is what a closed loop did to a server in its window.
type flow struct {
	rate float64       // answers a second
	cpu  time.Duration // of the server, an answer
}

// closedLoop has workers ask again and again, each for its next answer once it has the last, and measures a window after
// a while of warming up.
func closedLoop(ctx context.Context, b *bench, name string, p *process, asks []func() error) (flow, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var answered atomic.Int64
	var wg sync.WaitGroup
	end := make(chan struct{})
	for _, ask := range asks {
		wg.Go(func() {
			for ctx.Err() == nil {
				select {
				case <-end:
					return
				default:
				}
				if err := ask(); err != nil {
					cancel(err)
					return
				}
				answered.Add(1)
			}
		})
	}
	var f flow
	err := rest(ctx, b.scale.warm)
	if err == nil {
		f, err = window(ctx, b, name, p, &answered)
	}
	close(end)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return f, err
}

// window counts what happens to a server for a while.
func window(ctx context.Context, b *bench, name string, p *process, counter *atomic.Int64) (flow, error) {
	profiled := b.profile(ctx, name)
	before, err := cpu(p.pid())
	if err != nil {
		return flow{}, err
	}
	own, from, began := ownCPU(), counter.Load(), time.Now()
	if err := rest(ctx, b.scale.window); err != nil {
		return flow{}, err
	}
	n, took := counter.Load()-from, time.Since(began)
	after, err := cpu(p.pid())
	if err != nil {
		return flow{}, err
	}
	if n == 0 {
		return flow{}, fmt.Errorf("nothing happened in %v", round(took))
	}
	f := flow{rate: float64(n) / took.Seconds(), cpu: (after - before) / time.Duration(n)}
	fmt.Fprintf(b.log, "%s: %s/s, server %.2f cores, generator %.2f cores\n", name, thousands(f.rate),
		(after-before).Seconds()/took.Seconds(), (ownCPU()-own).Seconds()/took.Seconds())
	return f, <-profiled
}

// rest waits, unless ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
