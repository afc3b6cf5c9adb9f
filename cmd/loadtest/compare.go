package main

import (
	"context"
	"fmt"
)

// starter starts a server with nothing in it.
type starter struct {
	name  string
	start func(context.Context) (server, error)
}

// both returns the servers that are compared, ours first.
func (b *bench) both() []starter {
	s := []starter{{"letstalk", func(ctx context.Context) (server, error) { return b.site.start(ctx, nil) }}}
	if !b.ours {
		s = append(s, starter{socketIOName, func(ctx context.Context) (server, error) { return startSocketIO(ctx, b.socketIO) }})
	}
	return s
}

// compare takes a measure of both servers in turn, and returns the medians.
func (b *bench) compare(ctx context.Context, name string, take func(ctx context.Context, name string, s starter) (float64, error)) (ours, theirs float64, err error) {
	values := make([][]float64, len(b.both()))
	for round := range b.rounds {
		for i, s := range b.both() {
			v, err := take(ctx, fmt.Sprintf("%s %s %d", name, s.name, round+1), s)
			if err != nil {
				return 0, 0, fmt.Errorf("%s: %w", s.name, err)
			}
			values[i] = append(values[i], v)
		}
	}
	if len(values) > 1 {
		theirs = median(values[1])
	}
	return median(values[0]), theirs, nil
}

// against is the row of a measure that both servers were put to.
func (b *bench) against(what string, ours, theirs float64, write func(float64) string, target string, reached func(float64) bool) row {
	r := row{what: what, ours: write(ours)}
	if !b.ours {
		r.theirs, r.ratio = write(theirs), fmt.Sprintf("%.2f ×", ours/theirs)
		if reached != nil {
			r.target, r.reached = target, reached(ours/theirs)
		}
	}
	return r
}
