package main

import (
	"context"
	"fmt"
)

// measureFlat finds the CPU time of a delivery for small and large rooms, with the same number of deliveries a second.
// In a small room that takes more messages, so what they cost to take in is measured apart, by posting as many to a room
// that nobody reads, and does not count as delivering.
func measureFlat(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	var first, lowest, highest float64
	for i, readers := range b.scale.crowds {
		whole, bare, err := b.flat(ctx, readers)
		if err != nil {
			return nil, fmt.Errorf("%d readers: %w", readers, err)
		}
		if i == 0 {
			first, lowest, highest = bare, bare, bare
		}
		lowest, highest = min(lowest, bare), max(highest, bare)
		rows = append(rows, row{
			what: fmt.Sprintf("server CPU per delivery, %s readers, %s deliveries/s", thousands(float64(readers)), thousands(b.scale.flow)),
			ours: fmt.Sprintf("%s (%s with the posts)", microseconds(bare), microseconds(whole)),
		})
	}
	last := &rows[len(rows)-1]
	last.target, last.reached = "flat (within 25 %)", highest <= 1.25*first && lowest >= 0.75*first
	return rows, nil
}

// flat returns the CPU time of a delivery, with and without what it takes to take the messages in.
func (b *bench) flat(ctx context.Context, readers int) (whole, bare float64, err error) {
	rate := b.scale.flow / float64(readers)
	err = withAudience(ctx, b.both()[0].start, readers, b.scale.posters, func(ctx context.Context, a *audience) error {
		elsewhere := &audience{server: quietRoom{a.server.(*running)}}
		if err := elsewhere.hire(ctx, b.scale.posters); err != nil {
			return err
		}
		defer elsewhere.dismiss()
		if err := a.pace(ctx, rate, b.messages(rate, b.scale.warm)); err != nil {
			return err
		}
		var wholes, bares []float64
		for round := range b.rounds {
			name := fmt.Sprintf("flat %d %d", readers, round+1)
			n := b.messages(rate, b.scale.window)
			profiled := b.profile(ctx, name)
			c, err := a.meter(func() error { return a.pace(ctx, rate, n) })
			if err != nil {
				return err
			}
			if err := <-profiled; err != nil {
				return err
			}
			used, err := spent(func() error { return elsewhere.post(ctx, rate, n) }, elsewhere.server)
			if err != nil {
				return err
			}
			alone := used[0]
			fmt.Fprintf(b.log, "%s: %v; as many messages that nobody reads %v\n", name, c, alone)
			wholes = append(wholes, float64(c.cpu)/float64(c.received))
			bares = append(bares, float64(c.cpu-alone)/float64(c.received))
		}
		whole, bare = median(wholes), median(bares)
		return nil
	})
	return whole, bare, err
}

// quietRoom is letstalk with posters to a room that has no readers.
type quietRoom struct{ *running }

func (q quietRoom) poster(ctx context.Context, i int) (poster, error) {
	return q.posterTo(ctx, "/chat/Sports", i, i)
}
