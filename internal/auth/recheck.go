package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"letstalk/store"
)

const (
	// leaseFor is how long a re-check has the right to use the refresh token. A second use of it at the same time would
	// look like theft to the provider. It is longer than the conversation may take.
	leaseFor = time.Minute
	// recheckAgain is when a re-check is tried again that could not be done.
	recheckAgain = time.Minute
	// recheckNever is when it is, if nothing suggests that it will work: after a change of SESSION_KEY, for example.
	recheckNever = 24 * time.Hour
	// recheckers is how many re-checks are under way at once.
	recheckers = 4
	// lastChance is how long those under way may go on once the program stops: a refresh token that was used and whose
	// successor is not kept is lost.
	lastChance = 3 * time.Second
)

// rechecks are the logins about which the provider is to be asked.
type rechecks struct {
	queue chan store.LoginID

	mu     sync.Mutex
	wanted map[store.LoginID]bool // in the queue or in work
}

func newRechecks() rechecks {
	return rechecks{queue: make(chan store.LoginID, 1024), wanted: map[store.LoginID]bool{}}
}

// want has a login re-checked soon, if there is somebody who does that; with too many waiting it will be wanted again.
func (r *rechecks) want(id store.LoginID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wanted[id] {
		return
	}
	select {
	case r.queue <- id:
		r.wanted[id] = true
	default:
	}
}

func (r *rechecks) done(id store.LoginID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.wanted, id)
}

// recheckIn returns how soon the provider is to be asked about a login with these tokens, zero for never.
func (a *Auth) recheckIn(t tokens) time.Duration {
	if t.Refresh == "" {
		return 0
	}
	return a.cfg.Recheck
}

// work re-checks logins until ctx ends.
func (a *Auth) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-a.rechecks.queue:
			a.recheckOne(ctx, id)
		}
	}
}

func (a *Auth) recheckOne(ctx context.Context, id store.LoginID) {
	defer a.rechecks.done(id)
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), redeemTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(lastChance, cancel) })
	defer stop()
	if err := a.Recheck(work, id); err != nil {
		a.log.WarnContext(ctx, "re-check a login", "login", id, "error", err)
	}
}

// Recheck asks the provider whether a login still holds, if that is due and nobody else is asking, and applies what it says
// about the person. A login that the provider no longer vouches for is ended; one about which it can't be asked goes on.
// The error says why that was so.
func (a *Auth) Recheck(ctx context.Context, id store.LoginID) error {
	lease, err := a.store.LeaseLogin(ctx, id, leaseFor)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lease login: %w", err)
	}
	t, err := a.open(lease.Login.Tokens, lease.Login.User.Identity)
	if err != nil || t.Refresh == "" {
		return errors.Join(err, a.delay(ctx, lease, recheckNever))
	}
	said, err := a.refresh(ctx, lease.Login.User.Identity.Subject, &t)
	switch {
	case errors.Is(err, ErrDenied):
		return a.drop(ctx, lease, store.Refused)
	case errors.Is(err, ErrUntrusted):
		return errors.Join(err, a.drop(ctx, lease, store.Refused))
	case err != nil && !t.refreshed:
		return errors.Join(err, a.delay(ctx, lease, recheckAgain))
	}
	decision := a.decide(ctx, said)
	if decision.Refused != "" && !decision.Unsure {
		return a.drop(ctx, lease, store.NotAllowed)
	}
	return errors.Join(err, a.keep(ctx, lease, said, decision, t))
}

// refresh uses up the refresh token in t and puts what came in its place there; t.refreshed tells that it did. ErrDenied
// means that the provider takes the token no more.
func (a *Auth) refresh(ctx context.Context, subject string, t *tokens) (testimony, error) {
	p, err := a.discovery.provider(ctx)
	if err != nil {
		return testimony{}, err
	}
	source := p.oauth.TokenSource(oidc.ClientContext(ctx, p.client), &oauth2.Token{RefreshToken: t.Refresh})
	token, err := source.Token()
	var refusal *oauth2.RetrieveError
	if errors.As(err, &refusal) && refusal.ErrorCode == "invalid_grant" && refusal.Response.StatusCode < 500 {
		return testimony{}, fmt.Errorf("%w: invalid_grant", ErrDenied)
	}
	if err != nil {
		return testimony{}, tokenError(ctx, err)
	}
	of := occasion{refreshed: true, nonce: tokenClaims(t.ID).text("nonce"), subject: subject}
	t.Refresh, t.Expires, t.refreshed = token.RefreshToken, token.Expiry, true
	if err := checkBearer(token); err != nil {
		return testimony{}, err
	}
	heard, err := a.hear(ctx, p, token, of)
	if heard.idRaw != "" {
		t.ID = heard.idRaw
	}
	return heard, err
}

// keep records what a re-check brought. A database that is away is waited for some more: with the new refresh token the login
// would be lost.
func (a *Auth) keep(ctx context.Context, lease store.Lease, heard testimony, d Decision, t tokens) error {
	identity := heard.identity(lease.Login.User.Identity, d)
	sealed, err := a.seal(t, identity)
	if err != nil {
		return err
	}
	kept := store.Refresh{Identity: identity, Tokens: sealed, Recheck: a.recheckIn(t), Access: d.Access}
	ctx = context.WithoutCancel(ctx)
	for range 3 {
		_, err = a.store.RefreshLogin(ctx, lease, kept)
		if !errors.Is(err, store.ErrUnavailable) {
			break
		}
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil // ended or renewed meanwhile
	case err != nil:
		return fmt.Errorf("keep a re-check: %w", err)
	}
	return nil
}

// drop ends a login because of what its re-check brought.
func (a *Auth) drop(ctx context.Context, lease store.Lease, cause store.Cause) error {
	err := a.store.RefuseLogin(context.WithoutCancel(ctx), lease, store.Ending{Cause: cause})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("end a login after its re-check: %w", err)
	}
	a.Ended(lease.Login.ID)
	return nil
}

func (a *Auth) delay(ctx context.Context, lease store.Lease, in time.Duration) error {
	err := a.store.DelayRecheck(context.WithoutCancel(ctx), lease, in)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("delay a re-check: %w", err)
	}
	return nil
}
