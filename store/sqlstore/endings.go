package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"letstalk/store"
)

const (
	// due is when a login l ends by itself. An index has it, in these words.
	due = `(CASE WHEN l.idle > 0 AND l.idle < l.expires_at - l.seen_at THEN l.seen_at + l.idle ELSE l.expires_at END)`

	// Ordered, PostgreSQL can't but take the index: it would rather look for the first one through all rows.
	selectDue     = `SELECT 1 FROM logins l WHERE l.ended_at IS NULL AND ` + due + ` <= $1 ORDER BY ` + due + ` LIMIT 1`
	whereDue      = `l.ended_at IS NULL AND ` + due + ` <= $1 ORDER BY ` + due + ` LIMIT $2 + 0`
	selectLeaving = `SELECT l.id, l.user_id, u.name, l.idle > 0 AND l.idle < l.expires_at - l.seen_at` + fromLogins + `WHERE `
	endLogin      = `UPDATE logins SET ended_at = $2, tokens = NULL, recheck_at = NULL, lease_until = NULL, cause = $3 WHERE id = $1`
	// The upper bound is for the planner of PostgreSQL: of a range it expects less.
	selectEnded      = `SELECT l.id FROM logins l WHERE l.ended_at >= $1 AND l.ended_at <= $2 ORDER BY l.ended_at, l.id`
	selectUserLogins = `SELECT ` + loginColumns + fromLogins + `WHERE l.user_id = $1 AND ` + live + ` ORDER BY l.seen_at DESC, l.id DESC`
	selectLoggedOut  = `SELECT EXISTS (SELECT 1 FROM logout_tokens WHERE session = $1 AND $2 < expires_at)`
	insertLogout     = `
		INSERT INTO logout_tokens (token, session, expires_at) VALUES ($1, $2, $3) ON CONFLICT (token) DO NOTHING`
)

// leaving is a login about to end.
type leaving struct {
	id     store.LoginID
	person store.Person
	idles  bool // it will have been unused for too long before it is too old
}

func scanLeaving(row scanner) (l leaving, err error) {
	err = row.Scan(&l.id, &l.person.ID, &l.person.Name, &l.idles)
	return l, err
}

// end ends the logins that a condition finds, and returns them. It is the only place that does. Without a cause they end
// because it is time.
func (t *tx) end(e store.Ending, which string, args ...any) ([]store.LoginID, error) {
	found, err := list(t, scanLeaving, selectLeaving+which, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	by, err := t.person(e.By)
	if err != nil {
		return nil, err
	}
	var ended []store.LoginID
	for _, l := range found {
		cause := e.Cause
		switch {
		case cause == "" && l.idles:
			cause = store.Idle
		case cause == "":
			cause = store.Expired
		}
		if _, err := t.exec(endLogin, l.id, millis(t.now), cause); err != nil {
			return nil, err
		}
		err := t.audit(store.AuditEntry{Kind: store.AuditSignedOut, Actor: by, Subject: l.person, Login: l.id, Address: e.Address, Detail: string(cause)})
		if err != nil {
			return nil, err
		}
		ended = append(ended, l.id)
	}
	return ended, nil
}

// EndLogin ends a login and forgets its tokens.
func (s *Store) EndLogin(ctx context.Context, id store.LoginID, e store.Ending) error {
	_, err := write(ctx, s, "end a login", func(t *tx) ([]store.LoginID, error) {
		return t.end(e, `l.id = $1 AND `+live, id, millis(t.now))
	})
	return err
}

// UserLogins returns a person's live logins, those seen last first.
func (s *Store) UserLogins(ctx context.Context, viewer, user store.UserID) ([]store.Login, error) {
	return snapshot(ctx, s, "read a person's logins", func(t *tx) ([]store.Login, error) {
		if _, err := t.mayActFor(viewer, user); err != nil {
			return nil, err
		}
		return list(t, scanLogin, selectUserLogins, user, millis(s.clock()))
	})
}

// EndUserLogin ends a login of a person on behalf of the viewer.
func (s *Store) EndUserLogin(ctx context.Context, viewer, user store.UserID, id store.LoginID, e store.Ending) error {
	e.By = viewer
	_, err := write(ctx, s, "end a person's login", func(t *tx) ([]store.LoginID, error) {
		if _, err := t.mayActFor(viewer, user); err != nil {
			return nil, err
		}
		ended, err := t.end(e, `l.id = $1 AND l.user_id = $3 AND `+live, id, millis(t.now), user)
		if err == nil && ended == nil {
			err = store.ErrNotFound
		}
		return ended, err
	})
	return err
}

// EndUserLogins ends all of a person's logins but one on behalf of the viewer.
func (s *Store) EndUserLogins(ctx context.Context, viewer, user store.UserID, keep store.LoginID, e store.Ending) ([]store.LoginID, error) {
	e.By = viewer
	return write(ctx, s, "end a person's logins", func(t *tx) ([]store.LoginID, error) {
		if _, err := t.mayActFor(viewer, user); err != nil {
			return nil, err
		}
		return t.end(e, `l.user_id = $1 AND l.id <> $3 AND `+live+` ORDER BY l.id`, user, millis(t.now), keep)
	})
}

// sidPrefix is how much of a session's name the index has, in characters.
const sidPrefix = 100

// Whom a logout token is about, of the issuer $1.
const (
	ofPerson        = `u.issuer = $1 AND u.subject = $3 AND ` + live + ` ORDER BY l.id`
	providerSession = `substr(l.sid, 1, 100) = $3 AND l.sid = $4 AND u.issuer = $1 AND ` + live
	ofSession       = providerSession + ` ORDER BY l.id`
	ofTheirSession  = providerSession + ` AND u.subject = $5 ORDER BY l.id`
)

// EndProviderLogins ends the logins a logout token is about, and remembers the token and the session.
func (s *Store) EndProviderLogins(ctx context.Context, l store.ProviderLogout) ([]store.LoginID, error) {
	if l.SID == "" && l.Subject == "" || !isText(l.Subject) {
		return nil, errNobody
	}
	sid := decoration(l.SID)
	return write(ctx, s, "end a provider's logins", func(t *tx) ([]store.LoginID, error) {
		over := ""
		if sid != "" {
			over = hashOf(l.Issuer, sid)
		}
		n, err := t.exec(insertLogout, hashOf(l.Issuer, l.Token), over, l.Expires.UnixMilli())
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, store.ErrConflict
		}
		e := store.Ending{Cause: store.AtProvider, Address: l.Address}
		switch {
		case sid == "":
			return t.end(e, ofPerson, l.Issuer, millis(t.now), l.Subject)
		case l.Subject == "":
			return t.end(e, ofSession, l.Issuer, millis(t.now), firstRunes(sid, sidPrefix), sid)
		}
		return t.end(e, ofTheirSession, l.Issuer, millis(t.now), firstRunes(sid, sidPrefix), sid, l.Subject)
	})
}

