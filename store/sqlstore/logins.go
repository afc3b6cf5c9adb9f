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
	loginColumns = `l.id, l.sid, l.tokens, l.address, l.agent, l.created_at, l.seen_at, l.expires_at, l.auth_at, l.acr, l.recheck_at, ` +
		userColumns
	fromLogins = ` FROM logins l JOIN users u ON u.id = l.user_id `

	selectLogin = `SELECT ` + loginColumns + fromLogins + `WHERE l.id = $1 AND ` + live
	// selectRecorded is for what the same write has just recorded, which may be over at once.
	selectRecorded = `SELECT ` + loginColumns + fromLogins + `WHERE l.id = $1`
	insertLogin    = `
		INSERT INTO logins (user_id, sid, tokens, address, agent, created_at, seen_at, expires_at, idle, auth_at, acr, recheck_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11) RETURNING id`
	renewLogin = `
		UPDATE logins SET sid = $2, tokens = $3, address = $4, agent = $5, created_at = $6, seen_at = $6, expires_at = $7, idle = $8,
			auth_at = $9, acr = $10, recheck_at = $11, lease_until = NULL
		WHERE id = $1`
	touchLogin = `UPDATE logins AS l SET seen_at = $2 WHERE l.id = $1 AND l.seen_at < $2 AND ` + live
)

// CreateLogin records a sign-in.
func (s *Store) CreateLogin(ctx context.Context, n store.NewLogin) (store.Login, error) {
	if err := checkIdentity(n.Identity); err != nil {
		return store.Login{}, err
	}
	n.Tokens = bytes.Clone(n.Tokens) // the caller may use them again before the write's turn, if ctx ends first
	return write(ctx, s, "record a sign-in", func(t *tx) (store.Login, error) {
		if err := t.purge(); err != nil {
			return store.Login{}, err
		}
		user, err := t.mayEnter(n)
		if err != nil {
			return store.Login{}, err
		}
		var id store.LoginID
		if err := t.returning(insertLogin, t.loginArgs(int64(user.ID), n)...).Scan(&id); err != nil {
			return store.Login{}, err
		}
		return t.entered(store.AuditSignedIn, id, user, n)
	})
}

// RenewLogin records that the person of a live login has signed in again.
func (s *Store) RenewLogin(ctx context.Context, id store.LoginID, n store.NewLogin) (store.Login, error) {
	if err := checkIdentity(n.Identity); err != nil {
		return store.Login{}, err
	}
	n.Tokens = bytes.Clone(n.Tokens) // as in CreateLogin
	return write(ctx, s, "renew a login", func(t *tx) (store.Login, error) {
		l, err := t.login(selectLogin, id, millis(t.now))
		switch {
		case err != nil:
			return store.Login{}, err
		case !samePerson(l.User.Identity, n.Identity):
			return store.Login{}, store.ErrNotFound
		}
		user, err := t.mayEnter(n)
		if err != nil {
			return store.Login{}, err
		}
		if _, err := t.exec(renewLogin, t.loginArgs(int64(id), n)...); err != nil {
			return store.Login{}, err
		}
		return t.entered(store.AuditRenewed, id, user, n)
	})
}

// mayEnter refreshes what is known of a person who signs in, or says why they may not.
func (t *tx) mayEnter(n store.NewLogin) (store.User, error) {
	over, err := t.loggedOut(n.Identity.Issuer, decoration(n.SID))
	if err != nil {
		return store.User{}, err
	}
	if over {
		return store.User{}, store.ErrConflict
	}
	user, err := t.signIn(n.Identity)
	if err == nil && !user.Active {
		err = store.ErrForbidden
	}
	return user, err
}

// entered notes that somebody has signed in, gives them what the claims give, and returns the login.
func (t *tx) entered(kind store.AuditKind, id store.LoginID, user store.User, n store.NewLogin) (store.Login, error) {
	err := t.audit(store.AuditEntry{Kind: kind, Actor: user.Person(), Subject: user.Person(), Login: id, Address: n.Address})
	if err == nil {
		err = t.give(user, n.Access, id)
	}
	if err != nil {
		return store.Login{}, err
	}
	return t.login(selectRecorded, id)
}

