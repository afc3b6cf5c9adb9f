package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"letstalk/store"
)

const (
	// backchannelTimeout bounds how long the provider waits for us to ask it for its keys.
	backchannelTimeout = 5 * time.Second
	// maxLogoutLife is how long a logout token may be good for at most: it has to be remembered as long.
	maxLogoutLife  = 24 * time.Hour
	maxLogoutToken = 16 << 10 // bytes

	logoutEvent = "http://schemas.openid.net/event/backchannel-logout"
)

// BackchannelLogout ends the logins that the logout token in a request is about (OpenID Connect Back-Channel Logout 1.0),
// then returns. A token that fails any check is [ErrLogoutToken] and in the audit log. ErrProviderDown means that it could
// not be checked.
func (a *Auth) BackchannelLogout(r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), backchannelTimeout)
	defer cancel()
	logout, err := a.readLogout(ctx, r)
	if err == nil {
		// The provider may hang up; its people are to be signed out all the same.
		var ended []store.LoginID
		ended, err = a.store.EndProviderLogins(context.WithoutCancel(ctx), logout)
		a.Ended(ended...)
		switch {
		case errors.Is(err, store.ErrConflict):
			err = fmt.Errorf("%w: it was used before", ErrLogoutToken)
		case err != nil:
			return fmt.Errorf("end the provider's logins: %w", err)
		}
	}
	if err != nil {
		a.audit(ctx, store.AuditEntry{Kind: store.AuditLogoutRefused, Address: a.cfg.Address(r), Detail: brief(err)})
	}
	return err
}

func (a *Auth) readLogout(ctx context.Context, r *http.Request) (store.ProviderLogout, error) {
	// The query does not count: what stands in an address is in logs.
	if err := r.ParseForm(); err != nil {
		return store.ProviderLogout{}, fmt.Errorf("%w: the form can't be read", ErrLogoutToken)
	}
	tokens := r.PostForm["logout_token"]
	if len(tokens) != 1 || tokens[0] == "" || len(tokens[0]) > maxLogoutToken {
		return store.ProviderLogout{}, fmt.Errorf("%w: the form does not have one logout_token", ErrLogoutToken)
	}
	p, err := a.discovery.provider(ctx)
	if err != nil {
		return store.ProviderLogout{}, err
	}
	logout, err := p.verifyLogout(ctx, tokens[0], a.now)
	logout.Address = a.cfg.Address(r)
	return logout, err
}

// verifyLogout checks a logout token. go-oidc sees to signature, issuer, audience, expiry, the absence of a nonce, and to
// there being an event, a jti, and a sub or sid.
func (p *provider) verifyLogout(ctx context.Context, raw string, now func() time.Time) (store.ProviderLogout, error) {
	header, err := tokenHeader(raw)
	if err != nil {
		return store.ProviderLogout{}, fmt.Errorf("%w: %w", ErrLogoutToken, err)
	}
	verifier, keys := p.verifier(now)
	t, err := verifier.VerifyLogout(ctx, raw)
	if keys.failure != nil {
		return store.ProviderLogout{}, unavailable(ctx, "keys", keys.failure)
	}
	if err != nil {
		return store.ProviderLogout{}, fmt.Errorf("%w: %s", ErrLogoutToken, brief(err))
	}
	if err := checkLogout(t, header, now()); err != nil {
		return store.ProviderLogout{}, fmt.Errorf("%w: %w", ErrLogoutToken, err)
	}
	return store.ProviderLogout{Issuer: t.Issuer, Subject: t.Subject, SID: t.SessionID, Token: t.TokenID, Expires: t.Expiry}, nil
}

func checkLogout(t *oidc.LogoutToken, header claims, now time.Time) error {
	var payload json.RawMessage
	_ = t.Claims(&payload) // a copy of what has been parsed
	c, err := parseClaims(payload)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	var events map[string]map[string]any
	switch typ := header.typ(); {
	case typ != "" && typ != "jwt" && typ != "logout+jwt":
		return errors.New("its type is of another kind of token")
	case json.Unmarshal(c["events"], &events) != nil || events[logoutEvent] == nil:
		return errors.New("its event is no object")
	case t.IssuedAt.After(now.Add(clockSkew)):
		return errors.New("it was issued in the future")
	case t.Expiry.Sub(t.IssuedAt) > maxLogoutLife:
		return errors.New("it would be good for more than a day")
	case len(t.TokenID) > maxSID:
		return errors.New("its jti is too long")
	case len(t.SessionID) > maxSID:
		return errors.New("its sid is too long")
	case t.Subject != "" && !isSubject(t.Subject):
		return errors.New("its subject is not what a subject may be")
	}
	return nil
}
