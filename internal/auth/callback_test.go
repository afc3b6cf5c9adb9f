package auth_test

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

func TestAttemptWorksOnceAndInItsBrowserOnly(t *testing.T) {
	s, r := openRogue(t)
	answer := func(state ...string) url.Values { return url.Values{"code": {"c"}, "state": state} }
	for _, tc := range []struct {
		name string
		try  func(b *browser, state string) page
	}{
		{"no state", func(b *browser, _ string) page { return b.callback(answer()) }},
		{"empty state", func(b *browser, _ string) page { return b.callback(answer("")) }},
		{"wrong state", func(b *browser, state string) page {
			return b.callback(answer(strings.Repeat("x", len(state))))
		}},
		{"state twice", func(b *browser, state string) page { return b.callback(answer(state, state)) }},
		{"very long state", func(b *browser, state string) page { return b.callback(answer(state + strings.Repeat("x", 9999))) }},
		{"browser without a cookie", func(b *browser, state string) page {
			return b.browser().callback(answer(state))
		}},
		{"another browser", func(b *browser, state string) page {
			other := b.browser()
			other.begin("/")
			return other.callback(answer(state))
		}},
		{"error answer without state", func(b *browser, _ string) page {
			return b.callback(url.Values{"error": {"access_denied"}})
		}},
		{"after ten minutes", func(b *browser, state string) page {
			s.clock.move(10*time.Minute + time.Second)
			return b.callback(answer(state))
		}},
		{"after it worked", func(b *browser, state string) page {
			want(t, "the first time", b.callback(answer(state)).status, http.StatusSeeOther)
			return b.callback(answer(state))
		}},
		{"after it failed", func(b *browser, state string) page {
			r.set(func() { r.down = true })
			want(t, "the first time", b.callback(answer(state)).body, "down")
			r.set(func() { r.down = false })
			return b.callback(answer(state))
		}},
		{"after it was refused", func(b *browser, state string) page {
			refused := url.Values{"error": {"access_denied"}, "state": {state}}
			want(t, "the first time", b.callback(refused).body, "denied")
			return b.callback(answer(state))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			asked := b.begin("/chat/General")
			token := r.sign(r.honest(asked))
			r.set(func() { r.idToken = token })
			want(t, "answer", tc.try(b, asked.Get("state")).body, "stale")
		})
	}
}

func TestSignInReturnsToThisSiteOnly(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	asked := b.begin("//evil.example/chat")
	token := r.sign(r.honest(asked))
	r.set(func() { r.idToken = token })
	p := b.callback(url.Values{"code": {"c"}, "state": {asked.Get("state")}})
	want(t, "path", p.location, s.base.String()+"/dashboard")
}

func TestStolenStateDoesNotSpoilTheAttempt(t *testing.T) {
	s, r := openRogue(t)
	b, thief := s.browser(), s.browser()
	asked := b.begin("/chat/General")
	thief.begin("/")
	token := r.sign(r.honest(asked))
	r.set(func() { r.idToken = token })
	answer := url.Values{"code": {"c"}, "state": {asked.Get("state")}}
	want(t, "thief", thief.callback(answer).body, "stale")
	want(t, "browser that began", b.callback(answer).location, s.base.String()+"/chat/General")
}

func TestTwoTabsSignInSideBySide(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	first, second := b.begin("/chat/General"), b.begin("/chat/Sports")
	for _, tab := range []struct {
		asked url.Values
		path  string
	}{{second, "/chat/Sports"}, {first, "/chat/General"}} {
		token := r.sign(r.honest(tab.asked))
		r.set(func() { r.idToken = token })
		p := b.callback(url.Values{"code": {"c"}, "state": {tab.asked.Get("state")}})
		want(t, "path", p.location, s.base.String()+tab.path)
	}
}

