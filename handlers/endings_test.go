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
	// prepare returns what ends alice's login at a site; admin is an administrator.
	prepare func(t testing.TB, s *site, alice, admin *person, login store.LoginID) (end func())
}

// ways are all ways in which a login ends while its pages are open, but for those that time alone brings.
var ways = []way{
	{"logging out here", store.SignedOut, func(t testing.TB, _ *site, alice, _ *person, _ store.LoginID) func() {
		return func() { want(t, "status", alice.post("/users/logout", nil).status, http.StatusSeeOther) }
	}},
	{"logging out at the provider", store.AtProvider, func(t testing.TB, s *site, _, _ *person, _ store.LoginID) func() {
		return func() { s.idp.EndSessions(t.Context(), "alice") }
	}},
	{"by the person, from another browser", store.EndedByOwner, func(t testing.TB, s *site, alice, _ *person, login store.LoginID) func() {
		other := s.visitor()
		other.logIn("alice", "/dashboard")
		return func() {
			want(t, "status", other.post("/account/sessions/"+number(login)+"/end", nil).status, http.StatusSeeOther)
		}
	}},
	{"by an administrator", store.EndedByAdmin, func(t testing.TB, _ *site, alice, admin *person, login store.LoginID) func() {
		path := "/admin/people/" + number(alice.id) + "/sessions/" + number(login) + "/end"
		return func() { want(t, "status", admin.post(path, nil).status, http.StatusSeeOther) }
	}},
	{"with the person deactivated", store.Deactivated, func(t testing.TB, _ *site, alice, admin *person, _ store.LoginID) func() {
		path := "/admin/people/" + number(alice.id) + "/active"
		return func() {
			want(t, "status", admin.post(path, url.Values{"active": {"false"}}).status, http.StatusSeeOther)
		}
	}},
	{"with another person signing in", store.Replaced, func(t testing.TB, _ *site, alice, _ *person, _ store.LoginID) func() {
		return func() { alice.logIn("bob", "/dashboard") }
	}},
	{"by a command at the machine", store.EndedByAdmin, func(t testing.TB, s *site, _, _ *person, login store.LoginID) func() {
		// Straight into the database, past all that could tell of it.
		return func() {
			must(t, s.store.EndLogin(t.Context(), login, store.Ending{Cause: store.EndedByAdmin, By: store.Operator}))
		}
	}},
	{"refused at a re-check", store.Refused, func(t testing.TB, s *site, _, _ *person, login store.LoginID) func() {
		s.idp.Disable("alice")
		s.pass(16 * time.Minute) // the provider forgets nobody within that time
		return func() { must(t, s.auth.Recheck(t.Context(), login)) }
	}},
}

// age is the end of all logins at once.
var age = way{"by age", store.Expired, func(_ testing.TB, s *site, _, _ *person, _ store.LoginID) func() {
	return func() { s.pass(25 * time.Hour) }
}}

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
			w.prepare(t, s, alice, admin, login)()
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

func TestTimeEndsLoginsAndTheirStreams(t *testing.T) {
	for cause, limit := range map[store.Cause]func(*auth.Config){
		store.Expired: func(c *auth.Config) { c.Idle = 0 },
		store.Idle:    func(c *auth.Config) { c.Idle = 2 * time.Hour },
	} {
		t.Run(string(cause), func(t *testing.T) {
			s := open(t, setup{hub: unhurried, auth: limit})
			node := open(t, setup{hub: unhurried, auth: limit, beside: s})
			alice := s.signIn("alice")
			streams := []*stream{alice.listen(events), alice.at(node).listen(events)}
			for _, stream := range streams {
				stream.hello()
			}
			age.prepare(t, s, alice, nil, 0)()
			for _, stream := range streams {
				stream.saysGoodbye("auth")
			}
			want(t, "answer to the cookie", alice.get("/dashboard").status, http.StatusSeeOther)
			entries, err := s.store.AuditEntries(t.Context(), store.Operator, store.AuditQuery{Kind: store.AuditSignedOut})
			must(t, err)
			if len(entries) != 1 || entries[0].Detail != string(cause) {
				t.Errorf("the audit log has %+v", entries)
			}
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
