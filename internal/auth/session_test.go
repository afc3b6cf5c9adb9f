package auth_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

// identify runs the middleware for a request with a browser's cookies and passes on the login it finds.
func (s *site) identify(b *browser, found func(store.Login)) {
	s.Helper()
	req := b.request(s.Context(), http.MethodGet, "/")
	rec, untouched := httptest.NewRecorder(), false
	s.auth.Identify(s.fail)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		untouched = w == http.ResponseWriter(rec) // streams need what a wrapper would hide
		if login, ok := auth.Viewer(r.Context()); ok {
			found(login)
		}
	})).ServeHTTP(rec, req)
	want(s, "response writer handed on as it came", untouched, true)
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

// restart returns a second program over the same database with nothing in memory.
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
		s.clock.move(10 * 24 * time.Hour)
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
