package auth_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
)

// ask begins a sign-in with parameters and returns what the provider is asked.
func (b *browser) ask(params string) url.Values {
	b.Helper()
	return query(b, b.get("/users/login?return=/chat/Board&"+params).location)
}

// answer comes back from the provider with an ID token that has some claims besides the honest ones.
func (r *rogue) answer(b *browser, asked url.Values, changes claimSet) page {
	b.Helper()
	token := r.with(changes)(r.honest(asked))
	r.set(func() { r.idToken = token })
	return b.callback(url.Values{"code": {"code-of-the-test"}, "state": {asked.Get("state")}})
}

func TestSamePersonSigningInAgainRenewsTheLogin(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	first, token, thief := s.login(b), b.session(), s.copyOf(b)
	s.clock.move(time.Hour)

	asked := b.ask("prompt=login")
	want(t, "prompt", asked.Get("prompt"), "login")
	now := s.clock.now()
	p := r.answer(b, asked, claimSet{"name": "Ada L.", "auth_time": now.Unix(), "sid": "session-2"})
	want(t, "where the browser goes", p.location, s.base.String()+"/chat/Board")
	login := s.login(b)
	want(t, "login", login.ID, first.ID)
	want(t, "name", login.User.Identity.Name, "Ada L.")
	want(t, "absolute end", login.ExpiresAt.Sub(first.ExpiresAt), time.Hour)
	want(t, "proof", login.AuthAt.Equal(now), true)
	want(t, "provider's session", login.SID, "session-2")
	want(t, "endings", len(s.endings()), 0)
	if b.session() == token {
		t.Error("the session kept its token")
	}
	want(t, "viewer with the cookie of before", thief.me(), "")
	want(t, "rows in the audit log", len(s.trail(store.AuditRenewed)), 1)
}

func TestRenewalThatFailsHalfWayLeavesTheSession(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	r.signIn(b, r.sign)
	s.store.fullDisk.Store(true)
	want(t, "answer", r.signIn(b, r.sign).body, "fault")
	want(t, "viewer", b.me(), "Ada")
}

func TestDemandIsPassedOnAndChecked(t *testing.T) {
	for _, tc := range []struct {
		name   string
		params string
		said   claimSet // of the token; a duration is a time before now
		want   int
	}{
		{"nothing asked", "", claimSet{}, http.StatusSeeOther},
		{"fresh enough", "max_age=15m", claimSet{"auth_time": 14 * time.Minute}, http.StatusSeeOther},
		{"too old", "max_age=15m", claimSet{"auth_time": 15 * time.Minute}, http.StatusForbidden},
		{"age not said", "max_age=15m", claimSet{}, http.StatusForbidden},
		{"age no number", "max_age=15m", claimSet{"auth_time": "now"}, http.StatusForbidden},
		{"strong enough", "acr=mfa", claimSet{"acr": "mfa"}, http.StatusSeeOther},
		{"one of several", "acr=phr+mfa", claimSet{"acr": "mfa"}, http.StatusSeeOther},
		{"weak", "acr=mfa", claimSet{"acr": "pwd"}, http.StatusForbidden},
		{"strength not said", "acr=mfa", claimSet{}, http.StatusForbidden},
		{"strength no word", "acr=mfa", claimSet{"acr": []string{"mfa"}}, http.StatusForbidden},
		{"two words for one", "acr=phr+mfa", claimSet{"acr": "phr mfa"}, http.StatusForbidden},
		{"strong but old", "acr=mfa&max_age=15m", claimSet{"acr": "mfa", "auth_time": time.Hour}, http.StatusForbidden},
		{"both", "acr=mfa&max_age=15m", claimSet{"acr": "mfa", "auth_time": time.Minute}, http.StatusSeeOther},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, r := openRogue(t)
			b := s.browser()
			r.signIn(b, r.sign)
			before := s.login(b)
			if ago, ok := tc.said["auth_time"].(time.Duration); ok {
				tc.said["auth_time"] = s.clock.now().Add(-ago).Unix()
			}
			asked := b.ask(tc.params)
			params, _ := url.ParseQuery(tc.params)
			want(t, "acr_values", asked.Get("acr_values"), params.Get("acr"))
			want(t, "max_age", asked.Get("max_age"), map[string]string{"": "", "15m": "900"}[params.Get("max_age")])

			p := r.answer(b, asked, tc.said)
			want(t, "status", p.status, tc.want)
			if tc.want == http.StatusForbidden {
				want(t, "answer", p.body, "weak")
				want(t, "the login as it was", s.login(b).AuthAt.Equal(before.AuthAt) && s.login(b).ID == before.ID, true)
				want(t, "rows in the audit log", len(s.trail(store.AuditSignInRefused)), 1)
			}
		})
	}
}

func TestParametersGoAlongWithEachRequest(t *testing.T) {
	r := &rogue{}
	s := open(t, r.serve, func(c *auth.Config) {
		c.Params = url.Values{"access_type": {"offline"}, "prompt": {"consent"}}
	})
	asked := s.browser().ask("")
	want(t, "access_type", asked.Get("access_type"), "offline")
	want(t, "prompt", asked.Get("prompt"), "consent")
	want(t, "state is ours", len(asked.Get("state")), 43)
	want(t, "prompt of a sign-in that is to be anew", s.browser().ask("prompt=login").Get("prompt"), "login consent")
	for _, name := range []string{"state", "redirect_uri", "max_age", ""} {
		if auth.CheckParams(url.Values{name: {"x"}}) == nil {
			t.Errorf("%q may be set", name)
		}
	}
}

func TestRefusedSignInsAreInTheAuditLog(t *testing.T) {
	s, r := openRogue(t)
	for _, tc := range []struct {
		name string
		try  func(b *browser, asked url.Values) page
		rows int
	}{
		{"stale", func(b *browser, _ url.Values) page { return b.callback(url.Values{"code": {"c"}, "state": {"x"}}) }, 1},
		{"denied", func(b *browser, asked url.Values) page {
			return b.callback(url.Values{"error": {"access_denied"}, "state": {asked.Get("state")}})
		}, 1},
		{"untrusted", func(b *browser, asked url.Values) page { return r.answer(b, asked, claimSet{"nonce": "another"}) }, 1},
		{"welcome", func(b *browser, asked url.Values) page { return r.answer(b, asked, nil) }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			asked := b.begin("/")
			before := len(s.trail(store.AuditSignInRefused))
			tc.try(b, asked)
			rows := s.trail(store.AuditSignInRefused)
			want(t, "rows", len(rows)-before, tc.rows)
			if tc.rows > 0 && (rows[0].Detail == "" || rows[0].Address != "127.0.0.1") {
				t.Errorf("row: %+v", rows[0])
			}
		})
	}
}
