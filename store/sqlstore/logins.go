package sqlstore

import (
	"bytes"
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"letstalk/store"
)

// live is the one place that says which logins l count at $2.
const live = `l.ended_at IS NULL AND $2 < l.expires_at AND (l.idle = 0 OR $2 < l.seen_at + l.idle)
	AND EXISTS (SELECT 1 FROM users a WHERE a.id = l.user_id AND a.active)`

const (
	insertLogin = `
		INSERT INTO logins (user_id, sid, tokens, address, agent, created_at, seen_at, expires_at, idle)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8) RETURNING id`
	selectLogin = `SELECT l.id, l.sid, l.tokens, l.created_at, l.seen_at, l.expires_at, ` + userColumns + `
		FROM logins l JOIN users u ON u.id = l.user_id WHERE l.id = $1 AND ` + live
	touchLogin = `UPDATE logins AS l SET seen_at = $2 WHERE l.id = $1 AND l.seen_at < $2 AND ` + live
)

// CreateLogin records a sign-in.
func (s *Store) CreateLogin(ctx context.Context, n store.NewLogin) (store.Login, error) {
	for _, part := range []string{n.Identity.Issuer, n.Identity.Subject} {
		// These are the person: mending them could make two people one.
		if part == "" || !utf8.ValidString(part) || strings.Contains(part, "\x00") {
			return store.Login{}, &store.InvalidError{Field: "subject", Reason: "The identity provider did not say who this is."}
		}
	}
	n.Tokens = bytes.Clone(n.Tokens) // the caller may use them again before the write's turn, if ctx ends first
	return write(ctx, s, "record a sign-in", func(t *tx) (store.Login, error) {
		if err := t.purge(); err != nil {
			return store.Login{}, err
		}
		user, err := t.signIn(n.Identity)
		if err != nil {
			return store.Login{}, err
		}
		if !user.Active {
			return store.Login{}, store.ErrForbidden
		}
		l := store.Login{
			User: user, SID: decoration(n.SID), Tokens: n.Tokens,
			CreatedAt: t.now, SeenAt: t.now, ExpiresAt: t.now.Add(n.Lifetime).Truncate(time.Millisecond),
		}
		// Rounded up, because nothing means no limit.
		idle := (n.Idle + time.Millisecond - 1).Milliseconds()
		err = t.returning(insertLogin, user.ID, l.SID, l.Tokens, decoration(n.Address), decoration(n.Agent),
			millis(t.now), l.ExpiresAt.UnixMilli(), idle).Scan(&l.ID)
		return l, err
	})
}

// Login returns a live login.
func (s *Store) Login(ctx context.Context, id store.LoginID) (store.Login, error) {
	var l store.Login
	var u userRow
	dest := append([]any{&l.ID, &l.SID, &l.Tokens, moment{&l.CreatedAt}, moment{&l.SeenAt}, moment{&l.ExpiresAt}}, u.dest()...)
	err := s.read(ctx, "read a login", selectLogin, dest, id, millis(s.clock()))
	if err == nil {
		l.User, err = u.user()
	}
	if err != nil {
		return store.Login{}, err
	}
	return l, nil
}

// TouchLogin notes that a live login is in use now.
func (s *Store) TouchLogin(ctx context.Context, id store.LoginID) error {
	_, err := writeInEpoch(ctx, s, "touch a login", func(t *tx) (int64, error) { return t.exec(touchLogin, id, millis(t.now)) })
	return err
}

// EndLogin ends a login and forgets its tokens.
func (s *Store) EndLogin(ctx context.Context, id store.LoginID) error {
	_, err := write(ctx, s, "end a login", func(t *tx) (int64, error) {
		return t.exec(`UPDATE logins SET ended_at = $2, tokens = NULL WHERE id = $1 AND ended_at IS NULL`, id, millis(t.now))
	})
	return err
}

// liveChunk is how many logins one statement asks about; its text is always the same, so that it can be kept prepared.
const liveChunk = 200

var selectLive = `SELECT l.id FROM logins l WHERE l.id IN ($1` + placeholders(3, liveChunk+1) + `) AND ` + live

// LiveLogins returns those of ids that are live, in the order given.
func (s *Store) LiveLogins(ctx context.Context, ids []store.LoginID) ([]store.LoginID, error) {
	return snapshot(ctx, s, "read logins", func(t *tx) ([]store.LoginID, error) {
		alive := make(map[store.LoginID]bool, len(ids))
		now := millis(s.clock())
		for rest := ids; len(rest) > 0; rest = rest[min(liveChunk, len(rest)):] {
			args := []any{rest[0], now}
			for i := 1; i < liveChunk; i++ {
				args = append(args, rest[min(i, len(rest)-1)])
			}
			found, err := list(t, func(row scanner) (id store.LoginID, err error) { err = row.Scan(&id); return id, err }, selectLive, args...)
			if err != nil {
				return nil, err
			}
			for _, id := range found {
				alive[id] = true
			}
		}
		var out []store.LoginID
		for _, id := range ids {
			if alive[id] {
				out = append(out, id)
			}
		}
		return out, nil
	})
}