// loginArgs are what insertLogin and renewLogin want to know: first whose login it is, or which one.
func (t *tx) loginArgs(first int64, n store.NewLogin) []any {
	// Rounded up, because nothing means no limit.
	idle := (n.Idle + time.Millisecond - 1).Milliseconds()
	return []any{first, decoration(n.SID), n.Tokens, decoration(n.Address), decoration(n.Agent), millis(t.now),
		t.now.Add(n.Lifetime).UnixMilli(), idle, millis(n.AuthAt), decoration(n.ACR), t.recheckAt(n.Recheck)}
}

// recheckAt is when the provider is to be asked again, as it is kept.
func (t *tx) recheckAt(in time.Duration) any {
	if in == 0 {
		return nil
	}
	return t.now.Add(in).UnixMilli()
}

// checkIdentity makes sure that it says who somebody is. Mending that could make two people one.
func checkIdentity(id store.Identity) error {
	for _, part := range []string{id.Issuer, id.Subject} {
		if part == "" || !isText(part) {
			return errNobody
		}
	}
	return nil
}

var errNobody = &store.InvalidError{Field: "subject", Reason: "The identity provider did not say who this is."}

// isText reports whether every database takes it for text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func samePerson(a, b store.Identity) bool { return a.Issuer == b.Issuer && a.Subject == b.Subject }

// Login returns a live login.
func (s *Store) Login(ctx context.Context, id store.LoginID) (store.Login, error) {
	var l loginRow
	if err := s.read(ctx, "read a login", selectLogin, l.dest(), id, millis(s.clock())); err != nil {
		return store.Login{}, err
	}
	return l.login()
}

// login reads one login by a statement that selects loginColumns.
func (t *tx) login(text string, args ...any) (store.Login, error) {
	return scanLogin(t.row(text, args...))
}

// loginRow reads loginColumns.
type loginRow struct {
	store.Login
	user userRow
}

func (r *loginRow) dest() []any {
	l := &r.Login
	return append([]any{&l.ID, &l.SID, &l.Tokens, &l.Address, &l.Agent, moment{&l.CreatedAt}, moment{&l.SeenAt}, moment{&l.ExpiresAt},
		moment{&l.AuthAt}, &l.ACR, moment{&l.RecheckAt}}, r.user.dest()...)
}

func (r *loginRow) login() (l store.Login, err error) {
	if r.User, err = r.user.user(); err != nil {
		return store.Login{}, err
	}
	return r.Login, nil
}

func scanLogin(row scanner) (store.Login, error) {
	var l loginRow
	if err := row.Scan(l.dest()...); err != nil {
		return store.Login{}, err
	}
	return l.login()
}

// TouchLogin notes that a live login is in use now.
func (s *Store) TouchLogin(ctx context.Context, id store.LoginID) error {
	_, err := writeInEpoch(ctx, s, "touch a login", func(t *tx) (int64, error) { return t.exec(touchLogin, id, millis(t.now)) })
	return err
}

// liveChunk is how many logins one statement asks about; its text is always the same, so that it can be kept prepared.
const liveChunk = 200

var selectLive = `SELECT l.id FROM logins l WHERE l.id IN ($1` + placeholders(3, liveChunk+1) + `) AND ` + live

// LiveLogins returns those of ids that are live, in the order given.
func (s *Store) LiveLogins(ctx context.Context, ids []store.LoginID) ([]store.LoginID, error) {
	return s.among(ctx, "read logins", ids, selectLive)
}

// among returns those of ids that a statement finds, in the order given.
func (s *Store) among(ctx context.Context, doing string, ids []store.LoginID, text string) ([]store.LoginID, error) {
	return snapshot(ctx, s, doing, func(t *tx) ([]store.LoginID, error) {
		chosen := make(map[store.LoginID]bool, len(ids))
		now := millis(s.clock())
		for rest := ids; len(rest) > 0; rest = rest[min(liveChunk, len(rest)):] {
			args := []any{rest[0], now}
			for i := 1; i < liveChunk; i++ {
				args = append(args, rest[min(i, len(rest)-1)])
			}
			found, err := list(t, scanLoginID, text, args...)
			if err != nil {
				return nil, err
			}
			for _, id := range found {
				chosen[id] = true
			}
		}
		var out []store.LoginID
		for _, id := range ids {
			if chosen[id] {
				out = append(out, id)
			}
		}
		return out, nil
	})
}

func scanLoginID(row scanner) (id store.LoginID, err error) {
	err = row.Scan(&id)
	return id, err
}
