package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"letstalk/store"
)

// cast is people who may do more and more: nothing, sign in, read Engineering, moderate it, administer the site.
type cast struct {
	*site
	visitor, stranger, member, moderator, admin *person
	room                                        store.Room // Engineering, a private room of member and moderator
	target                                      store.User // somebody about whom things can be done
}

func openCast(t testing.TB) *cast {
	t.Helper()
	c := &cast{site: open(t, setup{hub: slow})}
	c.visitor, c.stranger, c.member, c.moderator = c.site.visitor(), c.signIn("mallory"), c.signIn("bob"), c.signIn("alice")
	c.admin = c.signInAdmin()
	var err error
	c.room, err = c.store.CreateRoom(t.Context(), c.moderator.id, store.NewRoom{Name: "Engineering", Visibility: store.Private})
	must(t, err)
	must(t, c.store.SetMember(t.Context(), c.moderator.id, c.room.ID, c.member.id, store.Member))
	c.target = c.newUser("Dave Dent")
	return c
}

// newUser returns somebody who has signed in once, with a browser nobody here has.
func (s *site) newUser(name string) store.User {
	s.Helper()
	login, err := s.store.CreateLogin(s.Context(), store.NewLogin{Lifetime: 1e12, Agent: "curl/8", Address: "192.0.2.7", Identity: store.Identity{
		Issuer: "https://id.example.org", Subject: name, Name: name, Email: strings.ToLower(strings.Fields(name)[0]) + "@example.net",
	}})
	must(s, err)
	return login.User
}

func TestWhoMayDoWhat(t *testing.T) {
	c := openCast(t)
	them := "/admin/people/" + number(c.target.ID)
	everybody, administrators, nobody := [4]int{200, 200, 200, 200}, [4]int{404, 404, 404, 200}, [4]int{404, 404, 404, 404}
	done, administered := [4]int{303, 303, 303, 303}, [4]int{404, 404, 404, 303}
	for _, row := range []struct {
		method, path string
		form         url.Values
		status       [4]int // for stranger, member, moderator, administrator
	}{
		{"GET", "/account/sessions", nil, everybody},
		{"POST", "/account/sessions/999/end", nil, done},
		{"POST", "/account/sessions/x/end", nil, nobody},
		{"POST", "/account/sessions/end-others", nil, done},
		{"GET", "/account/access", nil, everybody},
		{"GET", "/account/confirm?room=General", nil, done}, // it asks for nothing
		{"GET", "/account/confirm?room=Engineering", nil, [4]int{404, 303, 303, 404}},
		{"GET", "/account/confirm", nil, nobody},
		{"GET", "/users/login?room=Engineering", nil, [4]int{404, 302, 302, 404}},
		{"GET", "/chat/Engineering/settings", nil, [4]int{404, 403, 200, 404}},
		{"POST", "/chat/Engineering/settings", url.Values{"max_age": {"0"}}, [4]int{404, 403, 303, 404}},
		{"GET", "/chat/General/settings", nil, [4]int{403, 403, 403, 200}},
		{"POST", "/chat/General/settings", url.Values{"max_age": {"0"}}, [4]int{403, 403, 403, 303}},
		{"GET", "/chat/Nowhere/settings", nil, nobody},
		{"GET", "/admin", nil, administered},
		{"GET", "/admin/people", nil, administrators},
		{"GET", "/admin/people?q=dave", nil, administrators},
		{"GET", them, nil, administrators},
		{"GET", "/admin/people/999", nil, nobody},
		{"GET", "/admin/people/x", nil, nobody},
		{"GET", "/admin/people/-1", nil, nobody},
		{"GET", "/admin/rules", nil, administrators},
		{"POST", "/admin/rules", url.Values{"claims": {"{}"}}, administrators},
		{"GET", "/admin/audit", nil, administrators},
		{"GET", "/admin/audit?kind=signin&person=dave&room=1&from=2025-01-01&before=9", nil, administrators},
		{"POST", them + "/admin", url.Values{"admin": {"true"}}, administered},
		{"POST", them + "/admin", url.Values{"admin": {"false"}}, administered},
		{"POST", them + "/admin", nil, [4]int{404, 404, 404, 400}},
		{"POST", them + "/rooms", url.Values{"room": {"General"}, "role": {"member"}}, administered},
		{"POST", them + "/rooms", url.Values{"room": {"General"}, "role": {"none"}}, administered},
		{"POST", them + "/rooms", url.Values{"room": {"General"}, "role": {"king"}}, [4]int{404, 404, 404, 422}},
		{"POST", them + "/rooms", url.Values{"room": {"Engineering"}, "role": {"member"}}, nobody}, // not theirs to see either
		{"POST", "/admin/people/999/rooms", url.Values{"room": {"General"}, "role": {"member"}}, nobody},
		{"POST", them + "/sessions/999/end", nil, administered},
		{"POST", them + "/sessions/x/end", nil, nobody},
		{"POST", them + "/sessions/end", nil, administered},
		{"POST", them + "/active", url.Values{"active": {"false"}}, administered},
		{"POST", them + "/active", url.Values{"active": {"true"}}, administered},
		{"POST", them + "/active", url.Values{"active": {"maybe"}}, [4]int{404, 404, 404, 400}},
		{"POST", "/admin/people/999/active", url.Values{"active": {"false"}}, nobody},
		{"POST", "/admin/people/999/admin", url.Values{"admin": {"true"}}, nobody},
	} {
		t.Run(row.method+" "+row.path+" "+row.form.Encode(), func(t *testing.T) {
			ask := func(p *person, headers ...string) answer {
				return p.do(row.method, row.path, strings.NewReader(row.form.Encode()), append(headers, "Content-Type", form)...)
			}
			if a := ask(c.visitor); !strings.HasPrefix(row.path, "/users/") {
				want(t, "status for a visitor", a.status, map[string]int{"GET": 303, "POST": 401}[row.method])
			}
			for i, p := range []*person{c.stranger, c.member, c.moderator, c.admin} {
				if row.method == "POST" {
					want(t, "status for "+p.name+" from another site", ask(p, "Origin", "https://evil.example").status, http.StatusForbidden)
				}
				a := ask(p)
				want(t, "status for "+p.name, a.status, row.status[i])
				want(t, "caching", a.header.Get("Cache-Control"), "no-store")
				safe(t, c.site, a)
				if a.status < 300 || a.status >= 400 {
					page(t, a, true)
					doc := a.page()
					want(t, "ways to the account", doc.Find(`header a[href="/account/sessions"]`).Length(), 1)
					want(t, "ways to administration", doc.Find(`header a[href="/admin"]`).Length(), map[bool]int{true: 1}[p == c.admin])
				}
				if a.status == http.StatusOK {
					a.cursor() // the page keeps a stream, and ends with the session
				}
			}
		})
	}
}

func TestAnAdministratorNoMoreFindsNoAdministration(t *testing.T) {
	c := openCast(t)
	want(t, "status before", c.admin.get("/admin/people").status, http.StatusOK)
	must(t, c.store.SetAdmin(t.Context(), store.Operator, c.admin.id, false))
	want(t, "status after", c.admin.get("/admin/people").status, http.StatusNotFound)
	want(t, "status of a form", c.admin.post("/admin/people/"+number(c.target.ID)+"/active", url.Values{"active": {"false"}}).status, http.StatusNotFound)
	user, err := c.store.User(t.Context(), c.target.ID)
	must(t, err)
	want(t, "the other may come in", user.Active, true)
}
