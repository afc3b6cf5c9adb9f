package auth_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"letstalk/internal/auth"
	"letstalk/store"
)

// refreshing is a site with somebody signed in whose login is due for a re-check.
func refreshing(t *testing.T, edits ...func(*auth.Config)) (*site, *rogue, *browser, store.Login) {
	t.Helper()
	r := &rogue{}
	s := open(t, r.serve, edits...)
	b := s.browser()
	r.signIn(b, r.with(claimSet{"groups": []string{"staff"}}))
	login := s.login(b)
	s.clock.move(15 * time.Minute)
	return s, r, b, login
}

// refreshed has the token endpoint answer a refresh with an ID token that differs from an honest one in some claims.
func (r *rogue) refreshed(changes claimSet) {
	c := r.honest(nil)
	delete(c, "nonce") // it should have none
	c["groups"] = []string{"staff"}
	token := r.with(changes)(c)
	r.set(func() { r.idToken = token })
}

func TestRecheckThatIsNotDueAsksNobody(t *testing.T) {
	s, r, b, login := refreshing(t)
	s.clock.move(-time.Second)
	if err := s.auth.Recheck(t.Context(), login.ID); err != nil {
		t.Fatal(err)
	}
	want(t, "questions", r.count("/token"), 1) // of the sign-in
	want(t, "viewer", b.me(), "Ada")
}

func TestRecheckAppliesWhatTheProviderSays(t *testing.T) {
	s, r, b, login := refreshing(t, func(c *auth.Config) {
		c.Policy.AdminGroups = []string{"admins"}
	})
	r.refreshed(claimSet{"name": "Ada L.", "groups": []string{"staff", "admins"}})
	if err := s.auth.Recheck(t.Context(), login.ID); err != nil {
		t.Fatal(err)
	}
	want(t, "grant_type", r.form.Get("grant_type"), "refresh_token")
	want(t, "refresh_token", r.form.Get("refresh_token"), refreshToken)
	got := s.login(b)
	want(t, "login", got.ID, login.ID)
	want(t, "name", got.User.Identity.Name, "Ada L.")
	want(t, "administrator", got.User.Admin(), true)
	if !slices.Equal(got.User.Identity.Groups, []string{"staff", "admins"}) {
		t.Errorf("groups: %v", got.User.Identity.Groups)
	}
	want(t, "next re-check", got.RecheckAt.Equal(s.clock.now().Add(15*time.Minute)), true)
	want(t, "absolute end", got.ExpiresAt.Equal(login.ExpiresAt), true)

	s.clock.move(15 * time.Minute)
	r.refreshed(claimSet{"groups": []string{}})
	if err := s.auth.Recheck(t.Context(), login.ID); err != nil {
		t.Fatal(err)
	}
	want(t, "administrator once the group is gone", s.login(b).User.Admin(), false)
}

func TestRecheckUsesTheNewestRefreshToken(t *testing.T) {
	s, r, _, login := refreshing(t)
	var sent []string
	r.set(func() {
		r.token = func(w http.ResponseWriter, _ *http.Request) {
			r.mu.Lock()
			defer r.mu.Unlock()
			sent = append(sent, r.form.Get("refresh_token"))
			answer := r.tokens()
			answer["refresh_token"] = map[int]any{1: "second-refresh-token", 2: nil, 3: nil}[len(sent)]
			s.note("second-refresh-token")
			writeJSON(w, answer)
		}
	})
	for range 3 {
		r.refreshed(nil)
		if err := s.auth.Recheck(t.Context(), login.ID); err != nil {
			t.Fatal(err)
		}
		s.clock.move(15 * time.Minute)
	}
	if want := []string{refreshToken, "second-refresh-token", "second-refresh-token"}; !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
}

