package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"letstalk/store"
)

const (
	// signOutPatience is how long a person who signs out waits for a provider nobody has heard of yet.
	signOutPatience = 2 * time.Second
	// maxEndSession keeps the URL within what web servers take; an ID token with many groups can be longer.
	maxEndSession = 7000 // bytes
)

// SignOut ends the login behind the request's cookie, then forgets session and cookie, and returns where the browser
// goes next: to the provider, to end its session as well, or home. If it returns an error, the person is still signed
// in.
func (a *Auth) SignOut(w http.ResponseWriter, r *http.Request) (string, error) {
	// Closing the page right after the click must not keep the login alive.
	ctx := context.WithoutCancel(r.Context())
	if _, err := r.Cookie(a.sessions.Cookie.Name); err != nil {
		return "/", nil
	}
	session, id, err := a.session(ctx, r)
	if err != nil {
		return "", err
	}
	var hint string
	if id != 0 {
		login, err := a.store.Login(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return "", fmt.Errorf("find login: %w", err)
		}
		ending := store.Ending{Cause: store.SignedOut, By: login.User.ID, Address: a.cfg.Address(r)}
		if err := a.End(ctx, id, ending); err != nil {
			return "", err
		}
		hint = a.hint(ctx, login)
	}
	a.forget(session)
	a.sessions.WriteSessionCookie(session, w, "", time.Time{})
	return a.endSession(ctx, hint), nil
}

// forget deletes a session whose login is over. That it stays is untidy and nothing more.
func (a *Auth) forget(session context.Context) {
	if err := a.sessions.Destroy(session); err != nil {
		a.log.WarnContext(session, "delete session", "error", err)
	}
}

// hint returns the ID token of a login, or "" if there is none to be had.
func (a *Auth) hint(ctx context.Context, login store.Login) string {
	if len(login.Tokens) == 0 {
		return ""
	}
	t, err := a.open(login.Tokens, login.User.Identity)
	if err != nil {
		a.log.WarnContext(ctx, "sign out without a hint for the provider", "login", login.ID, "error", err)
	}
	return t.ID
}

// endSession returns the provider's address for signing out, or home if it has none or can't be asked.
func (a *Auth) endSession(ctx context.Context, hint string) string {
	p := a.discovery.known()
	if p == nil {
		ctx, cancel := context.WithTimeout(ctx, signOutPatience)
		defer cancel()
		var err error
		if p, err = a.discovery.provider(ctx); err != nil {
			a.log.WarnContext(ctx, "signed out here only", "error", err)
			return "/"
		}
	}
	if p.EndSession == "" {
		return "/"
	}
	u, err := url.Parse(p.EndSession)
	if err != nil {
		return "/"
	}
	query := u.Query()
	query.Set("client_id", a.cfg.ClientID)
	query.Set("post_logout_redirect_uri", a.cfg.BaseURL.JoinPath("/").String())
	if hint != "" && len(hint)+len(p.EndSession) < maxEndSession {
		query.Set("id_token_hint", hint)
	}
	u.RawQuery = query.Encode()
	return u.String()
}
