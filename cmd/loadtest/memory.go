package main

import (
	"context"
	"fmt"
)

// measureMemory finds what a connected reader costs: the memory the server holds more than before they came, after each
// of them has been told something.
func measureMemory(ctx context.Context, b *bench) ([]row, error) {
	n := b.scale.idle
	ours, theirs, err := b.compare(ctx, "memory", func(ctx context.Context, name string, s starter) (each float64, err error) {
		var before int64
		start := func(ctx context.Context) (server, error) {
			started, err := s.start(ctx)
			if err == nil {
				before, err = warmMemory(ctx, started)
			}
			return started, err
		}
		err = withAudience(ctx, start, n, b.scale.posters, func(ctx context.Context, a *audience) error {
			if err := a.pace(ctx, b.scale.rate, b.messages(b.scale.rate, b.scale.window)); err != nil {
				return err
			}
			if err := a.settle(ctx); err != nil {
				return err
			}
			if err := rest(ctx, b.scale.quiet); err != nil {
				return err
			}
			after, err := a.server.rss()
			each = float64(after-before) / float64(n)
			fmt.Fprintf(b.log, "%s: from %d to %d MB\n", name, before>>20, after>>20)
			return err
		})
		return each, err
	})
	if err != nil {
		return nil, err
	}
	r := b.against(fmt.Sprintf("memory per connected reader, %s readers", thousands(float64(n))), ours, theirs,
		func(bytes float64) string { return fmt.Sprintf("%.1f KB", bytes/1024) }, "", nil)
	r.target, r.reached = "≤ 20 KB", ours <= 20<<10
	return []row{r}, nil
}

// warmMemory is what a server holds that has done a little.
func warmMemory(ctx context.Context, s server) (int64, error) {
	p, err := s.poster(ctx, 0)
	if err != nil {
		return 0, err
	}
	defer p.close()
	for range 20 {
		if err := p.post("Good morning."); err != nil {
			return 0, err
		}
	}
	return s.rss()
}
