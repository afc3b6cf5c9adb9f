package main

import (
	"context"
	"fmt"
)

// oneDesk is a site whose posters all come to its first node.
type oneDesk struct{ *running }

func (d oneDesk) poster(ctx context.Context, i int) (poster, error) {
	return d.posterTo(ctx, room, i, 0)
}

// measureNodesSeen has readers at all nodes told what people post at the first one: after how long, and at what cost.
func measureNodesSeen(ctx context.Context, b *bench) ([]row, error) {
	if err := b.back(ctx); err != nil {
		return nil, err
	}
	under := fmt.Sprintf(", %s readers, %g messages/s", thousands(float64(b.scale.latency)), b.scale.pace)
	f := &seen{
		near50: newFigure("p50 post-to-seen at the poster's node"+under, milliseconds, true),
		near99: newFigure("p99 there", milliseconds, true),
		far50:  newFigure("p50 post-to-seen at the other nodes", milliseconds, false),
		far99:  newFigure("p99 there", milliseconds, false),
		cpu:    newFigure("CPU of a delivery there: all nodes", microseconds, true),
		beside: []*figure{
			newFigure("CPU of a message there: PostgreSQL", microseconds, false),
			newFigure("CPU of a message there: NATS", microseconds, false),
		},
	}
	for round := range b.rounds {
		for i, setup := range setups() {
			if !b.takes(setup) {
				continue
			}
			if err := b.seen(ctx, fmt.Sprintf("seen %s %d", setup.name, round+1), i, setup, f); err != nil {
				return nil, fmt.Errorf("%s: %w", setup.name, err)
			}
		}
	}
	return rowsOf(append([]*figure{f.near50, f.near99, f.far50, f.far99, f.cpu}, f.beside...)...), nil
}

// seen is the figures of when messages are seen.
type seen struct {
	near50, near99, far50, far99, cpu *figure
	beside                            []*figure // by what works beside the nodes
}

// seen takes one round in one setup.
func (b *bench) seen(ctx context.Context, name string, number int, setup setup, f *seen) error {
	start := func(ctx context.Context) (server, error) {
		s, err := b.startSetup(ctx, setup)
		if err != nil {
			return nil, err
		}
		return oneDesk{s}, nil
	}
	return withAudience(ctx, start, b.scale.latency, b.scale.posters, func(ctx context.Context, a *audience) error {
		if err := a.pace(ctx, b.scale.pace, b.messages(b.scale.pace, b.scale.warm)); err != nil {
			return err
		}
		a.mu.Lock()
		a.keep = true
		a.mu.Unlock()
		n := b.messages(b.scale.pace, slowly*b.scale.window)
		profiled := b.profile(ctx, name)
		c, err := a.meter(func() error { return a.pace(ctx, b.scale.pace, n) }, b.beside(setup)...)
		if err != nil {
			return err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		fmt.Fprintf(b.log, "%s: near %s; far %s; %v\n", name, spread(a.latencies), spread(a.far), c)
		f.add(number, a, c, n)
		return <-profiled
	})
}

func (f *seen) add(setup int, a *audience, c cost, messages int) {
	f.near50.add(setup, float64(percentile(a.latencies, 0.5)))
	f.near99.add(setup, float64(percentile(a.latencies, 0.99)))
	if len(a.far) > 0 {
		f.far50.add(setup, float64(percentile(a.far, 0.5)))
		f.far99.add(setup, float64(percentile(a.far, 0.99)))
	}
	f.cpu.add(setup, float64(c.cpu)/float64(c.received))
	for i, cpu := range c.beside {
		f.beside[i].add(setup, float64(cpu)/float64(messages))
	}
}
