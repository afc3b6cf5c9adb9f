package oidctest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
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

func TestItSaysWhatItOffers(t *testing.T) {
	f := setUp(t)
	var offers struct {
		EndSession  string   `json:"end_session_endpoint"`
		Backchannel bool     `json:"backchannel_logout_supported"`
		Sessions    bool     `json:"backchannel_logout_session_supported"`
		Issuer      bool     `json:"authorization_response_iss_parameter_supported"`
		PKCE        []string `json:"code_challenge_methods_supported"`
		ACR         []string `json:"acr_values_supported"`
	}
	if err := f.provider.Claims(&offers); err != nil {
		t.Fatal(err)
	}
	want(t, "where to sign out", offers.EndSession, f.SignOutPage())
	want(t, "back-channel logout, with sessions", offers.Backchannel && offers.Sessions, true)
	want(t, "iss in answers", offers.Issuer, true)
	want(t, "PKCE with S256", slices.Contains(offers.PKCE, "S256"), true)
	want(t, "ways to sign in", slices.Equal(offers.ACR, []string{oidctest.Weak, oidctest.Strong}), true)
}

func TestASignInBringsWhatTheScopesAskFor(t *testing.T) {
	f := setUp(t)
	token := f.signIn("alice")
	s := f.read(rawID(token))
	want(t, "nonce", s.Nonce, "the nonce")
	want(t, "name", s.Name, "Alice Adams")
	want(t, "e-mail", s.Email, "alice@example.org")
	want(t, "groups", slices.Equal(s.Groups, []string{"staff", "admins"}), true)
	want(t, "there is a session", s.SID != "", true)
	info, err := f.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "userinfo is about", info.Subject, s.Subject)
	want(t, "sessions", f.Sessions("alice"), 1)

	// The same browser is known there now, and asked nothing.
	again := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask(), "nobody"))))
	want(t, "who came back", again.Subject, s.Subject)
	want(t, "in the session", again.SID, s.SID)
}

