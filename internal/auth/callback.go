package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"letstalk/store"
)

const (
	// redeemTimeout bounds the whole conversation with the provider while a person waits.
	redeemTimeout = 20 * time.Second
	// userInfoTimeout bounds the part of it that can be done without.
	userInfoTimeout = 5 * time.Second

	maxAgent = 300 // bytes
)

// Finish ends a sign-in: it checks the provider's answer in the request, records the login, gives the browser a new
// session and returns the path to go to. A login the browser had before is ended.
func (a *Auth) Finish(w http.ResponseWriter, r *http.Request) (string, error) {
	answer := r.URL.Query()
	attempt, err := a.takeAttempt(r, answer)
	if err != nil {
		return "", err
	}
	g, err := a.redeem(r.Context(), answer, attempt)
	if err != nil {
		return "", err
	}
	if err := r.Context().Err(); err != nil {
		return "", fmt.Errorf("the browser went away: %w", err) // nobody would ever end that login
	}
	if err := a.signIn(w, r, g); err != nil {
		return "", err
	}
	return attempt.Return, nil
}

// grant is what a sign-in at the provider brought.
type grant struct {
	identity store.Identity
	sid      string
	tokens   tokens
}

// redeem turns the provider's answer to an attempt into who the person is.
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
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return grant{}, fmt.Errorf("%w: token endpoint gave no ID token", ErrUntrusted)
	}
	id, err := p.verify(ctx, raw, attempt.Nonce, token.AccessToken, a.now)
	if err != nil {
		return grant{}, err
	}
	if err := a.addUserInfo(ctx, p, token, id); err != nil {
		return grant{}, err
	}
	groups, cut := id.claims.groups(a.cfg.GroupsClaim)
	if cut {
		a.log.WarnContext(ctx, "person is in too many groups, some are ignored", "kept", len(groups))
	}
	g := grant{
		identity: store.Identity{
			Issuer:  a.cfg.Issuer,
			Subject: id.subject,
			Name:    id.claims.displayName(id.subject),
			Email:   id.claims.email(),
			Groups:  groups,
		},
		tokens: tokens{ID: raw, Refresh: token.RefreshToken, Expires: token.Expiry},
	}
	if sid := id.claims.text("sid"); len(sid) <= maxSID {
		g.sid = sid
	}
	return g, nil
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
	case answer.Has("error"):
		return "", fmt.Errorf("%w: %s", ErrProviderAnswer, errorCode(reason))
	case answer.Get("code") == "":
		return "", fmt.Errorf("%w: neither a code nor an error", ErrProviderAnswer)
	}
	return answer.Get("code"), nil
}

// addUserInfo adds what the userinfo endpoint knows beyond the ID token. If it can't be asked, the ID token has to do;
// what it says about somebody else is a reason to stop.
func (a *Auth) addUserInfo(ctx context.Context, p *provider, token *oauth2.Token, id idToken) error {
	if p.UserInfo == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, userInfoTimeout)
	defer cancel()
	info, err := p.oidc.UserInfo(oidc.ClientContext(ctx, p.client), oauth2.StaticTokenSource(token))
	if err != nil {
		a.log.WarnContext(ctx, "userinfo is unavailable", "error", brief(err))
		return nil
	}
	if info.Subject != id.subject {
		return fmt.Errorf("%w: userinfo is about somebody else", ErrUntrusted)
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("%w: userinfo: %s", ErrUntrusted, brief(err))
	}
	id.claims.fill(more)
	return nil
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
	login, err := a.store.CreateLogin(ctx, store.NewLogin{
		Identity: g.identity,
		SID:      g.sid,
		Tokens:   sealed,
		Address:  a.cfg.Address(r),
		Agent:    agent(r),
		Lifetime: a.cfg.Lifetime,
		Idle:     a.cfg.Idle,
	})
	if err != nil {
		return fmt.Errorf("create login: %w", err)
	}
	if earlierID != 0 {
		err = a.End(ctx, earlierID)
	}
	if err == nil {
		err = a.startSession(ctx, w, login)
	}
	if err != nil {
		return a.abandon(ctx, login.ID, err)
	}
	if earlierID != 0 {
		a.forget(earlier)
	}
	return nil
}

// abandon ends a login nobody can use because of err, which it returns.
func (a *Auth) abandon(ctx context.Context, id store.LoginID, err error) error {
	if endErr := a.store.EndLogin(ctx, id); endErr != nil {
		a.log.WarnContext(ctx, "end unusable login", "login", id, "error", endErr)
	}
	return err
}

// agent returns the browser's name for itself, bounded and on one line.
func agent(r *http.Request) string {
	s := strings.ToValidUTF8(r.UserAgent(), "")
	if len(s) > maxAgent {
		s = strings.ToValidUTF8(s[:maxAgent], "")
	}
	return s
}