func TestRecheckEndsTheLoginOrLeavesIt(t *testing.T) {
	refuse := func(status int, body string) func(*site, *rogue) {
		return func(_ *site, r *rogue) {
			r.set(func() {
				r.token = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(status)
					_, _ = w.Write([]byte(body))
				}
			})
		}
	}
	says := func(changes claimSet) func(*site, *rogue) {
		return func(_ *site, r *rogue) { r.refreshed(changes) }
	}
	for _, tc := range []struct {
		name  string
		how   func(*site, *rogue)
		cause store.Cause // empty if the login goes on
	}{
		{"invalid_grant", refuse(400, `{"error":"invalid_grant"}`), store.Refused},
		{"invalid_grant as 401", refuse(401, `{"error":"invalid_grant"}`), store.Refused},
		{"invalid_grant from a server that is broken", refuse(500, `{"error":"invalid_grant"}`), ""},
		{"invalid_client", refuse(401, `{"error":"invalid_client"}`), ""},
		{"another error", refuse(400, `{"error":"temporarily_unavailable"}`), ""},
		{"too many requests", refuse(429, `{}`), ""},
		{"broken", refuse(502, `<html>`), ""},
		{"nonsense", refuse(200, `<html>`), ""},
		{"down", func(_ *site, r *rogue) { r.set(func() { r.down = true }) }, ""},
		{"gone", func(_ *site, r *rogue) { r.server.Close() }, ""},
		{"elsewhere", func(_ *site, r *rogue) { r.set(func() { r.token = redirects(r.server.URL+"/evil", 307) }) }, ""},
		{"huge", refuse(200, `{"access_token":"a`+strings.Repeat("a", 2<<20)), ""},
		{"stuck", func(s *site, r *rogue) {
			stuckAt(s, "/token", func(h http.HandlerFunc) { r.set(func() { r.token = h }) })
		}, ""},
		{"a token that has to be proved", refuse(200, `{"access_token":"a","token_type":"DPoP"}`), ""},
		{"keys down", func(_ *site, r *rogue) {
			r.keyID = "k2-" // the provider has new keys, which can't be had
			r.refreshed(nil)
			r.set(func() { r.keys = redirects(r.server.URL+"/evil", 302) })
		}, ""},
		{"still welcome", says(nil), ""},
		{"somebody else's token", says(claimSet{"sub": "u-2"}), store.Refused},
		{"a forged token", func(_ *site, r *rogue) {
			token := r.signWith(r.honest(nil), jose.RS256, testKeys().foreign, "rsa", "JWT")
			r.set(func() { r.idToken = token })
		}, store.Refused},
		{"a token that is not signed", func(_ *site, r *rogue) {
			token := forge(claimSet{"alg": "none"}, r.honest(nil), nobody)
			r.set(func() { r.idToken = token })
		}, store.Refused},
		{"a token of another client", says(claimSet{"aud": "wiki"}), store.Refused},
		{"a token that is no text", refuse(200, `{"access_token":"a","token_type":"Bearer","id_token":"gibberish"}`), store.Refused},
		{"the nonce of another sign-in", says(claimSet{"nonce": "another"}), store.Refused},
		{"no longer in an allowed group", says(claimSet{"groups": []string{"guests"}}), store.NotAllowed},
		{"groups not said", says(claimSet{"groups": nil}), store.NotAllowed},
		{"no ID token, and no other word about the groups", refuse(200, `{"access_token":"a","token_type":"Bearer"}`), ""},
		{"userinfo about somebody else", func(_ *site, r *rogue) {
			r.refreshed(nil)
			r.userInfo = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, claimSet{"sub": "u-2"}) }
		}, store.Refused},
		{"userinfo down", func(_ *site, r *rogue) {
			r.refreshed(claimSet{"groups": nil})
			r.userInfo = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, r, b, login := refreshing(t, func(c *auth.Config) { c.Policy.AllowedGroups = []string{"staff"} })
			if tc.name == "userinfo down" || tc.name == "userinfo about somebody else" {
				// The site has to know of the endpoint; it looks anew after an hour.
				r.set(func() { r.discovery = map[string]any{"userinfo_endpoint": r.server.URL + "/userinfo"} })
				s.clock.move(time.Hour)
			}
			tc.how(s, r)
			if err := s.auth.Recheck(t.Context(), login.ID); err != nil {
				s.log.Warn("re-check", "error", err)
			}
			want(t, "requests that followed a redirect", r.count("/evil"), 0)
			if tc.cause == "" {
				want(t, "viewer", b.me(), "Ada")
				want(t, "endings", len(s.endings()), 0)
				if got := s.login(b); !got.RecheckAt.After(s.clock.now()) {
					t.Errorf("the next re-check is at %v, now is %v", got.RecheckAt, s.clock.now())
				}
				if got := s.login(b).User.Identity.Groups; !slices.Equal(got, []string{"staff"}) {
					t.Errorf("groups: %v", got)
				}
				return
			}
			want(t, "viewer", b.me(), "")
			if got := s.endings(); !slices.Equal(got, []store.LoginID{login.ID}) {
				t.Errorf("endings: %v", got)
			}
			want(t, "cause in the audit log", s.trail(store.AuditSignedOut)[0].Detail, string(tc.cause))
		})
	}
}

