package oidctest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"letstalk/internal/oidctest"
)

// secret has whatever form-encoding changes.
const secret = "s3cret:+ %2F"

// fixture is a provider and its client, which go-oidc plays.
type fixture struct {
	*testing.T
	*oidctest.Provider
	browser  *http.Client
	site     string
	client   oauth2.Config
	provider *oidc.Provider
	inbox    chan string // logout tokens
}

func setUp(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, inbox: make(chan string, 8)}
	site := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		f.inbox <- r.PostFormValue("logout_token")
	}))
	t.Cleanup(site.Close)
	f.site = site.URL
	f.Provider = oidctest.Start(t, oidctest.Client{
		ID: "chat", Secret: secret,
		RedirectURIs:           []string{f.site + "/callback"},
		PostLogoutRedirectURIs: []string{f.site + "/"},
		BackchannelLogoutURI:   f.site + "/logout",
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.browser = &http.Client{Jar: jar}
	if f.provider, err = oidc.NewProvider(t.Context(), f.Issuer); err != nil {
		t.Fatal(err)
	}
	f.client = oauth2.Config{
		ClientID: "chat", ClientSecret: secret, Endpoint: f.provider.Endpoint(),
		RedirectURL: f.site + "/callback", Scopes: []string{"openid", "profile", "email", "groups", "offline_access"},
	}
	f.client.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return f
}

const verifier = "a-verifier-of-at-least-forty-three-characters"

// ask is an authorization request; each pair of extra adds a parameter.
func (f *fixture) ask(extra ...string) string {
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oidc.Nonce("the nonce")}
	for i := 0; i < len(extra); i += 2 {
		options = append(options, oauth2.SetAuthURLParam(extra[i], extra[i+1]))
	}
	return f.client.AuthCodeURL("the state", options...)
}

// redeem checks an answer of the provider and returns the tokens.
func (f *fixture) redeem(callback string) *oauth2.Token {
	f.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		f.Fatal(err)
	}
	q := u.Query()
	want(f, "state", q.Get("state"), "the state")
	want(f, "iss", q.Get("iss"), f.Issuer)
	token, err := f.client.Exchange(f.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		f.Fatal(err)
	}
	return token
}

// said is what an ID token or a logout token says.
type said struct {
	Subject  string   `json:"sub"`
	SID      string   `json:"sid"`
	Nonce    string   `json:"nonce"`
	Name     string   `json:"name"`
	Email    string   `json:"email"`
	Groups   []string `json:"groups"`
	ACR      string   `json:"acr"`
	AuthTime int64    `json:"auth_time"`
	ID       string   `json:"jti"`
	Events   map[string]json.RawMessage
}

// read verifies a token and returns what it says.
func (f *fixture) read(raw string) said {
	f.Helper()
	token, err := f.provider.Verifier(&oidc.Config{
		ClientID: "chat", SupportedSigningAlgs: []string{oidc.ES256}, SkipExpiryCheck: true, // its clock may be ahead
	}).Verify(f.Context(), raw)
	if err != nil {
		f.Fatal(err)
	}
	var s said
	if err := token.Claims(&s); err != nil {
		f.Fatal(err)
	}
	return s
}

func rawID(token *oauth2.Token) string {
	raw, _ := token.Extra("id_token").(string)
	return raw
}

func (f *fixture) signIn(account string) *oauth2.Token {
	f.Helper()
	return f.redeem(f.SignIn(f.browser, f.ask(), account))
}

func (f *fixture) refresh(refreshToken string) (*oauth2.Token, error) {
	return f.client.TokenSource(f.Context(), &oauth2.Token{RefreshToken: refreshToken}).Token()
}

// logoutToken returns the next logout token that comes in.
func (f *fixture) logoutToken() said {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	select {
	case raw := <-f.inbox:
		return f.read(raw)
	case <-ctx.Done():
		f.Fatal("no logout token came in")
		return said{}
	}
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantInvalidGrant wants a refresh to be refused.
func wantInvalidGrant(t testing.TB, what string, err error) {
	t.Helper()
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) || refusal.ErrorCode != "invalid_grant" {
		t.Errorf("%s: got %v, want invalid_grant", what, err)
	}
}
