package auth_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"letstalk/internal/auth"
)

func TestProviderDownAtStartIsTriedAgain(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() { r.down = true })
	b := s.browser()
	want(t, "site without its provider", b.get("/me").status, http.StatusUnauthorized)
	want(t, "sign-in", b.get("/users/login").body, "down")
	if err := s.lastError(); strings.Contains(err.Error(), "secret details") {
		t.Errorf("the error repeats what the provider said: %v", err)
	}
	r.set(func() { r.down = false })
	s.clock.move(2 * time.Second)
	want(t, "sign-in once it is up", r.signIn(b, r.sign).status, http.StatusSeeOther)
}

func TestCrowdDoesNotHammerProvider(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() { r.down = true })
	crowd := func() {
		var all sync.WaitGroup
		for range 20 {
			b := s.browser()
			all.Go(func() { b.get("/users/login") })
		}
		all.Wait()
	}
	crowd()
	want(t, "requests while it is down", r.count("/.well-known/openid-configuration"), 1)
	s.clock.move(2 * time.Second)
	r.set(func() { r.down = false })
	crowd()
	want(t, "requests once it is up", r.count("/.well-known/openid-configuration"), 2)
}

func TestDiscoveryIsRefreshedAndOutlivesAnOutage(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	b.begin("/")
	s.clock.move(59 * time.Minute)
	b.begin("/")
	want(t, "requests within the hour", r.count("/.well-known/openid-configuration"), 1)

	s.clock.move(time.Minute)
	r.set(func() { r.down = true })
	b.begin("/")
	b.begin("/")
	want(t, "requests while it is down", r.count("/.well-known/openid-configuration"), 2)

	s.clock.move(2 * time.Second)
	r.set(func() {
		r.down = false
		r.discovery = map[string]any{"authorization_endpoint": "https://new.example/authorize"}
	})
	if to := b.get("/users/login").location; !strings.HasPrefix(to, "https://new.example/authorize?") {
		t.Errorf("after the refresh the browser goes to %s", to)
	}
}

func TestOriginsAreThoseOfIssuerAndPages(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() {
		r.discovery = map[string]any{
			"authorization_endpoint": "https://login.example/a?tenant=1",
			"end_session_endpoint":   "https://bye.example:8443/end",
		}
	})
	if got := s.auth.Origins(); !slices.Equal(got, []string{r.server.URL}) {
		t.Errorf("before discovery: %v", got)
	}
	if err := s.auth.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := s.auth.Origins()
	if want := []string{r.server.URL, "https://login.example", "https://bye.example:8443"}; !slices.Equal(got, want) {
		t.Errorf("after discovery: %v, want %v", got, want)
	}
}

func TestPersonWhoLeavesIsNotWaitedFor(t *testing.T) {
	s, r := openRogue(t)
	reached := make(chan struct{})
	r.set(func() {
		r.token = func(_ http.ResponseWriter, r *http.Request) {
			close(reached)
			<-r.Context().Done()
		}
	})
	b := s.browser()
	asked := b.begin("/")
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-reached
		leave()
	}()
	req := b.request(ctx, http.MethodGet, auth.CallbackPath+"?code=c&state="+asked.Get("state"))
	_, err := s.auth.Finish(httptest.NewRecorder(), req)
	if !errors.Is(err, auth.ErrProviderDown) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDiscoveryOutlivesWhoAskedForIt(t *testing.T) {
	r := &rogue{}
	reached, release := make(chan struct{}), make(chan struct{})
	s := open(t, r.serve)
	r.set(func() {
		r.slow = func() {
			close(reached)
			<-release
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-reached
		leave()
	}()
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/users/login", nil)
	if _, err := s.auth.Begin(httptest.NewRecorder(), req, auth.Wish{Return: "/"}); !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	r.set(func() { r.slow = nil })
	close(release)
	s.browser().begin("/")
	want(t, "requests", r.count("/.well-known/openid-configuration"), 1)
}

func TestClientProvesItselfAsAdvertised(t *testing.T) {
	for _, tc := range []struct {
		name    string
		methods any
		secret  string
		basic   bool
	}{
		{"nothing advertised", nil, clientSecret, true},
		{"both", []string{"client_secret_post", "client_secret_basic"}, clientSecret, true},
		{"post only", []string{"client_secret_post"}, clientSecret, false},
		{"public client", []string{"client_secret_basic", "none"}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &rogue{}
			s := open(t, r.serve, func(c *auth.Config) { c.ClientSecret = tc.secret })
			r.set(func() { r.discovery = map[string]any{"token_endpoint_auth_methods_supported": tc.methods} })
			want(t, "status", r.signIn(s.browser(), r.sign).status, http.StatusSeeOther)
			if r.header.Get("Authorization") != "" != tc.basic {
				t.Errorf("authorization header %q", r.header.Get("Authorization"))
			}
			if !tc.basic {
				want(t, "client_id", r.form.Get("client_id"), "chat")
				want(t, "client_secret", r.form.Get("client_secret"), tc.secret)
			}
		})
	}
}

func TestRequestAsksWithProofOfPossession(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	asked := b.begin("/")
	for name, value := range map[string]string{
		"response_type":         "code",
		"client_id":             "chat",
		"redirect_uri":          s.base.String() + "/authorization-code/callback",
		"scope":                 "openid profile email groups offline_access",
		"code_challenge_method": "S256",
	} {
		want(t, name, asked.Get(name), value)
	}
	other := b.begin("/")
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(asked.Get(name)) != 43 || asked.Get(name) == other.Get(name) {
			t.Errorf("%s is %q, then %q", name, asked.Get(name), other.Get(name))
		}
	}
	r.set(func() { r.idToken = r.sign(r.honest(asked)) })
	b.callback(url.Values{"code": {"c"}, "state": {asked.Get("state")}})
	sum := sha256.Sum256([]byte(r.form.Get("code_verifier")))
	want(t, "challenge of the verifier", base64.RawURLEncoding.EncodeToString(sum[:]), asked.Get("code_challenge"))
	want(t, "redirect_uri", r.form.Get("redirect_uri"), asked.Get("redirect_uri"))
}