// loggedOut reports whether the provider is known to have ended a session.
func (t *tx) loggedOut(issuer, sid string) (over bool, err error) {
	if sid == "" {
		return false, nil
	}
	err = t.row(selectLoggedOut, hashOf(issuer, sid), millis(t.now)).Scan(&over)
	return over, err
}

// hashOf names two texts by one of a known length. No two pairs share it: an issuer has no NUL.
func hashOf(issuer, text string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + text))
	return hex.EncodeToString(sum[:])
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// expireStep is how many logins one write ends, so that nobody's message waits long behind it.
const expireStep = 100

// ExpireLogins ends the logins whose time has come. It takes a writer's turn only if there are any.
func (s *Store) ExpireLogins(ctx context.Context) ([]store.LoginID, error) {
	var all []store.LoginID
	for {
		some, err := s.anyDue(ctx)
		if err != nil || !some {
			return all, err
		}
		ended, err := write(ctx, s, "end old logins", func(t *tx) ([]store.LoginID, error) {
			return t.end(store.Ending{}, whereDue, millis(t.now), expireStep)
		})
		all = append(all, ended...)
		if err != nil || len(ended) < expireStep {
			return all, err
		}
	}
}

func (s *Store) anyDue(ctx context.Context) (bool, error) {
	var one int
	err := s.read(ctx, "look for old logins", selectDue, []any{&one}, millis(s.clock()))
	if err == store.ErrNotFound {
		return false, nil
	}
	return err == nil, err
}

// endedOverlap is how long before a moment endings are looked for again: one is dated when its write begins, which is seen
// when it has ended. A write that takes longer than patience is given up.
const endedOverlap = 2 * patience

// EndedLogins returns the logins that ended since a moment.
func (s *Store) EndedLogins(ctx context.Context, since time.Time) (ended []store.LoginID, next time.Time, err error) {
	next = s.clock()
	if since.IsZero() {
		return nil, next, s.Ping(ctx)
	}
	from := since
	if next.Before(from) { // the clock was set back
		from = next
	}
	ended, err = snapshot(ctx, s, "look for ended logins", func(t *tx) ([]store.LoginID, error) {
		return list(t, scanLoginID, selectEnded, from.Add(-endedOverlap).UnixMilli(), next.Add(endedOverlap).UnixMilli())
	})
	if err != nil {
		return nil, since, err
	}
	return ended, next, nil
}
