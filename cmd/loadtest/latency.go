package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// measureLatency finds how long after it was due a message has reached a reader, for nearly all readers and messages.
func measureLatency(ctx context.Context, b *bench) ([]row, error) {
	n := b.scale.latency
	ours, theirs, err := b.compare(ctx, "latency", func(ctx context.Context, name string, s starter) (p99 float64, err error) {
		err = withAudience(ctx, s.start, n, b.scale.posters, func(ctx context.Context, a *audience) error {
			if err := a.pace(ctx, b.scale.pace, b.messages(b.scale.pace, b.scale.warm)); err != nil {
				return err
			}
			a.mu.Lock()
			a.keep = true
			a.mu.Unlock()
			profiled := b.profile(ctx, name)
			if err := a.pace(ctx, b.scale.pace, b.messages(b.scale.pace, slowly*b.scale.window)); err != nil {
				return err
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			fmt.Fprintf(b.log, "%s: %s\n", name, spread(a.latencies))
			p99 = float64(percentile(a.latencies, 0.99))
			return <-profiled
		})
		return p99, err
	})
	if err != nil {
		return nil, err
	}
	return []row{b.against(fmt.Sprintf("p99 post-to-seen, %s readers, %g messages/s", thousands(float64(n)), b.scale.pace), ours, theirs,
		milliseconds, "≤ 0.7 ×", func(ratio float64) bool { return ratio <= 0.7 })}, nil
}

// percentile returns the value below which a part of the sorted values lie.
func percentile(sorted []time.Duration, part float64) time.Duration {
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

// spread sorts latencies and says what they are.
func spread(latencies []time.Duration) string {
	if len(latencies) == 0 {
		return "nobody"
	}
	slices.Sort(latencies)
	return fmt.Sprintf("p50 %v, p99 %v, most %v of %d", percentile(latencies, 0.5).Round(time.Microsecond),
		percentile(latencies, 0.99).Round(time.Microsecond), latencies[len(latencies)-1].Round(time.Microsecond), len(latencies))
}
