package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"letstalk/store"
)

const (
	selectSession = `SELECT data FROM sessions WHERE token = $1 AND $2 < expires_at`
	upsertSession = `
		INSERT INTO sessions (token, data, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (token) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`
	insertAttempt = `
		INSERT INTO attempts (state, browser, nonce, verifier, return_path, max_age, acr, rehearsal, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	takeAttempt = `
		DELETE FROM attempts WHERE state = $1 AND browser = $2 AND $3 < expires_at
		RETURNING state, browser, nonce, verifier, return_path, max_age, acr, rehearsal`
)

// CreateAttempt remembers an attempt for ttl.
func (s *Store) CreateAttempt(ctx context.Context, a store.Attempt, ttl time.Duration) error {
	_, err := writeInEpoch(ctx, s, "remember a sign-in attempt", func(t *tx) (int64, error) {
		if err := t.purge(); err != nil {
			return 0, err
		}
		return t.exec(insertAttempt, a.State, a.Browser, a.Nonce, a.Verifier, a.Return,
			a.Demand.MaxAge.Milliseconds(), a.Demand.ACR, a.Rehearsal, t.now.Add(ttl).UnixMilli())
	})
	return err
}

// TakeAttempt returns an attempt and forgets it.
func (s *Store) TakeAttempt(ctx context.Context, state, browser string) (store.Attempt, error) {
	return writeInEpoch(ctx, s, "take a sign-in attempt", func(t *tx) (a store.Attempt, err error) {
		err = t.returning(takeAttempt, state, browser, millis(t.now)).Scan(&a.State, &a.Browser, &a.Nonce, &a.Verifier, &a.Return,
			span{&a.Demand.MaxAge}, &a.Demand.ACR, &a.Rehearsal)
		return a, err
	})
}

// Session returns the data kept for token.
func (s *Store) Session(ctx context.Context, token string) ([]byte, error) {
	var data []byte
	if err := s.read(ctx, "read a session", selectSession, []any{&data}, token, millis(s.clock())); err != nil {
		return nil, err
	}
	return data, nil
}

// SaveSession keeps data for token until expires.
func (s *Store) SaveSession(ctx context.Context, token string, data []byte, expires time.Time) error {
	// A copy, as in CreateLogin, and never nil, which would be NULL.
	kept := append([]byte{}, data...)
	_, err := write(ctx, s, "save a session", func(t *tx) (int64, error) {
		return t.exec(upsertSession, token, kept, expires.UnixMilli())
	})
	return err
}

// DeleteSession forgets token.
func (s *Store) DeleteSession(ctx context.Context, token string) error {
	_, err := write(ctx, s, "delete a session", func(t *tx) (int64, error) {
		return t.exec(`DELETE FROM sessions WHERE token = $1`, token)
	})
	return err
}

// Purging takes at most this many rows of a kind at a time, and leaves logins for a while to whoever asks what happened.
const (
	purgeStep  = 100
	keepLogins = 30 * 24 * time.Hour
)

// purge forgets some of what has expired. It runs with each sign-in, so it keeps up without a timer.
func (t *tx) purge() error {
	old := t.now.Add(-keepLogins)
	for _, p := range []struct {
		text string
		at   time.Time
	}{
		{`DELETE FROM attempts WHERE state IN (SELECT state FROM attempts WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, t.now},
		{`DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, t.now},
		{`DELETE FROM logout_tokens WHERE token IN (SELECT token FROM logout_tokens WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, t.now},
		{`DELETE FROM rehearsals WHERE ticket IN (SELECT ticket FROM rehearsals WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, t.now},
		{`DELETE FROM logins WHERE id IN (SELECT id FROM logins WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`, old},
		{`DELETE FROM logins WHERE id IN (SELECT id FROM logins WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)`, old},
	} {
		if _, err := t.exec(p.text, p.at.UnixMilli(), purgeStep); err != nil {
			return err
		}
	}
	return nil
}

// placeholders returns ", $from, …, $to".
func placeholders(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		b.WriteString(", $" + strconv.Itoa(i))
	}
	return b.String()
}

// rowsOf returns the placeholders of n rows of some width, "($1, …), (…)".
func rowsOf(width, n int) string {
	var all []string
	for i := range n {
		all = append(all, "("+placeholders(i*width+1, (i+1)*width)[2:]+")")
	}
	return strings.Join(all, ", ")
}
