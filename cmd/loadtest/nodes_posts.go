package main

import (
	"context"
	"errors"
	"fmt"
)

// measureNodesPosts has many people post at once and nobody read, in each setup in turn.
func measureNodesPosts(ctx context.Context, b *bench) ([]row, error) {
	if err := b.back(ctx); err != nil {
		return nil, err
	}
	rate := newFigure(fmt.Sprintf("durable posts/s, %d posters over HTTP", b.scale.posters), thousands, true)
	figures := []*figure{
		newFigure("CPU of a post there: all nodes", microseconds, true),
		newFigure("CPU of a post there: PostgreSQL", microseconds, false),
		newFigure("CPU of a post there: NATS", microseconds, false),
	}
	for round := range b.rounds {
		for i, setup := range setups() {
			if !b.takes(setup) {
				continue
			}
			s, err := b.startSetup(ctx, setup)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", setup.name, err)
			}
			f, err := posts(ctx, b, fmt.Sprintf("posts %s %d", setup.name, round+1), s, b.beside(setup)...)
			if err := errors.Join(err, s.stop()); err != nil {
				return nil, fmt.Errorf("%s: %w", setup.name, err)
			}
			rate.add(i, f.rate)
			for k, cpu := range f.cpu {
				figures[k].add(i, float64(cpu))
			}
		}
	}
	return rowsOf(append([]*figure{rate}, figures...)...), nil
}
