package handlers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/internal/live"
	"letstalk/store"
)

// unhurried keeps the hub from looking at logins by itself, so that a stream ends in time or not at all.
func unhurried(o *live.Options) { o.Recheck = time.Hour }

// way is a way in which a login ends.
type way struct {
	name  string
	cause store.Cause
	// end ends alice's login at a site; admin is an administrator.
	end func(t testing.TB, s *site, alice, admin *person, login store.LoginID)
}

// ways are all ways in which a login ends while its pages are open.
var ways = []way{
	{"logging out here", store.SignedOut, func(t testing.TB, _ *site, alice, _ *person, _ store.LoginID) {
		want(t, "status", alice.post("/users/logout", nil).status, http.StatusSeeOther)
	}},
	{"logging out at the provider", store.AtProvider, func(t testing.TB, s *site, _, _ *person, _ store.LoginID) {
		s.idp.EndSessions(t.Context(), "alice")
	}},
	{"by the person, from another browser", store.EndedByOwner, func(t testing.TB, s *site, alice, _ *person, login store.LoginID) {
		other := s.visitor()
		other.logIn("alice", "/dashboard")
		want(t, "status", other.post("/account/sessions/"+number(login)+"/end", nil).status, http.StatusSeeOther)
	}},
	{"by an administrator", store.EndedByAdmin, func(t testing.TB, _ *site, alice, admin *person, login store.LoginID) {
		path := "/admin/people/" + number(alice.id) + "/sessions/" + number(login) + "/end"
		want(t, "status", admin.post(path, nil).status, http.StatusSeeOther)
	}},
	{"with the person deactivated", store.Deactivated, func(t testing.TB, _ *site, alice, admin *person, _ store.LoginID) {
		path := "/admin/people/" + number(alice.id) + "/active"
		want(t, "status", admin.post(path, url.Values{"active": {"false"}}).status, http.StatusSeeOther)
	}},
	{"with another person signing in", store.Replaced, func(t testing.TB, _ *site, alice, _ *person, _ store.LoginID) {
		alice.logIn("bob", "/dashboard")
	}},
	{"by a command at the machine", store.EndedByAdmin, func(t testing.TB, s *site, _, _ *person, login store.LoginID) {
		// Straight into the database, past all that could tell of it.
		must(t, s.store.EndLogin(t.Context(), login, store.Ending{Cause: store.EndedByAdmin, By: store.Operator}))
	}},
}

// loginOf returns the one live login of somebody.
func (s *site) loginOf(p *person) store.LoginID {
	s.Helper()
	logins, err := s.store.UserLogins(s.Context(), store.Operator, p.id)
	must(s, err)
	if len(logins) != 1 {
		s.Fatalf("%d logins", len(logins))
	}
	return logins[0].ID
}

// at returns the person with the same browser at another node.
func (p *person) at(node *site) *person {
	other := *p
	other.site = node
	return &other
}

// signInAdmin returns an administrator.
func (s *site) signInAdmin() *person {
	s.Helper()
	admin := s.signIn("carol")
	must(s, s.store.SetAdmin(s.Context(), store.Operator, admin.id, true))
	return admin
}

// saysGoodbye expects the stream to end with a frame of that name.
func (s *stream) saysGoodbye(event string) {
	s.Helper()
	rest := s.end()
	if len(rest) == 0 || rest[len(rest)-1].event != event {
		s.Errorf("the stream ended with %+v, want %s", rest, event)
	}
}

func TestEveryEndOfALoginEndsItsStreams(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			s := open(t, setup{hub: unhurried})
			node := open(t, setup{hub: unhurried, beside: s})
			alice, bob, admin := s.signIn("alice"), s.signIn("bob"), s.signInAdmin()
			login := s.loginOf(alice)
			mine := []*stream{alice.listen(events), alice.listen("/events"), alice.at(node).listen(events)}
			others := []*stream{bob.listen(events), bob.at(node).listen(events)}
			for _, stream := range append(slices.Clone(mine), others...) {
				stream.hello()
			}
			copied := alice.copy()
			w.end(t, s, alice, admin, login)
			for _, stream := range mine {
				stream.saysGoodbye("auth")
			}
			live, err := s.store.LiveLogins(t.Context(), []store.LoginID{login})
			must(t, err)
			want(t, "live logins", len(live), 0)
			want(t, "answer to the cookie", copied.get("/dashboard").status, http.StatusSeeOther)
			want(t, "answer to the cookie at the other node", copied.at(node).get("/dashboard").status, http.StatusSeeOther)
			entries, err := s.store.AuditEntries(t.Context(), store.Operator, store.AuditQuery{Kind: store.AuditSignedOut, User: alice.id})
			must(t, err)
			if !slices.ContainsFunc(entries, func(e store.AuditEntry) bool { return e.Login == login && e.Detail == string(w.cause) }) {
				t.Errorf("the audit log has %+v", entries)
			}
			words := bob.say("still here")
			for _, stream := range others {
				stream.untilData(number(words))
			}
		})
	}
}

// copy returns the person with a copy of the browser's cookies.
func (p *person) copy() *person {
	p.Helper()
	other := p.visitor()
	other.id, other.name = p.id, p.name
	other.http.Jar.SetCookies(p.base, p.http.Jar.Cookies(p.base))
	return other
}

func TestLoginThatIsTooOldEndsItsStreams(t *testing.T) {
	for name, limit := range map[string]func(*auth.Config){
		"absolute": func(c *auth.Config) { c.Lifetime, c.Idle = 2*time.Hour, 0 },
		"idle":     func(c *auth.Config) { c.Idle = 2 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, setup{hub: unhurried, auth: limit})
			alice := s.signIn("alice")
			stream := alice.listen(events)
			stream.hello()
			s.pass(2*time.Hour + time.Second)
			stream.saysGoodbye("auth")
			want(t, "answer to the cookie", alice.get("/dashboard").status, http.StatusSeeOther)
		})
	}
}

func TestBackchannelLogoutAnswersTheProvider(t *testing.T) {
	s := open(t, setup{rateLimit: true})
	provider := s.visitor()
	for name, form := range map[string]url.Values{
		"nothing":   nil,
		"gibberish": {"logout_token": {"gibberish"}},
		"twice":     {"logout_token": {"a", "b"}},
	} {
		a := provider.post("/users/backchannel-logout", form)
		want(t, name, a.status, http.StatusBadRequest)
		want(t, name+", caching", a.header.Get("Cache-Control"), "no-store")
		if strings.Contains(a.body, "<") || strings.Contains(a.body, "gibberish") {
			t.Errorf("%s: answered %q", name, a.body)
		}
	}
	want(t, "GET", provider.get("/users/backchannel-logout").status, http.StatusMethodNotAllowed)
	for range 700 {
		if a := provider.post("/users/backchannel-logout", nil); a.status == http.StatusTooManyRequests {
			if a.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			return
		}
	}
	t.Error("nobody slows a flood down")
}
