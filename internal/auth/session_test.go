package auth_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

// identify runs the middleware for a request with a browser's cookies and passes on the login it finds.
func (s *site) identify(b *browser, found func(store.Login)) {
	s.Helper()
	req := httptest.NewRequestWithContext(s.Context(), http.MethodGet, "/", nil)
	for _, c := range b.http.Jar.Cookies(s.base) {
		req.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	s.auth.Identify(s.fail)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if login, ok := auth.Viewer(r.Context()); ok {
			found(login)
		}
	})).ServeHTTP(rec, req)
	if len(rec.Header()) > 0 {
		s.Errorf("Identify wrote headers: %v", rec.Header())
	}
}

// copyOf returns a browser with the cookies another has now.
func (s *site) copyOf(b *browser) *browser {
	s.Helper()
	other := s.browser()
	other.http.Jar.SetCookies(s.base, b.http.Jar.Cookies(s.base))
	return other
}

func (s *site) hasSession(token string) bool {
	s.Helper()
	sum := sha256.Sum256([]byte(token))
	_, err := s.store.Session(s.Context(), base64.RawURLEncoding.EncodeToString(sum[:]))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.Fatal(err)
	}
	return err == nil
}

func TestCookiesOnHTTP(t *testing.T) {
	s, r := openRogue(t)
	checkCookies(t, s, r, "", false)
}

func TestCookiesOnHTTPS(t *testing.T) {
	r := &rogue{}
	checkCookies(t, openServer(t, true, r.serve), r, "__Host-", true)
}

func checkCookies(t *testing.T, s *site, r *rogue, prefix string, secure bool) {
	check := func(what string, c *http.Cookie, age int) {
		t.Helper()
		if c == nil {
			t.Fatalf("%s: there is no such cookie", what)
		}
		want(t, what+" Secure", c.Secure, secure)
		want(t, what+" HttpOnly", c.HttpOnly, true)
		want(t, what+" SameSite", c.SameSite, http.SameSiteLaxMode)
		want(t, what+" Path", c.Path, "/")
		want(t, what+" Domain", c.Domain, "")
		if age >= 0 && c.MaxAge != age {
			t.Errorf("%s Max-Age: %d", what, c.MaxAge)
		}
	}
	b := s.browser()
	p := b.get("/users/login")
	check("sign-in cookie", p.cookie(prefix+"signin"), 600)
	want(t, "sign-in cookies", len(p.cookies), 1)
	again := b.get("/users/login")
	want(t, "value at the second attempt", again.cookie(prefix+"signin").Value, p.cookie(prefix+"signin").Value)

	p = r.signIn(b, r.sign)
	check("session cookie", p.cookie(prefix+"session"), -1)
	if age := p.cookie(prefix + "session").MaxAge; age <= 0 || age > 7*24*3600+1 {
		t.Errorf("session cookie Max-Age: %d", age)
	}
	want(t, "viewer", b.me(), "Ada")

	p = b.post("/users/logout")
	gone := p.cookie(prefix + "session")
	check("cookie at sign-out", gone, -1)
	want(t, "value at sign-out", gone.Value, "")
	want(t, "viewer after sign-out", b.me(), "")
}

func TestForeignCookieIsNoSession(t *testing.T) {
	s, r := openRogue(t)
	r.signIn(s.browser(), r.sign)
	for _, value := range []string{"x", strings.Repeat("x", 43), strings.Repeat("x", 4000)} {
		b := s.browser()
		b.http.Jar.SetCookies(s.base, []*http.Cookie{{Name: "session", Value: value}})
		want(t, "viewer", b.me(), "")
	}
}

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

// restart returns a second program over the same database with nothing in memory.
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
	if err := s.auth.End(t.Context(), s.login(b).ID); err != nil {
		t.Fatal(err)
	}
	want(t, "ended login", b.me(), "")
	want(t, "other login", other.me(), "Ada")
	want(t, "endings", len(s.endings()), 1)
}

func TestLoginIsTouchedOnceAMinute(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	for _, touches := range []int32{0, 1, 2} {
		for range 10 {
			b.me()
		}
		want(t, "touches", s.store.touches.Load(), touches)
		s.clock.move(time.Minute)
	}
}

func TestSessionEndsWithItsLogin(t *testing.T) {
	t.Run("idle", func(t *testing.T) {
		s, r := openRogue(t)
		b := s.browser()
		r.signIn(b, r.sign)
		s.clock.move(23 * time.Hour)
		want(t, "viewer in time", b.me(), "Ada")
		s.clock.move(23 * time.Hour)
		want(t, "viewer in time again", b.me(), "Ada")
		s.clock.move(25 * time.Hour)
		want(t, "viewer too late", b.me(), "")
	})
	t.Run("lifetime", func(t *testing.T) {
		s, r := openRogue(t)
		b := s.browser()
		r.signIn(b, r.sign)
		for range 7 {
			want(t, "viewer", b.me(), "Ada")
			s.clock.move(23*time.Hour + 59*time.Minute)
		}
		s.clock.move(time.Hour)
		want(t, "viewer after a week", b.me(), "")
	})
}

func TestStoreThatFailsIsNotTakenForSignedOut(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, "page", b.get("/me").body, "fault")
	want(t, "sign-out", b.post("/users/logout").body, "fault")
	want(t, "endings", len(s.endings()), 0)
}

func TestSecretsAtRestCannotBeRead(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	files, err := os.ReadDir(strings.TrimSuffix(s.db, "letstalk.db"))
	if err != nil {
		t.Fatal(err)
	}
	var disk []byte
	for _, file := range files {
		data, err := os.ReadFile(strings.TrimSuffix(s.db, "letstalk.db") + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		disk = append(disk, data...)
	}
	if !bytes.Contains(disk, []byte("Ada")) {
		t.Fatal("the database does not hold the sign-in at all")
	}
	secrets := []string{r.idToken, refreshToken, accessToken}
	for _, c := range b.http.Jar.Cookies(s.base) {
		secrets = append(secrets, c.Value)
	}
	want(t, "secrets looked for", len(secrets), 5)
	for _, secret := range secrets {
		if bytes.Contains(disk, []byte(secret)) {
			t.Errorf("%q is on the disk", secret)
		}
	}
}
