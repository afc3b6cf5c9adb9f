package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"letstalk/store"
)

const (
	insertRehearsal = `INSERT INTO rehearsals (ticket, expires_at) VALUES ($1, $2)`
	selectRehearsal = `SELECT outcome FROM rehearsals WHERE ticket = $1 AND $2 < expires_at`
	finishRehearsal = `UPDATE rehearsals SET outcome = $3 WHERE ticket = $1 AND $2 < expires_at AND outcome IS NULL`
)

// CreateRehearsal remembers a ticket for ttl.
func (s *Store) CreateRehearsal(ctx context.Context, ticket string, ttl time.Duration) error {
	_, err := writeInEpoch(ctx, s, "remember a rehearsal", func(t *tx) (int64, error) {
		if err := t.purge(); err != nil {
			return 0, err
		}
		return t.exec(insertRehearsal, ticket, t.now.Add(ttl).UnixMilli())
	})
	return err
}

// Rehearsal returns what became of a rehearsal.
func (s *Store) Rehearsal(ctx context.Context, ticket string) (string, error) {
	var outcome sql.Null[string]
	err := s.read(ctx, "read a rehearsal", selectRehearsal, []any{&outcome}, ticket, millis(s.clock()))
	return outcome.V, err
}

// FinishRehearsal records what became of a rehearsal, once.
func (s *Store) FinishRehearsal(ctx context.Context, ticket, outcome string) error {
	_, err := writeInEpoch(ctx, s, "finish a rehearsal", func(t *tx) (int64, error) {
		n, err := t.exec(finishRehearsal, ticket, millis(t.now), decoration(outcome))
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return n, err
	})
	return err
}
