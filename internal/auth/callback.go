package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"letstalk/store"
)

const (
	// redeemTimeout bounds the whole conversation with the provider while a person waits.
	redeemTimeout = 20 * time.Second

	maxAgent = 300 // bytes
)

// Finish ends a sign-in: it checks the provider's answer in the request, records the login, gives the browser a new
// session and returns the path to go to. A login the browser had before is renewed if it is of the same person, else ended.
// A rehearsal ends with [ErrRehearsed]. What is refused is in the audit log.
func (a *Auth) Finish(w http.ResponseWriter, r *http.Request) (string, error) {
	answer := r.URL.Query()
	attempt, err := a.takeAttempt(r, answer)
	if err != nil {
		return "", a.refuse(r, grant{}, err)
	}
	g, err := a.redeem(r.Context(), answer, attempt)
	if attempt.Rehearsal != "" {
		return "", a.finishRehearsal(r.Context(), attempt.Rehearsal, g.rehearsed(err))
	}
	if err == nil {
		err = a.admit(g, attempt.Demand)
	}
	if err != nil {
		return "", a.refuse(r, g, err)
	}
	if err := r.Context().Err(); err != nil {
		return "", fmt.Errorf("the browser went away: %w", err) // nobody would ever end that login
	}
	if err := a.signIn(w, r, g); err != nil {
		return "", a.refuse(r, g, err)
	}
	return attempt.Return, nil
}

// grant is what a sign-in at the provider brought.
type grant struct {
	identity store.Identity
	sid      string
	authAt   time.Time
	acr      string
	tokens   tokens
	decision Decision
	said     testimony
}

// redeem turns the provider's answer to an attempt into who the person is, or as much of it as is known.
func (a *Auth) redeem(ctx context.Context, answer url.Values, attempt store.Attempt) (grant, error) {
	ctx, cancel := context.WithTimeout(ctx, redeemTimeout)
	defer cancel()
	p, err := a.discovery.provider(ctx)
	if err != nil {
		return grant{}, err
	}
	code, err := p.code(answer)
	if err != nil {
		return grant{}, err
	}
	token, err := p.exchange(ctx, code, attempt.Verifier)
	if err != nil {
		return grant{}, err
	}
	said, err := a.hear(ctx, p, token, occasion{nonce: attempt.Nonce})
	if err != nil {
		return grant{}, err
	}
	if said.idRaw == "" {
		return grant{}, fmt.Errorf("%w: token endpoint gave no ID token", ErrUntrusted)
	}
	g := grant{
		decision: a.decide(ctx, said),
		authAt:   said.id.time("auth_time"),
		acr:      said.id.word("acr"),
		tokens:   tokens{ID: said.idRaw, Refresh: token.RefreshToken, Expires: token.Expiry},
		said:     said,
	}
	g.identity = said.identity(store.Identity{Issuer: a.cfg.Issuer, Subject: said.subject}, g.decision)
	if sid := said.id.text("sid"); len(sid) <= maxSID {
		g.sid = sid
	}
	return g, nil
}

// decide is what the policy says of a person.
func (a *Auth) decide(ctx context.Context, said testimony) Decision {
	d := a.cfg.Policy.decide(said.id, said.info, !said.infoDown)
	if d.Cut || !d.Known {
		a.log.WarnContext(ctx, "a person's groups are odd", "reason", d.Note)
	}
	return d
}

// admit says why a person who has signed in at the provider may not come in here, if so.
func (a *Auth) admit(g grant, demand store.Demand) error {
	switch {
	case g.decision.Unsure:
		return fmt.Errorf("%w: %s", ErrProviderDown, g.decision.Refused)
	case g.decision.Refused != "":
		return fmt.Errorf("%w: %s", ErrNotAllowed, g.decision.Refused)
	}
	// As if it were a login already; a demand is only about the past.
	proof := store.Login{AuthAt: g.authAt, ACR: g.acr, ExpiresAt: a.now().Add(a.cfg.Lifetime)}
	if demand.MetUntil(proof, a.now()).IsZero() {
		return fmt.Errorf("%w: asked for a sign-in within %v and one of %q, got one at %v and %q", ErrWeak,
			demand.MaxAge, demand.ACR, g.authAt.UTC(), g.acr)
	}
	return nil
}

