package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// measureNodesAway has many people post to one node whose PostgreSQL is farther away than on the same machine.
func measureNodesAway(ctx context.Context, b *bench) ([]row, error) {
	if err := b.back(ctx); err != nil {
		return nil, err
	}
	var rows []row
	for _, roundTrip := range b.scale.away {
		var rates []float64
		for round := range b.rounds {
			name := fmt.Sprintf("away %v %d", roundTrip, round+1)
			f, err := b.postsAway(ctx, name, roundTrip)
			if err != nil {
				return nil, fmt.Errorf("%v away: %w", roundTrip, err)
			}
			rates = append(rates, f.rate)
		}
		rows = append(rows, row{
			what:   fmt.Sprintf("durable posts/s, %d posters, PostgreSQL %v away and back", b.scale.posters, roundTrip),
			setups: []string{"", thousands(median(rates)), "", ""},
		})
	}
	return rows, nil
}

func (b *bench) postsAway(ctx context.Context, name string, roundTrip time.Duration) (f flow, err error) {
	r, err := newRelay(b.backing.postgres.server.Socket(), roundTrip)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	away := *b.backing.site
	away.data = farDatabases{b.backing.postgres, r.listener.Addr()}
	s, err := away.start(ctx, nil)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return posts(ctx, b, name, s, b.backing.postgres)
}

// farDatabases are those of a PostgreSQL server that is reached by another address.
type farDatabases struct {
	*postgres
	address net.Addr
}

func (d farDatabases) copy() (database, error) {
	db, err := d.postgres.copy()
	if err != nil {
		return db, err
	}
	at, err := url.Parse(db.url)
	if err != nil {
		return db, errors.Join(err, db.drop())
	}
	at.Host, at.RawQuery = d.address.String(), "sslmode=disable"
	db.url = at.String()
	return db, nil
}
