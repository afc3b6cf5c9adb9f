package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// measureNodesUnits finds what one of each thing that people do costs, and what nodes do when nobody does anything.
// Transactions are counted, which needs no rounds.
func measureNodesUnits(ctx context.Context, b *bench) ([]row, error) {
	if err := b.back(ctx); err != nil {
		return nil, err
	}
	rows := []row{{what: "a second of one node that nobody asks anything"}}
	for _, t := range things() {
		rows = append(rows, row{what: t.name})
	}
	for _, setup := range setups() {
		cells := make([]string, len(rows))
		if setup.postgres && b.takes(setup) {
			var err error
			if cells, err = b.units(ctx, setup); err != nil {
				return nil, fmt.Errorf("%s: %w", setup.name, err)
			}
		}
		for i := range rows {
			rows[i].setups = append(rows[i].setups, cells[i])
		}
	}
	return rows, nil
}

// thing is something people do; do does it n times.
type thing struct {
	name string
	do   func(ctx context.Context, b *bench, name string, s *running) (n int, err error)
}

func things() []thing {
	return []thing{
		{"a message, one at a time", postSlowly},
		{"a message, as many as go", postQuickly},
		{"a room's page, of somebody who asked for nothing lately", lookAround},
		{"a stream that opens, in a room that fills", come}, // last: for a while nodes tell each other who left
	}
}

func postSlowly(ctx context.Context, b *bench, _ string, s *running) (int, error) {
	a := &audience{server: s}
	if err := a.hire(ctx, b.scale.posters); err != nil {
		return 0, err
	}
	defer a.dismiss()
	n := b.messages(b.scale.pace, b.scale.alone)
	return n, a.post(ctx, b.scale.pace, n)
}

func postQuickly(ctx context.Context, b *bench, name string, s *running) (int, error) {
	f, err := posts(ctx, b, name, s)
	return int(f.answered), err
}

func lookAround(ctx context.Context, b *bench, _ string, s *running) (int, error) {
	for node := range s.addresses {
		w, err := dial(ctx, s.address(node))
		if err != nil {
			return 0, err
		}
		defer w.close()
		for i := node; i < b.scale.people; i += len(s.addresses) {
			a, err := w.ask(s.get(room, i))
			if err == nil && a.status != http.StatusOK {
				err = fmt.Errorf("the page is answered with status %d", a.status)
			}
			if err != nil {
				return 0, err
			}
		}
	}
	return b.scale.people, nil
}

func come(ctx context.Context, b *bench, _ string, s *running) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c, err := gather(ctx, cancel, s, b.scale.latency)
	if err != nil {
		return 0, err
	}
	return b.scale.latency, errors.Join(c.close(), context.Cause(ctx))
}

// units returns the cells of one setup.
func (b *bench) units(ctx context.Context, setup setup) (cells []string, err error) {
	s, err := b.startSetup(ctx, setup)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	u := &accounts{b: b, s: s}
	idle, err := u.settle(ctx)
	if err != nil {
		return nil, err
	}
	cells = append(cells, idle.over(float64(setup.nodes)).String())
	for _, t := range things() {
		name := fmt.Sprintf("%s, %s", t.name, setup.name)
		each, err := u.bill(ctx, func() (int, error) { return t.do(ctx, b, name, s) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		fmt.Fprintf(b.log, "%s: %v\n", name, each)
		cells = append(cells, each.String())
	}
	return cells, nil
}
