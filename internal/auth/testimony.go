package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"letstalk/store"
)

// userInfoTimeout bounds the part of a sign-in that can be done without.
const userInfoTimeout = 5 * time.Second

// testimony is what the provider says about a person, at a sign-in or at a re-check, checked.
type testimony struct {
	subject  string
	idRaw    string // the ID token; empty if none came, as a refresh may be without
	id       claims // what it says; nil if there is none
	info     claims // what the userinfo endpoint says; nil if there is none or it could not be asked
	infoDown bool   // there is a userinfo endpoint, and it did not answer
}

// hear collects what the provider says along with a token. If the userinfo endpoint can't be asked, the ID token has to do;
// what it says about somebody else is a reason to stop.
func (a *Auth) hear(ctx context.Context, p *provider, token *oauth2.Token, of occasion) (testimony, error) {
	t := testimony{subject: of.subject}
	of.accessToken = token.AccessToken
	if raw, _ := token.Extra("id_token").(string); raw != "" {
		id, err := p.verify(ctx, raw, of, a.now)
		if err != nil {
			return testimony{}, err
		}
		t.idRaw, t.id, t.subject = raw, id.claims, id.subject
	}
	if t.subject == "" {
		return t, nil // there is nobody yet whom userinfo could be about
	}
	if p.UserInfo == "" {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, userInfoTimeout)
	defer cancel()
	info, err := p.userInfo(ctx, token.AccessToken)
	if errors.Is(err, ErrUntrusted) {
		return testimony{}, err
	}
	if err != nil {
		a.log.WarnContext(ctx, "userinfo is unavailable", "error", brief(err))
		t.infoDown = true
		return t, nil
	}
	if info.text("sub") != t.subject {
		return testimony{}, fmt.Errorf("%w: userinfo is about somebody else", ErrUntrusted)
	}
	t.info = info
	return t, nil
}

// identity returns who the person is by what was said. What nobody said stays as it is in base.
func (t testimony) identity(base store.Identity, d Decision) store.Identity {
	said := claims{}
	said.fill(t.id)
	said.fill(t.info)
	if base.Name == "" || said.hasName() {
		base.Name = said.displayName(t.subject)
	}
	if _, ok := said["email"]; ok {
		base.Email = said.email()
	}
	if d.Known {
		base.Groups = d.Groups
	}
	return base
}

// names returns the names of all claims, sorted.
func (t testimony) names() []string {
	all := claims{}
	maps.Copy(all, t.id)
	maps.Copy(all, t.info)
	return slices.Sorted(maps.Keys(all))
}

// rehearsed tells of a grant, or of what came before it failed.
func (g grant) rehearsed(err error) Rehearsed {
	r := Rehearsed{
		Subject: g.identity.Subject, Name: g.identity.Name, Email: g.identity.Email, Groups: g.decision.Groups,
		Claims: g.said.names(), InfoDown: g.said.infoDown,
		Refresh: g.tokens.Refresh != "", SID: g.sid != "", AuthAt: g.authAt, ACR: g.acr,
		Known: g.decision.Known, Note: g.decision.Note, Refused: g.decision.Refused, Access: g.decision.Access,
	}
	if err != nil {
		r.Error = brief(err)
	}
	return r
}

// maxSeconds is where times end: beyond, they are no dates that anybody means, and arithmetic on them goes wrong.
const maxSeconds = 1 << 40

// time returns a claim that is a time in seconds since 1970, or the zero time.
func (c claims) time(name string) time.Time {
	var seconds float64
	if json.Unmarshal(c[name], &seconds) != nil || seconds < 1 || seconds > maxSeconds {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// word returns a claim that is a short text of plain characters, or "".
func (c claims) word(name string) string {
	s := c.text(name)
	if len(s) > maxSID || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// tokenClaims returns the claims of an ID token that was checked when it came.
func tokenClaims(raw string) claims {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	var c claims
	if json.Unmarshal(payload, &c) != nil {
		return nil
	}
	return c
}
