package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// poster posts messages over a connection of its own, each once the last was acknowledged.
type poster interface {
	post(body string) error
	close()
}

// measurePosts has many people post at once and nobody read.
func measurePosts(ctx context.Context, b *bench) ([]row, error) {
	var rates []float64
	for round := range b.rounds {
		s, err := b.site.start(ctx, nil)
		if err != nil {
			return nil, err
		}
		f, err := posts(ctx, b, fmt.Sprintf("posts %d", round+1), s)
		if err := errors.Join(err, s.stop()); err != nil {
			return nil, err
		}
		rates = append(rates, f.rate)
	}
	rate := median(rates)
	return []row{{what: fmt.Sprintf("durable posts/s, %d posters over HTTP", b.scale.posters),
		ours: thousands(rate), target: "≥ 8,000", reached: rate >= 8000}}, nil
}

// posts has people post to a site as fast as they are answered.
func posts(ctx context.Context, b *bench, name string, s *running, beside ...spender) (flow, error) {
	var number atomic.Int64
	var asks []func() error
	for i := range b.scale.posters {
		p, err := s.poster(ctx, i)
		if err != nil {
			return flow{}, err
		}
		defer p.close()
		asks = append(asks, func() error { return p.post(text(int(number.Add(1)), sinceEpoch())) })
	}
	return closedLoop(ctx, b, name, asks, append([]spender{s}, beside...)...)
}
