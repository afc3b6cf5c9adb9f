package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
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
		{"the person can't sign in as strongly", url.Values{"error": {"unmet_authentication_requirements"}}, "weak"},
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