func TestACodeIsForWhoBegan(t *testing.T) {
	f := setUp(t)
	u, err := url.Parse(f.SignIn(f.browser, f.ask(), "alice"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.client.Exchange(t.Context(), u.Query().Get("code"), oauth2.VerifierOption(verifier+"x"))
	wantInvalidGrant(t, "another verifier", err)
	u, err = url.Parse(f.SignIn(f.browser, f.client.AuthCodeURL("the state"), "alice"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "without PKCE", u.Query().Get("error"), "invalid_request")
}

func TestWhoRefusesIsSentBack(t *testing.T) {
	f := setUp(t)
	u, err := url.Parse(f.Refuse(f.browser, f.ask()))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "error", u.Query().Get("error"), "access_denied")
	want(t, "sessions", f.Sessions("alice"), 0)
}

func TestARefreshTokenWorksOnceAndTellsOfNewGroups(t *testing.T) {
	f := setUp(t)
	first := f.signIn("bob")
	f.SetGroups("bob", "staff", "eng-web")
	second, err := f.refresh(first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "it is replaced", second.RefreshToken != "" && second.RefreshToken != first.RefreshToken, true)
	before, after := f.read(rawID(first)), f.read(rawID(second))
	want(t, "groups", slices.Equal(after.Groups, []string{"staff", "eng-web"}), true)
	want(t, "the person", after.Subject, before.Subject)
	want(t, "the session", after.SID, before.SID)

	_, err = f.refresh(first.RefreshToken)
	wantInvalidGrant(t, "its second use", err)
	_, err = f.refresh(second.RefreshToken)
	wantInvalidGrant(t, "the one that replaced it, after that", err)
}

func TestWhatIsRevokedIsNotRefreshed(t *testing.T) {
	f := setUp(t)
	token := f.signIn("bob")
	f.Revoke("alice")
	token, err := f.refresh(token.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	f.Revoke("bob")
	_, err = f.refresh(token.RefreshToken)
	wantInvalidGrant(t, "a refresh", err)
	want(t, "sessions", f.Sessions("bob"), 1)
	want(t, "logout tokens", len(f.inbox), 0)
	f.signIn("bob") // who is asked again what may be known
}

func TestSigningOutHereSignsOutThereAndBringsTheBrowserBack(t *testing.T) {
	f := setUp(t)
	token := f.signIn("alice")
	query := url.Values{"id_token_hint": {rawID(token)}, "post_logout_redirect_uri": {f.site + "/"}}
	want(t, "where it ends", f.SignOut(f.browser, f.SignOutPage()+"?"+query.Encode()), f.site+"/")
	want(t, "sessions", f.Sessions("alice"), 0)
	s, l := f.read(rawID(token)), f.logoutToken()
	want(t, "whose session ended", l.Subject, s.Subject)
	want(t, "and which", l.SID, s.SID)
	_, err := f.refresh(token.RefreshToken)
	wantInvalidGrant(t, "a refresh", err)
}

func TestSigningOutThereTellsTheClient(t *testing.T) {
	for name, end := range map[string]func(*fixture){
		"by the person":       func(f *fixture) { f.SignOut(f.browser, f.SignOutPage()) },
		"by an administrator": func(f *fixture) { f.EndSession("alice") },
	} {
		t.Run(name, func(t *testing.T) {
			f := setUp(t)
			token := f.signIn("alice")
			f.EndSession("bob")
			end(f)
			s, l := f.read(rawID(token)), f.logoutToken()
			want(t, "whose session ended", l.Subject, s.Subject)
			want(t, "and which", l.SID, s.SID)
			want(t, "it has a number", l.ID != "", true)
			event := l.Events["http://schemas.openid.net/event/backchannel-logout"]
			want(t, "the event", bytes.Equal(event, []byte("{}")), true)
			want(t, "further logout tokens", len(f.inbox), 0)
			want(t, "sessions", f.Sessions("alice"), 0)
			_, err := f.refresh(token.RefreshToken)
			wantInvalidGrant(t, "a refresh", err)
		})
	}
}

func TestItAsksAgainWhoIsNotSureEnough(t *testing.T) {
	f := setUp(t)
	weak := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("acr_values", oidctest.Weak), "alice"))))
	want(t, "how alice signed in", weak.ACR, oidctest.Weak)
	strong := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("acr_values", oidctest.Strong), "alice"))))
	want(t, "how alice signed in", strong.ACR, oidctest.Strong)
	want(t, "in the session", strong.SID, weak.SID)
	// What was proved once is not asked for again; whoever is asked and can't comes back as they are.
	strong = f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("acr_values", oidctest.Strong), "nobody"))))
	want(t, "how alice signed in", strong.ACR, oidctest.Strong)
	weak = f.read(rawID(f.redeem(f.SignInWeakly(f.browser, f.ask("acr_values", oidctest.Strong, "prompt", "login"), "alice"))))
	want(t, "how alice signed in", weak.ACR, oidctest.Weak)

	fresh := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("max_age", "3600"), "nobody"))))
	want(t, "it says when", fresh.AuthTime > 0, true)
	// Who signed in too long ago is asked again, and not before.
	f.Pass(30 * time.Minute)
	same := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("max_age", "3600"), "nobody"))))
	want(t, "when it was", same.AuthTime, fresh.AuthTime)
	f.Pass(time.Hour)
	again := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("max_age", "3600"), "alice"))))
	want(t, "it was later", again.AuthTime >= fresh.AuthTime+90*60, true)
}

func TestWhoeverSignsInAsSomebodyElseTakesTheirPlace(t *testing.T) {
	f := setUp(t)
	alice := f.read(rawID(f.signIn("alice")))
	bob := f.read(rawID(f.redeem(f.SignIn(f.browser, f.ask("prompt", "login"), "bob"))))
	want(t, "who came back is another person", bob.Subject != alice.Subject, true)
	want(t, "whose session ended", f.logoutToken().SID, alice.SID)
	want(t, "sessions of alice", f.Sessions("alice"), 0)
}
