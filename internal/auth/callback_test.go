package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
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
		{"cookie of another length", func(b *browser, state string) page {
			b.http.Jar.SetCookies(b.base, []*http.Cookie{{Name: "signin", Value: "short", Path: "/"}})
			return b.callback(answer(state))
		}},
		{"cookie that holds the state", func(b *browser, state string) page {
			b.http.Jar.SetCookies(b.base, []*http.Cookie{{Name: "signin", Value: state, Path: "/"}})
			return b.callback(answer(state))
		}},
		{"state with more", func(b *browser, state string) page { return b.callback(answer(state + " ")) }},
		{"state in other letters", func(b *browser, state string) page { return b.callback(answer(strings.ToUpper(state))) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			asked := b.begin("/chat/General")
			token := r.sign(r.honest(asked))
			r.set(func() { r.idToken = token })
			sent := r.count("/token")
			refused(t, b, "stale", func() page { return tc.try(b, asked.Get("state")) })
			want(t, "codes sent to the provider", r.count("/token"), sent)
		})
	}
}

func TestAnswerIsTakenOnce(t *testing.T) {
	s, r := openRogue(t)
	for _, tc := range []struct {
		name, first string
		answer      url.Values // the first one
	}{
		{"after it failed", "down", url.Values{"code": {"c"}}},
		{"after it was refused", "denied", url.Values{"error": {"access_denied"}}},
		{"after it was not trusted", "untrusted", url.Values{"code": {"c"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			asked := b.begin("/")
			token := r.sign(r.honest(asked))
			r.set(func() { r.idToken = map[string]string{"untrusted": "gibberish"}[tc.first]; r.down = tc.first == "down" })
			tc.answer.Set("state", asked.Get("state"))
			refused(t, b, tc.first, func() page { return b.callback(tc.answer) })
			r.set(func() { r.idToken, r.down = token, false })
			refused(t, b, "stale", func() page {
				return b.callback(url.Values{"code": {"c"}, "state": {asked.Get("state")}})
			})
		})
	}
	t.Run("after it worked", func(t *testing.T) {
		b := s.browser()
		asked := b.begin("/")
		token := r.sign(r.honest(asked))
		r.set(func() { r.idToken = token })
		answer := url.Values{"code": {"c"}, "state": {asked.Get("state")}}
		want(t, "the first time", b.callback(answer).status, http.StatusSeeOther)
		thief := s.copyOf(b)
		b.post("/users/logout")
		refused(t, thief, "stale", func() page { return thief.callback(answer) })
		// Whoever goes back while they are signed in has done nothing that anybody needs to know of.
		want(t, "another sign-in", r.signIn(b, r.sign).status, http.StatusSeeOther)
		last := s.audited().ID
		want(t, "going back to the first", b.callback(answer).body, "stale")
		want(t, "new rows in the audit log", s.audited().ID-last, 0)
		want(t, "viewer", b.me(), "Ada")
	})
}

// TestCodeOfAnotherSignInIsRefused is about a provider that forgets which challenge came with which code.
func TestCodeOfAnotherSignInIsRefused(t *testing.T) {
	s, r := openRogue(t)
	victim, thief := s.browser(), s.browser()
	token := r.sign(r.honest(victim.begin("/")))
	r.set(func() { r.idToken = token })
	refused(t, thief, "untrusted", func() page { return thief.comeBack("code", "code-of-the-victim") })

	// A provider that remembers gets another verifier than the victim's.
	asked := victim.begin("/")
	refused(t, thief, "untrusted", func() page { return thief.comeBack("code", "code-of-the-victim") })
	sum := sha256.Sum256([]byte(r.form.Get("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) == asked.Get("code_challenge") {
		t.Error("the code went with the verifier of another browser")
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
	s, r := openRogue(t)
	for _, secret := range []string{"told-in-confidence", "told_in_confidence", "not-to-be"} {
		s.note(secret)
	}
	for _, tc := range []struct {
		name   string
		answer url.Values
		want   string
	}{
		{"the person refused", url.Values{"error": {"access_denied"}}, "denied"},
		{"the person can't sign in as strongly", url.Values{"error": {"unmet_authentication_requirements"}}, "weak"},
		{"the person refused, it says at length", url.Values{"error": {"access_denied"}, "error_description": {"told-in-confidence"}, "error_uri": {"javascript:alert(1)"}}, "denied"},
		{"the person refused, and a code", url.Values{"error": {"access_denied"}, "code": {"code-not-to-be-sent"}}, "denied"},
		{"a page for an error", url.Values{"error": {"<script>told-in-confidence</script>"}}, "answer"},
		{"lines for an error", url.Values{"error": {"a\nlevel=ERROR msg=told-in-confidence"}}, "answer"},
		{"a long error", url.Values{"error": {strings.Repeat("told_in_confidence", 99)}}, "answer"},
		{"two errors", url.Values{"error": {"access_denied", "server_error"}}, "answer"},
		{"tokens instead of a code", url.Values{"id_token": {"token-not-to-be-believed"}, "access_token": {"token-not-to-be-believed"}}, "answer"},
		{"two issuers", url.Values{"code": {"c"}, "iss": {"https://other.example", "https://other.example"}}, "answer"},
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
			b := s.browser()
			tc.answer.Set("state", b.begin("/").Get("state"))
			refused(t, b, tc.want, func() page { return b.callback(tc.answer) })
		})
	}
	want(t, "codes sent to the provider", r.count("/token"), 0)
}

func TestIssuerInTheAnswerIsRequiredWhereAdvertised(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() { r.discovery = map[string]any{"authorization_response_iss_parameter_supported": true} })
	for name, tc := range map[string]struct {
		issuer []string
		ok     bool
	}{
		"right":            {[]string{r.server.URL}, true},
		"missing":          {nil, false},
		"empty":            {[]string{""}, false},
		"with a slash":     {[]string{r.server.URL + "/"}, false},
		"in other letters": {[]string{strings.ToUpper(r.server.URL)}, false},
		"twice":            {[]string{r.server.URL, r.server.URL}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := s.browser()
			asked := b.begin("/")
			token := r.sign(r.honest(asked))
			r.set(func() { r.idToken = token })
			answer := url.Values{"code": {"c"}, "state": {asked.Get("state")}, "iss": tc.issuer}
			if tc.ok {
				want(t, "status", b.callback(answer).status, http.StatusSeeOther)
				return
			}
			refused(t, b, "answer", func() page { return b.callback(answer) })
		})
	}
}