func TestRecheckAsksOnceAtATime(t *testing.T) {
	s, r, b, login := refreshing(t)
	r.refreshed(nil)
	other := s.restart(func(c *auth.Config) { c.Recheck = 15 * time.Minute }) // another node
	var wg sync.WaitGroup
	for _, node := range []*auth.Auth{s.auth, other.auth} {
		for range 8 {
			wg.Go(func() {
				if err := node.Recheck(t.Context(), login.ID); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	want(t, "questions", r.count("/token")-1, 1)
	want(t, "viewer", b.me(), "Ada")
}

func TestRecheckOfALoginRenewedMeanwhileChangesNothing(t *testing.T) {
	s, r, b, login := refreshing(t)
	asked := b.begin("/")
	r.set(func() {
		r.token = func(w http.ResponseWriter, req *http.Request) {
			r.set(func() { r.token = nil })
			r.answer(b, asked, nil) // while the provider thinks about it
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			writeJSON(w, map[string]string{"error": "invalid_grant"})
		}
	})
	if err := s.auth.Recheck(t.Context(), login.ID); err != nil {
		t.Fatal(err)
	}
	want(t, "viewer", b.me(), "Ada")
	want(t, "login", s.login(b).ID, login.ID)
}

func TestLoginWithoutRefreshTokenIsNotRechecked(t *testing.T) {
	s, r := openRogue(t)
	r.set(func() {
		r.token = func(w http.ResponseWriter, _ *http.Request) {
			answer := r.tokens()
			delete(answer, "refresh_token")
			writeJSON(w, answer)
		}
	})
	b := s.browser()
	r.signIn(b, r.sign)
	want(t, "re-check", s.login(b).RecheckAt.IsZero(), true)
}

func TestSignInIsForThosePolicyLetsIn(t *testing.T) {
	r := &rogue{}
	s := open(t, r.serve, func(c *auth.Config) { c.Policy.AllowedGroups = []string{"staff"} })
	b := s.browser()
	want(t, "not in the group", r.signIn(b, r.sign).body, "not allowed")
	want(t, "session", b.session(), "")
	row := s.trail(store.AuditSignInRefused)[0]
	want(t, "who, in the audit log", row.Subject.Name, "Ada")
	want(t, "in the group", r.signIn(b, r.with(claimSet{"groups": "staff"})).status, http.StatusSeeOther)

	serveUserInfo(r, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	s.clock.move(time.Hour)
	want(t, "groups can't be known now", r.signIn(s.browser(), r.sign).body, "down")
}

func TestRehearsalSignsNobodyIn(t *testing.T) {
	s, r := openRogue(t)
	ticket := auth.KeptRehearsal(auth.NewRehearsal())
	if err := s.store.CreateRehearsal(t.Context(), ticket, time.Minute); err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	asked := b.ask("rehearsal=" + url.QueryEscape(ticket))
	want(t, "answer", r.answer(b, asked, claimSet{"groups": []string{"staff"}}).body, "rehearsed")
	want(t, "session", b.session(), "")
	outcome, err := s.store.Rehearsal(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	got, err := auth.ParseRehearsed(outcome)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "name", got.Name, "Ada")
	want(t, "refresh token", got.Refresh, true)
	want(t, "error", got.Error, "")
	if !slices.Equal(got.Groups, []string{"staff"}) || !slices.Contains(got.Claims, "nonce") {
		t.Errorf("outcome: %+v", got)
	}
	want(t, "rows in the audit log", len(s.trail("")), 0)
}
