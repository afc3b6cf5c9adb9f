package main

import (
	"context"
	"fmt"
)

// measureFanout keeps a number of messages on their way to a full room: as soon as everybody has one, the next is
// posted. That is as much as the server can do, without a queue that grows.
func measureFanout(ctx context.Context, b *bench) ([]row, error) {
	ours, theirs, err := b.compare(ctx, "fanout", func(ctx context.Context, name string, s starter) (rate float64, err error) {
		err = withAudience(ctx, s.start, b.scale.fanout, b.scale.posters, func(ctx context.Context, a *audience) error {
			return a.saturate(ctx, b.scale.inFlight, func(ctx context.Context) error {
				if err := rest(ctx, b.scale.warm); err != nil {
					return err
				}
				profiled := b.profile(ctx, name)
				c, err := a.meter(func() error { return rest(ctx, b.scale.window) })
				if err != nil {
					return err
				}
				rate = float64(c.whole*b.scale.fanout) / c.took.Seconds()
				fmt.Fprintf(b.log, "%s: %s whole/s; %v\n", name, thousands(rate), c)
				return <-profiled
			})
		})
		return rate, err
	})
	if err != nil {
		return nil, err
	}
	return []row{b.against(fmt.Sprintf("saturated fan-out to %s readers, complete deliveries/s", thousands(float64(b.scale.fanout))),
		ours, theirs, thousands, "≥ 6 ×", func(ratio float64) bool { return ratio >= 6 })}, nil
}
