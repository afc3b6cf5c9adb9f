package auth_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

func TestSignOutEndsTheLoginBeforeItAnswers(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() {
		r.discovery = map[string]any{"end_session_endpoint": r.server.URL + "/end?tenant=1"}
	})
	b := s.browser()
	r.signIn(b, r.sign)
	id, token, thief := s.login(b).ID, b.session(), s.copyOf(b)
	want(t, "session before", s.hasSession(token), true)

	p := b.post("/users/logout")
	if got := s.endings(); !slices.Equal(got, []store.LoginID{id}) {
		t.Errorf("ended: %v, want %d", got, id)
	}
	want(t, "session afterwards", s.hasSession(token), false)
	want(t, "viewer with a copy of the cookie", thief.me(), "")

	q := query(t, p.location)
	if !strings.HasPrefix(p.location, r.server.URL+"/end?") {
		t.Errorf("the browser goes to %s", p.location)
	}
	for name, value := range map[string]string{
		"tenant":                   "1",
		"client_id":                "chat",
		"id_token_hint":            r.idToken,
		"post_logout_redirect_uri": s.base.String() + "/",
	} {
		want(t, name, q.Get(name), value)
	}
}

func TestRequestInFlightDoesNotBringASessionBack(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	token, other := b.session(), s.copyOf(b)
	s.clock.move(2 * time.Minute) // the request in flight touches the login

	slow := make(chan page)
	go func() { slow <- other.get("/slow") }()
	<-s.entered
	b.post("/users/logout")
	s.release <- struct{}{}
	p := <-slow
	want(t, "the request in flight", p.status, http.StatusOK)
	want(t, "cookies it sets", len(p.cookies), 0)
	want(t, "session", s.hasSession(token), false)
	want(t, "viewer", other.me(), "")
}

func TestSignOutOfPersonWhoLeavesIsDone(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	req := b.request(ctx, http.MethodPost, "/users/logout")
	if _, err := s.auth.SignOut(httptest.NewRecorder(), req); err != nil {
		t.Fatal(err)
	}
	want(t, "viewer", b.me(), "")
}

func TestSignOutWorksWithoutTheProvider(t *testing.T) {
	r := &rogue{}
	s := open(t, r.serve)
	b := s.browser()
	r.signIn(b, r.sign)
	id := s.login(b).ID
	r.set(func() { r.down = true })

	restarted := s.restart()
	want(t, "viewer after a restart", restarted.copyOf(b).me(), "Ada")
	b = restarted.copyOf(b)
	want(t, "where the browser goes", b.post("/users/logout").location, restarted.base.String()+"/")
	want(t, "viewer", b.me(), "")
	if got := restarted.endings(); !slices.Equal(got, []store.LoginID{id}) {
		t.Errorf("ended: %v", got)
	}
}

func (s *site) restart(edits ...func(*auth.Config)) *site {
	s.Helper()
	next := &site{T: s.T, clock: s.clock, db: s.db, store: s.store, log: s.log}
	next.server = httptest.NewUnstartedServer(nil)
	next.base = &url.URL{Scheme: "http", Host: strings.Replace(next.server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)}
	cfg := auth.Config{
		Issuer: s.auth.Origins()[0], ClientID: "chat", ClientSecret: clientSecret, BaseURL: next.base,
		Key: bytes.Repeat([]byte("k"), 32), Lifetime: time.Hour, Now: s.clock.now,
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	var err error
	if next.auth, err = auth.New(cfg, next.store, next.noteEnd, next.log); err != nil {
		s.Fatal(err)
	}
	next.server.Config.Handler = next.auth.Identify(next.fail)(next.routes())
	next.server.Start()
	s.Cleanup(next.server.Close)
	return next
}

func TestSignOutWithAnotherKeyGoesWithoutHint(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() { r.discovery = map[string]any{"end_session_endpoint": r.server.URL + "/end"} })
	b := s.browser()
	r.signIn(b, r.sign)
	next := s.restart(func(c *auth.Config) { c.Key = bytes.Repeat([]byte("K"), 32) })
	b = next.copyOf(b)
	q := query(t, b.post("/users/logout").location)
	want(t, "client_id", q.Get("client_id"), "chat")
	want(t, "hint", q.Has("id_token_hint"), false)
	want(t, "viewer", b.me(), "")
}

func TestSignOutWithAHugeTokenKeepsTheURLShort(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() { r.discovery = map[string]any{"end_session_endpoint": r.server.URL + "/end"} })
	b := s.browser()
	r.signIn(b, r.with(claimSet{"padding": strings.Repeat("x", 9000)}))
	if to := b.post("/users/logout").location; len(to) > 8000 || query(t, to).Has("id_token_hint") {
		t.Errorf("the URL has %d bytes", len(to))
	}
}

func TestSignOutTwiceStillLeavesTheProvider(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() { r.discovery = map[string]any{"end_session_endpoint": r.server.URL + "/end"} })
	b := s.browser()
	want(t, "signed out already", b.post("/users/logout").location, s.base.String()+"/")
	r.signIn(b, r.sign)
	twice := s.copyOf(b)
	b.post("/users/logout")
	if to := twice.post("/users/logout").location; !strings.HasPrefix(to, r.server.URL+"/end?") {
		t.Errorf("the second click goes to %s", to)
	}
}

func TestSecondSignInEndsTheFirst(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	first, token, copied := s.login(b).ID, b.session(), s.copyOf(b)

	r.signIn(b, r.with(claimSet{"sub": "u-2", "name": "Bob"}))
	want(t, "viewer", b.me(), "Bob")
	if b.session() == token {
		t.Error("the session kept its token")
	}
	want(t, "session of the first", s.hasSession(token), false)
	want(t, "viewer with the first cookie", copied.me(), "")
	if got := s.endings(); !slices.Equal(got, []store.LoginID{first}) {
		t.Errorf("ended: %v, want %d", got, first)
	}
}

func TestEndSignsOutOneLogin(t *testing.T) {
	s, r := openRogue(t)
	b, other := s.browser(), s.browser()
	r.signIn(b, r.sign)
	r.signIn(other, r.sign)
	if err := s.auth.End(t.Context(), s.login(b).ID, store.Ending{Cause: store.EndedByAdmin}); err != nil {
		t.Fatal(err)
	}
	want(t, "ended login", b.me(), "")
	want(t, "signing out of it", b.post("/users/logout").status, http.StatusSeeOther)
	want(t, "other login", other.me(), "Ada")
}