// code returns the code in the provider's answer to an attempt of ours.
func (p *provider) code(answer url.Values) (string, error) {
	for _, name := range []string{"code", "error", "iss"} {
		if len(answer[name]) > 1 {
			return "", fmt.Errorf("%w: %s is there twice", ErrProviderAnswer, name)
		}
	}
	// RFC 9207: an answer from another provider must not reach the token endpoint of this one.
	if answer.Has("iss") && answer.Get("iss") != p.issuer || p.SendsIssuer && !answer.Has("iss") {
		return "", fmt.Errorf("%w: the answer is not from the issuer", ErrProviderAnswer)
	}
	switch reason := answer.Get("error"); {
	case reason == "access_denied":
		return "", ErrDenied
	case reason == "unmet_authentication_requirements":
		// OpenID Connect Core Error Code unmet_authentication_requirements 1.0; Okta has it for acr_values.
		return "", fmt.Errorf("%w: %s", ErrWeak, reason)
	case answer.Has("error"):
		return "", fmt.Errorf("%w: %s", ErrProviderAnswer, errorCode(reason))
	case answer.Get("code") == "":
		return "", fmt.Errorf("%w: neither a code nor an error", ErrProviderAnswer)
	}
	return answer.Get("code"), nil
}

// signIn records a login and gives the browser a session that leads to it.
func (a *Auth) signIn(w http.ResponseWriter, r *http.Request, g grant) error {
	// From here on a browser that goes away must not leave half of it done.
	ctx := context.WithoutCancel(r.Context())
	earlier, earlierID, err := a.session(ctx, r)
	if err != nil {
		return err
	}
	sealed, err := a.seal(g.tokens, g.identity)
	if err != nil {
		return err
	}
	login, renewed, err := a.record(ctx, earlierID, store.NewLogin{
		Identity: g.identity,
		SID:      g.sid,
		Tokens:   sealed,
		Address:  a.cfg.Address(r),
		Agent:    agent(r),
		Lifetime: a.cfg.Lifetime,
		Idle:     a.cfg.Idle,
		AuthAt:   g.authAt,
		ACR:      g.acr,
		Recheck:  a.recheckIn(g.tokens),
		Access:   g.decision.Access,
	})
	if err != nil {
		return err
	}
	if earlierID != 0 && !renewed {
		err = a.End(ctx, earlierID, store.Ending{Cause: store.Replaced, By: login.User.ID, Address: a.cfg.Address(r)})
	}
	if err == nil {
		err = a.startSession(ctx, w, login)
	}
	switch {
	case err != nil && renewed:
		return err // the browser has the session from before, and that goes on
	case err != nil:
		return a.abandon(ctx, login.ID, err)
	}
	if earlierID != 0 {
		a.forget(earlier)
	}
	return nil
}

// record renews the login the browser had, if it is of the same person, or makes a new one.
func (a *Auth) record(ctx context.Context, earlier store.LoginID, n store.NewLogin) (login store.Login, renewed bool, err error) {
	if earlier != 0 {
		login, err = a.store.RenewLogin(ctx, earlier, n)
		if err == nil {
			return login, true, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return store.Login{}, false, notLoggedOut("renew login", err)
		}
	}
	login, err = a.store.CreateLogin(ctx, n)
	return login, false, notLoggedOut("create login", err)
}

// notLoggedOut explains an error of the store that has to do with the provider.
func notLoggedOut(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("%w: the session at the provider has ended meanwhile", ErrStale)
	case errors.Is(err, store.ErrForbidden):
		return ErrDeactivated
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// abandon ends a login nobody can use because of err, which it returns.
func (a *Auth) abandon(ctx context.Context, id store.LoginID, err error) error {
	if endErr := a.store.EndLogin(ctx, id, store.Ending{Cause: store.Abandoned}); endErr != nil {
		a.log.WarnContext(ctx, "end unusable login", "login", id, "error", endErr)
	}
	return err
}

// refuse puts a sign-in that came to nothing into the audit log and returns why it did. Faults of ours are not there, nor
// is somebody who went away, or back to a sign-in that has worked.
func (a *Auth) refuse(r *http.Request, g grant, err error) error {
	if _, ok := Viewer(r.Context()); ok && errors.Is(err, ErrStale) || errors.Is(err, context.Canceled) {
		return err
	}
	for _, kind := range []error{ErrStale, ErrDenied, ErrProviderDown, ErrProviderAnswer, ErrUntrusted, ErrNotAllowed, ErrDeactivated, ErrWeak} {
		if !errors.Is(err, kind) {
			continue
		}
		a.audit(r.Context(), store.AuditEntry{
			Kind: store.AuditSignInRefused, Subject: store.Person{Name: g.identity.Name},
			Address: a.cfg.Address(r), Detail: brief(err),
		})
		break
	}
	return err
}

// audit records what happened. That it can't be written down does not change what happened.
func (a *Auth) audit(ctx context.Context, e store.AuditEntry) {
	if err := a.store.RecordAudit(context.WithoutCancel(ctx), e); err != nil {
		a.log.ErrorContext(ctx, "write to the audit log", "kind", e.Kind, "error", err)
	}
}

// agent returns the browser's name for itself, bounded and on one line.
func agent(r *http.Request) string {
	s := strings.ToValidUTF8(r.UserAgent(), "")
	if len(s) > maxAgent {
		s = strings.ToValidUTF8(s[:maxAgent], "")
	}
	return s
}