func TestProviderAnswersWithoutCode(t *testing.T) {
	s, _ := openRogue(t)
	for _, tc := range []struct {
		name   string
		answer url.Values
		want   string
	}{
		{"the person refused", url.Values{"error": {"access_denied"}}, "denied"},
		{"another error", url.Values{"error": {"server_error"}, "error_description": {"told-in-confidence"}}, "answer"},
		{"an error and a code", url.Values{"error": {"invalid_scope"}, "code": {"c"}}, "answer"},
		{"an empty error", url.Values{"error": {""}, "code": {"c"}}, "answer"},
		{"nothing", url.Values{}, "answer"},
		{"an empty code", url.Values{"code": {""}}, "answer"},
		{"two codes", url.Values{"code": {"a", "b"}}, "answer"},
		{"another issuer", url.Values{"code": {"c"}, "iss": {"https://other.example"}}, "answer"},
		{"another issuer refuses", url.Values{"error": {"access_denied"}, "iss": {"https://other.example"}}, "answer"},
		{"an empty issuer", url.Values{"code": {"c"}, "iss": {""}}, "answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.note("told-in-confidence")
			b := s.browser()
			tc.answer.Set("state", b.begin("/").Get("state"))
			want(t, "answer", b.callback(tc.answer).body, tc.want)
			want(t, "session", b.session(), "")
		})
	}
}

func TestIssuerInTheAnswerIsRequiredWhereAdvertised(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() { r.discovery = map[string]any{"authorization_response_iss_parameter_supported": true} })
	for name, tc := range map[string]struct {
		issuer []string
		want   int
	}{
		"right":   {[]string{r.server.URL}, http.StatusSeeOther},
		"missing": {nil, http.StatusForbidden},
		"wrong":   {[]string{r.server.URL + "/"}, http.StatusForbidden},
		"twice":   {[]string{r.server.URL, r.server.URL}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.browser()
			asked := b.begin("/")
			token := r.sign(r.honest(asked))
			r.set(func() { r.idToken = token })
			answer := url.Values{"code": {"c"}, "state": {asked.Get("state")}, "iss": tc.issuer}
			want(t, "status", b.callback(answer).status, tc.want)
		})
	}
}

// serveUserInfo makes the provider answer there.
func serveUserInfo(r *rogue, handler http.HandlerFunc) {
	r.set(func() {
		r.discovery = map[string]any{"userinfo_endpoint": r.server.URL + "/userinfo"}
		r.userInfo = handler
	})
}

func TestUserInfoOfSomebodyElseIsRefused(t *testing.T) {
	for name, info := range map[string]map[string]any{
		"another subject": {"sub": "u-2", "name": "Eve"},
		"no subject":      {"name": "Eve"},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := openRogue(t)
			serveUserInfo(r, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, info) })
			b := s.browser()
			want(t, "answer", r.signIn(b, r.sign).body, "untrusted")
			want(t, "session", b.session(), "")
		})
	}
}

func TestUserInfoFillsInWhatTheTokenLacks(t *testing.T) {
	s, r := openRogue(t)
	serveUserInfo(r, func(w http.ResponseWriter, req *http.Request) {
		want(t, "authorization", req.Header.Get("Authorization"), "Bearer "+accessToken)
		writeJSON(w, map[string]any{
			"sub": "u-1", "name": "Not Ada", "email": "ada@example.org", "groups": []any{"staff", 7, "admins", "staff", ""},
		})
	})
	b := s.browser()
	r.signIn(b, r.with(claimSet{"groups": []string{}}))
	got := s.login(b).User.Identity
	want(t, "name", got.Name, "Ada")
	want(t, "email", got.Email, "ada@example.org")
	if !slices.Equal(got.Groups, []string{"staff", "admins"}) {
		t.Errorf("groups: %q", got.Groups)
	}
	want(t, "issuer", got.Issuer, r.server.URL)
	want(t, "subject", got.Subject, "u-1")
}

func TestSignInDoesWithoutUserInfo(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"broken":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret words", http.StatusBadGateway) },
		"huge":     func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte(" "), 2<<20)) },
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example/", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := openRogue(t)
			s.note("secret words")
			serveUserInfo(r, handler)
			b := s.browser()
			r.signIn(b, r.sign)
			want(t, "viewer", b.me(), "Ada")
		})
	}
}

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
	if err := s.store.SetUserActive(t.Context(), login.User.ID, false); err != nil {
		t.Fatal(err)
	}
	want(t, "with the session from before", b.me(), "")
	want(t, "signing in again", r.signIn(s.browser(), r.sign).body, "forbidden")

	if err := s.store.SetUserActive(t.Context(), login.User.ID, true); err != nil {
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
