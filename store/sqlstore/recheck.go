package sqlstore

import (
	"bytes"
	"context"
	"time"

	"letstalk/store"
)

const (
	// leasable says which live logins l the provider is to be asked about at $2, by whoever comes first.
	leasable = live + ` AND l.recheck_at <= $2 AND (l.lease_until IS NULL OR l.lease_until <= $2)`
	// leased is the condition of all who come back from the provider: $3 is until when they had the lease.
	leased = `l.id = $1 AND l.lease_until = $3 AND ` + live

	selectLeasable = `SELECT l.id FROM logins l WHERE l.id = $1 AND ` + leasable
	leaseLogin     = `UPDATE logins AS l SET lease_until = $3 WHERE l.id = $1 AND ` + leasable
	selectLeased   = `SELECT ` + loginColumns + fromLogins + `WHERE ` + leased
	refreshLogin   = `UPDATE logins SET tokens = $2, recheck_at = $3, lease_until = NULL WHERE id = $1`
	delayRecheck   = `UPDATE logins AS l SET recheck_at = $4, lease_until = NULL WHERE ` + leased
)

var selectDueOf = `SELECT l.id FROM logins l WHERE l.id IN ($1` + placeholders(3, liveChunk+1) + `) AND ` + leasable

// DueLogins returns those of ids that the provider is to be asked about.
func (s *Store) DueLogins(ctx context.Context, ids []store.LoginID) ([]store.LoginID, error) {
	return s.among(ctx, "look for re-checks", ids, selectDueOf)
}

// LeaseLogin takes the right to ask the provider about a login. While somebody else has it many may ask for it, so it looks
// before it takes a writer's turn.
func (s *Store) LeaseLogin(ctx context.Context, id store.LoginID, lease time.Duration) (store.Lease, error) {
	if err := s.read(ctx, "look for a lease", selectLeasable, []any{&id}, id, millis(s.clock())); err != nil {
		return store.Lease{}, err
	}
	return writeInEpoch(ctx, s, "lease a login", func(t *tx) (store.Lease, error) {
		until := t.now.Add(lease).Truncate(time.Millisecond)
		n, err := t.exec(leaseLogin, id, millis(t.now), millis(until))
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		if err != nil {
			return store.Lease{}, err
		}
		l, err := t.login(selectLogin, id, millis(t.now))
		return store.Lease{Login: l, Until: until}, err
	})
}

// RefreshLogin keeps what a re-check brought.
func (s *Store) RefreshLogin(ctx context.Context, lease store.Lease, r store.Refresh) (store.Login, error) {
	if err := checkIdentity(r.Identity); err != nil {
		return store.Login{}, err
	}
	id := lease.Login.ID
	r.Tokens = bytes.Clone(r.Tokens) // as in CreateLogin
	return write(ctx, s, "refresh a login", func(t *tx) (store.Login, error) {
		l, err := t.login(selectLeased, id, millis(t.now), millis(lease.Until))
		switch {
		case err != nil:
			return store.Login{}, err
		case !samePerson(l.User.Identity, r.Identity):
			return store.Login{}, store.ErrNotFound
		}
		user, err := t.signIn(r.Identity)
		if err != nil {
			return store.Login{}, err
		}
		if _, err := t.exec(refreshLogin, id, r.Tokens, t.recheckAt(r.Recheck)); err != nil {
			return store.Login{}, err
		}
		if err := t.give(user, r.Access, id); err != nil {
			return store.Login{}, err
		}
		return t.login(selectRecorded, id)
	})
}

// RefuseLogin ends a login because of what a re-check brought.
func (s *Store) RefuseLogin(ctx context.Context, lease store.Lease, e store.Ending) error {
	_, err := write(ctx, s, "refuse a login", func(t *tx) ([]store.LoginID, error) {
		ended, err := t.end(e, leased, lease.Login.ID, millis(t.now), millis(lease.Until))
		if err == nil && ended == nil {
			err = store.ErrNotFound
		}
		return ended, err
	})
	return err
}

// DelayRecheck has a re-check that brought nothing tried again later.
func (s *Store) DelayRecheck(ctx context.Context, lease store.Lease, in time.Duration) error {
	_, err := write(ctx, s, "delay a re-check", func(t *tx) (int64, error) {
		n, err := t.exec(delayRecheck, lease.Login.ID, millis(t.now), millis(lease.Until), t.now.Add(in).UnixMilli())
		if err == nil && n == 0 {
			err = store.ErrNotFound
		}
		return n, err
	})
	return err
}
