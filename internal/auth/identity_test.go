package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

func TestNameAndGroupsAreBounded(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	var groups []string
	for i := range 300 {
		groups = append(groups, strings.Repeat("g", 300-i))
	}
	r.signIn(b, r.with(claimSet{
		"name": "\u202e" + strings.Repeat("ä", 500), "groups": groups, "email": "a\u202e@example.org",
		"sid": strings.Repeat("s", 999),
	}))
	login := s.login(b)
	want(t, "name", login.User.Identity.Name, strings.Repeat("ä", 100))
	want(t, "groups", len(login.User.Identity.Groups), 200)
	for _, group := range login.User.Identity.Groups {
		if len(group) > 256 {
			t.Errorf("a group has %d bytes", len(group))
		}
	}
	want(t, "email", login.User.Identity.Email, "")
	want(t, "sid", login.SID, "")
}

func TestSingleGroupMayBeAString(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.with(claimSet{"groups": "staff", "sid": "session-7"}))
	if got := s.login(b).User.Identity.Groups; !slices.Equal(got, []string{"staff"}) {
		t.Errorf("groups: %q", got)
	}
	want(t, "sid", s.login(b).SID, "session-7")
}

func TestLockedOutPersonStaysOut(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	login := s.login(b)
	if _, err := s.store.SetUserActive(t.Context(), store.Operator, login.User.ID, false); err != nil {
		t.Fatal(err)
	}
	want(t, "with the session from before", b.me(), "")
	other := s.browser()
	refused(t, other, "deactivated", func() page { return r.signIn(other, r.sign) })

	if _, err := s.store.SetUserActive(t.Context(), store.Operator, login.User.ID, true); err != nil {
		t.Fatal(err)
	}
	want(t, "signing in once let in again", r.signIn(b, r.sign).status, http.StatusSeeOther)
}

func TestLoginSaysWhereItCameFrom(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	l := s.store.newLogin.Load()
	want(t, "address", l.Address, "127.0.0.1")
	want(t, "agent", l.Agent, "Go-http-client/1.1")
	want(t, "lifetime", l.Lifetime, 7*24*time.Hour)
	want(t, "idle", l.Idle, 24*time.Hour)
}

func TestSignInThatFailsHalfWayLeavesNoLogin(t *testing.T) {
	s, r := openRogue(t)
	s.store.fullDisk.Store(true)
	b := s.browser()
	want(t, "answer", r.signIn(b, r.sign).body, "fault")
	want(t, "session", b.session(), "")
	live, err := s.store.LiveLogins(t.Context(), []store.LoginID{store.LoginID(s.store.lastLogin.Load())})
	if err != nil || len(live) > 0 || s.store.lastLogin.Load() == 0 {
		t.Errorf("live logins: %v (%v)", live, err)
	}
}

func TestBrowserThatLeavesWhileSigningInHasNoLogin(t *testing.T) {
	s, r := openRogue(t)
	ctx, leave := context.WithCancel(t.Context())
	serveUserInfo(r, func(http.ResponseWriter, *http.Request) { leave() })
	b := s.browser()
	asked := b.begin("/")
	token := r.sign(r.honest(asked))
	r.set(func() { r.idToken = token })
	req := b.request(ctx, http.MethodGet, auth.CallbackPath+"?code=c&state="+asked.Get("state"))
	if _, err := s.auth.Finish(httptest.NewRecorder(), req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	want(t, "logins", s.store.newLogin.Load(), nil)
}

func TestSignInOnceRecordedIsFinished(t *testing.T) {
	s, r := openRogue(t)
	ctx, leave := context.WithCancel(t.Context())
	s.store.onLogin = leave
	b := s.browser()
	asked := b.begin("/")
	token := r.sign(r.honest(asked))
	r.set(func() { r.idToken = token })
	req := b.request(ctx, http.MethodGet, auth.CallbackPath+"?code=c&state="+asked.Get("state"))
	rec := httptest.NewRecorder()
	if _, err := s.auth.Finish(rec, req); err != nil {
		t.Fatal(err)
	}
	b.http.Jar.SetCookies(s.base, rec.Result().Cookies())
	want(t, "viewer", b.me(), "Ada")
}

// login returns the live login behind a browser's cookie.
func (s *site) login(b *browser) store.Login {
	s.Helper()
	var found store.Login
	s.identify(b, func(l store.Login) { found = l })
	if found.ID == 0 {
		s.Fatal("the browser is not signed in")
	}
	return found
}
