package devidp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"letstalk/internal/devidp"
)

// clock stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// fixture is a provider and its relying parties, all on real listeners.
type fixture struct {
	*testing.T
	clock    *clock
	idp      *devidp.Provider
	issuer   string
	rp       string // origin of the relying parties
	client   oauth2.Config
	provider *oidc.Provider
	inbox    *inbox
}

// inbox keeps the logout tokens the relying parties receive, by path.
type inbox struct {
	mu     sync.Mutex
	tokens map[string][]string
}

// in returns the fixture for a subtest, so that it is the one to fail.
func (f *fixture) in(t *testing.T) *fixture {
	g := *f
	g.T = t
	return &g
}

// The secret has whatever form-encoding changes.
const secret = "s3cret:+ %2F/é"

// setUp serves the demo people, or others.
func setUp(t *testing.T, accounts ...devidp.Account) *fixture {
	t.Helper()
	f := &fixture{
		T:     t,
		clock: &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		inbox: &inbox{tokens: make(map[string][]string)},
	}
	rp := httptest.NewServer(f.inbox)
	t.Cleanup(rp.Close)
	f.rp = rp.URL
	srv := httptest.NewUnstartedServer(nil)
	f.issuer = "http://" + srv.Listener.Addr().String() + "/dev/idp"
	idp, err := devidp.New(devidp.Config{
		Issuer:   f.issuer,
		Accounts: accounts,
		Now:      f.clock.now,
		Clients: []devidp.Client{
			{
				ID:                     "chat",
				Secret:                 secret,
				RedirectURIs:           []string{f.rp + "/callback", f.rp + "/callback?tenant=1"},
				PostLogoutRedirectURIs: []string{f.rp + "/bye"},
				BackchannelLogoutURI:   f.rp + "/chat/logout",
			},
			{
				ID:                     "wiki",
				Secret:                 "other",
				RedirectURIs:           []string{f.rp + "/wiki"},
				PostLogoutRedirectURIs: []string{f.rp + "/wiki/bye"},
				BackchannelLogoutURI:   f.rp + "/wiki/logout",
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.idp = idp
	srv.Config.Handler = idp
	srv.Start()
	t.Cleanup(srv.Close)
	t.Cleanup(idp.Wait)
	if f.provider, err = oidc.NewProvider(t.Context(), f.issuer); err != nil {
		t.Fatal(err)
	}
	f.client = oauth2.Config{
		ClientID:     "chat",
		ClientSecret: secret,
		Endpoint:     f.provider.Endpoint(),
		RedirectURL:  f.rp + "/callback",
		Scopes:       []string{"openid", "profile", "email", "offline_access"},
	}
	f.client.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return f
}

// wiki is the second relying party.
func (f *fixture) wiki() oauth2.Config {
	c := f.client
	c.ClientID, c.ClientSecret, c.RedirectURL = "wiki", "other", f.rp+"/wiki"
	c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	return c
}

func (i *inbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens[r.URL.Path] = append(i.tokens[r.URL.Path], r.PostFormValue("logout_token"))
}

// received returns the logout tokens a relying party got, once all are delivered.
func (f *fixture) received(path string) []string {
	f.idp.Wait()
	f.inbox.mu.Lock()
	defer f.inbox.mu.Unlock()
	return f.inbox.tokens[path]
}

func (f *fixture) tokenVerifier(clientID string) *oidc.IDTokenVerifier {
	return f.provider.Verifier(&oidc.Config{
		ClientID: clientID, Now: f.clock.now, SupportedSigningAlgs: []string{oidc.RS256},
	})
}

const verifier = "a-verifier-of-at-least-forty-three-characters"

// authURL is an authorization request for client; each pair of extra overrides a parameter, and "" removes it.
func authURL(client oauth2.Config, extra ...string) string {
	target := client.AuthCodeURL("the state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("the nonce"))
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	for i := 0; i < len(extra); i += 2 {
		if q.Set(extra[i], extra[i+1]); extra[i+1] == "" {
			q.Del(extra[i])
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// code lets a person sign in to client and returns the code that comes back.
func (b *browser) code(client oauth2.Config, account string, extra ...string) string {
	b.f.Helper()
	page := b.get(authURL(client, extra...))
	return b.press(page, "account", account).params(client.RedirectURL).Get("code")
}

// signIn goes the whole way and returns the tokens.
func (b *browser) signIn(client oauth2.Config, account string, extra ...string) *oauth2.Token {
	b.f.Helper()
	return b.f.redeem(client, b.code(client, account, extra...))
}

// redeem trades a code for tokens.
func (f *fixture) redeem(client oauth2.Config, code string) *oauth2.Token {
	f.Helper()
	token, err := client.Exchange(f.Context(), code, oauth2.VerifierOption(verifier))
	if err != nil {
		f.Fatal(err)
	}
	return token
}

// idToken verifies the ID token of an answer.
func (f *fixture) idToken(client oauth2.Config, token *oauth2.Token) *oidc.IDToken {
	f.Helper()
	got, err := f.tokenVerifier(client.ClientID).Verify(f.Context(), rawIDToken(token))
	if err != nil {
		f.Fatal(err)
	}
	return got
}

func rawIDToken(token *oauth2.Token) string {
	raw, _ := token.Extra("id_token").(string)
	return raw
}

func (f *fixture) sid(client oauth2.Config, token *oauth2.Token) string {
	f.Helper()
	var claims struct {
		SessionID string `json:"sid"`
	}
	if err := f.idToken(client, token).Claims(&claims); err != nil {
		f.Fatal(err)
	}
	return claims.SessionID
}

// claims returns what the ID token of an answer says.
func (f *fixture) claims(client oauth2.Config, token *oauth2.Token) map[string]any {
	f.Helper()
	var claims map[string]any
	if err := f.idToken(client, token).Claims(&claims); err != nil {
		f.Fatal(err)
	}
	return claims
}

// works reports whether the access token opens userinfo.
func (f *fixture) works(token *oauth2.Token) bool {
	f.Helper()
	_, err := f.provider.UserInfo(f.Context(), bearer(token.AccessToken))
	return err == nil
}

// bearer sends the token as it is, whatever its age by the wall clock.
func bearer(access string) oauth2.TokenSource {
	return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: access})
}

// refresh asks for new tokens without x/oauth2's idea of whether it is time.
func refresh(ctx context.Context, client oauth2.Config, refreshToken string) (*oauth2.Token, error) {
	return client.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
}
