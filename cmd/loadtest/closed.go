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
	rate     float64         // answers a second
	cpu      []time.Duration // of each spender, an answer
	answered int64           // also before and after the window
}

// closedLoop has workers ask again and again, each for its next answer once it has the last, and measures a window after
// a while of warming up, with what that costs the server and others beside it.
func closedLoop(ctx context.Context, b *bench, name string, asks []func() error, of ...spender) (flow, error) {
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
		f, err = window(ctx, b, name, &answered, of)
	}
	close(end)
	wg.Wait()
	f.answered = answered.Load()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return f, err
}

// window counts what happens to a server for a while.
func window(ctx context.Context, b *bench, name string, counter *atomic.Int64, of []spender) (flow, error) {
	profiled := b.profile(ctx, name)
	var n int64
	var took, own time.Duration
	used, err := spent(func() error {
		from, began, busy := counter.Load(), time.Now(), ownCPU()
		err := rest(ctx, b.scale.window)
		n, took, own = counter.Load()-from, time.Since(began), ownCPU()-busy
		return err
	}, of...)
	if err != nil {
		return flow{}, err
	}
	if n == 0 {
		return flow{}, fmt.Errorf("nothing happened in %v", round(took))
	}
	f := flow{rate: float64(n) / took.Seconds()}
	for _, cpu := range used {
		f.cpu = append(f.cpu, cpu/time.Duration(n))
	}
	fmt.Fprintf(b.log, "%s: %s/s, %s, generator %.2f cores\n", name, thousands(f.rate), cores(used, took), own.Seconds()/took.Seconds())
	return f, <-profiled
}

// cores says how much of the machine the server took, and others beside it.
func cores(used []time.Duration, took time.Duration) string {
	text := fmt.Sprintf("server %.2f cores", used[0].Seconds()/took.Seconds())
	for _, beside := range used[1:] {
		text += fmt.Sprintf(" + %.2f", beside.Seconds()/took.Seconds())
	}
	return text
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
