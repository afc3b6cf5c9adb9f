package main

import (
	"context"
	"fmt"
	"time"
)

// slowly is how many windows the measures last that load a server lightly: CPU time is told in hundredths of a second.
const slowly = 2

// measureSteady finds the CPU time of a delivery in a large room where people talk.
func measureSteady(ctx context.Context, b *bench) ([]row, error) {
	n := b.scale.steady
	ours, theirs, err := b.compare(ctx, "cpu", func(ctx context.Context, name string, s starter) (each float64, err error) {
		c, err := b.deliver(ctx, name, s, n, b.scale.rate)
		return float64(c.cpu) / float64(max(c.received, 1)), err
	})
	if err != nil {
		return nil, err
	}
	return []row{b.against(fmt.Sprintf("server CPU per delivery, %s readers, %g messages/s", thousands(float64(n)), b.scale.rate),
		ours, theirs, microseconds, "≤ 0.8 ×", func(ratio float64) bool { return ratio <= 0.8 })}, nil
}

// deliver has readers told messages at a rate and finds what that costs.
func (b *bench) deliver(ctx context.Context, name string, s starter, readers int, rate float64) (c cost, err error) {
	err = withAudience(ctx, s.start, readers, b.scale.posters, func(ctx context.Context, a *audience) error {
		if err := a.pace(ctx, rate, b.messages(rate, b.scale.warm)); err != nil {
			return err
		}
		profiled := b.profile(ctx, name)
		c, err = a.meter(func() error { return a.pace(ctx, rate, b.messages(rate, slowly*b.scale.window)) })
		if err != nil {
			return err
		}
		fmt.Fprintf(b.log, "%s: %v\n", name, c)
		return <-profiled
	})
	return c, err
}

// messages is how many come in a while at a rate, at least one.
func (b *bench) messages(rate float64, while time.Duration) int {
	return max(1, int(rate*while.Seconds()))
}

func microseconds(ns float64) string { return fmt.Sprintf("%.2f µs", ns/1000) }
