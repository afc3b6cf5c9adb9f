package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/internal/oidctest"
	"letstalk/store"
)

const (
	// recheck is how often sites here ask the provider.
	recheck = 15 * time.Minute

	engineering = "/chat/Engineering"
)

// abroad is a site of a provider that nobody here has written.
type abroad struct {
	*site
	idp *oidctest.Provider
}

// openAbroad returns a site where the groups eng-… moderate the room Engineering, and admins administer.
func openAbroad(t *testing.T) *abroad {
	t.Helper()
	a := &abroad{}
	a.site = open(t, setup{hub: unhurried, auth: func(c *auth.Config) {
		a.idp = oidctest.Start(t, oidctest.Client{
			ID: c.ClientID, Secret: c.ClientSecret,
			RedirectURIs:           []string{c.BaseURL.String() + auth.CallbackPath},
			PostLogoutRedirectURIs: []string{c.BaseURL.String() + "/"},
			BackchannelLogoutURI:   c.BaseURL.String() + "/users/backchannel-logout",
		})
		a.configure(c)
	}})
	return a
}

func (a *abroad) configure(c *auth.Config) {
	rules, err := auth.ParseRules("eng-*=Engineering:moderator")
	if err != nil {
		panic(err) // the rule is a constant
	}
	c.Issuer = a.idp.Issuer
	c.Scopes = []string{"profile", "email", "groups", "offline_access"}
	c.Policy = auth.Policy{GroupsClaim: "groups", AdminGroups: []string{"admins"}, Rules: rules}
	c.Recheck = recheck
}

// besides returns another node of the same workspace.
func (a *abroad) besides(t *testing.T) *site {
	t.Helper()
	return open(t, setup{hub: unhurried, beside: a.site, auth: func(c *auth.Config) {
		c.ClientSecret = a.secret
		a.configure(c)
	}})
}

// pass lets time pass everywhere.
func (a *abroad) pass(d time.Duration) {
	a.Helper()
	a.site.pass(d)
	a.idp.Pass(d)
}

// signIn returns somebody who went through the provider's pages.
func (a *abroad) signIn(account string) *person {
	a.Helper()
	p := a.visitor()
	callback := a.idp.SignIn(p.http, p.asked("/users/login?return="+url.QueryEscape("/chat/General")), account)
	done := p.get(callback)
	want(p, "coming back from the provider", done.status, http.StatusSeeOther)
	want(p, "where the browser goes", done.header.Get("Location"), "/chat/General")
	room := p.get("/chat/General").page()
	me, _ := room.Find("#room").Attr("data-me")
	id, _ := strconv.ParseInt(me, 10, 64)
	p.id, p.name = store.UserID(id), room.Find(".header__who b").Text()
	return p
}

// asked begins a sign-in and returns where the browser is sent.
func (p *person) asked(path string) string {
	p.Helper()
	begun := p.get(path)
	want(p, "starting to sign in", begun.status, http.StatusFound)
	return begun.header.Get("Location")
}

// groups are those that the site knows of somebody.
func (a *abroad) groups(p *person) []string {
	a.Helper()
	user, err := a.store.User(a.Context(), p.id)
	must(a, err)
	return user.Identity.Groups
}

// admin reports whether somebody is an administrator.
func (a *abroad) admin(p *person) bool {
	a.Helper()
	user, err := a.store.User(a.Context(), p.id)
	must(a, err)
	return user.Admin()
}

// causes are why logins of somebody have ended, the newest first.
func (a *abroad) causes(p *person) []string {
	a.Helper()
	entries, err := a.store.AuditEntries(a.Context(), store.Operator, store.AuditQuery{Kind: store.AuditSignedOut, User: p.id})
	must(a, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Detail)
	}
	return all
}

func TestLogOutEndsTheSessionAtARealProviderToo(t *testing.T) {
	a := openAbroad(t)
	alice, elsewhere := a.signIn("alice"), a.signIn("alice")
	want(t, "name", alice.name, "Alice Adams")
	want(t, "sessions at the provider", a.idp.Sessions("alice"), 2)
	stream, other := alice.listen(events), elsewhere.listen(events)
	stream.hello()
	other.hello()

	out := alice.post("/users/logout", nil)
	want(t, "status", out.status, http.StatusSeeOther)
	stream.saysGoodbye("auth")
	want(t, "where it ends", a.idp.SignOut(alice.http, out.header.Get("Location")), a.base.String()+"/")
	want(t, "sessions at the provider", a.idp.Sessions("alice"), 1)
	want(t, "answer to the cookie", alice.get("/dashboard").status, http.StatusSeeOther)
	want(t, "causes", fmt.Sprint(a.causes(alice)), fmt.Sprint([]string{string(store.SignedOut)}))

	// The provider has told of the session that was over already, and of no other.
	other.untilData(number(elsewhere.say("still here")))
}

func TestLoggingOutAtARealProviderEndsTheSessionHere(t *testing.T) {
	for name, end := range map[string]func(*abroad, *person){
		"by the person":       func(a *abroad, alice *person) { a.idp.SignOut(alice.http, a.idp.SignOutPage()) },
		"by an administrator": func(a *abroad, _ *person) { a.idp.EndSession("alice") },
	} {
		t.Run(name, func(t *testing.T) {
			a := openAbroad(t)
			node := a.besides(t)
			alice, bob := a.signIn("alice"), a.signIn("bob")
			mine := []*stream{alice.listen(events), alice.listen("/events"), alice.at(node).listen(events)}
			bobs := bob.listen(events)
			for _, stream := range append(slices.Clone(mine), bobs) {
				stream.hello()
			}
			end(a, alice)
			for _, stream := range mine {
				stream.saysGoodbye("auth")
			}
			want(t, "answer to the cookie", alice.get("/dashboard").status, http.StatusSeeOther)
			want(t, "causes", fmt.Sprint(a.causes(alice)), fmt.Sprint([]string{string(store.AtProvider)}))
			bobs.untilData(number(bob.say("still here")))
		})
	}
}

func TestGroupsAtARealProviderAreFollowed(t *testing.T) {
	a := openAbroad(t)
	alice, bob := a.signIn("alice"), a.signIn("bob")
	want(t, "groups", fmt.Sprint(a.groups(bob)), "[staff]")
	want(t, "alice administers", a.admin(alice), true)
	want(t, "bob's room", bob.get(engineering).status, http.StatusNotFound)

	a.idp.SetGroups("bob", "staff", "eng-web")
	bob.get("/dashboard")
	want(t, "his room before the re-check", bob.get(engineering).status, http.StatusNotFound)
	a.pass(recheck)
	bob.get("/dashboard")
	eventually(t, "bob's room is there", func() bool { return bob.get(engineering).status == http.StatusOK })
	room, err := a.store.Room(t.Context(), bob.id, "Engineering")
	must(t, err)
	want(t, "he moderates it", room.Moderator, true)

	stream := bob.listen(engineering + "/events")
	stream.hello()
	a.idp.SetGroups("bob", "staff")
	a.idp.SetGroups("alice", "staff")
	a.pass(recheck)
	bob.get("/dashboard")
	alice.get("/dashboard")
	stream.saysGoodbye("resync")
	want(t, "his room after it", bob.get(engineering).status, http.StatusNotFound)
	eventually(t, "alice administers no more", func() bool { return !a.admin(alice) })
	want(t, "the rest is as it was", bob.get("/chat/General").status, http.StatusOK)
}

// A provider that sees a refresh token twice takes everything back.
func TestNoRefreshTokenOfARealProviderIsUsedTwice(t *testing.T) {
	a := openAbroad(t)
	node := a.besides(t)
	bob := a.signIn("bob")
	for round := range 4 {
		group := fmt.Sprint("round-", round)
		a.idp.SetGroups("bob", group)
		a.pass(recheck)
		var crowd sync.WaitGroup
		for i := range 8 {
			at := bob
			if i%2 == 1 {
				at = bob.at(node)
			}
			crowd.Go(func() {
				if _, err := at.tryDo(http.MethodGet, "/dashboard", nil); err != nil {
					t.Error(err)
				}
			})
		}
		crowd.Wait()
		eventually(t, "the groups of "+group, func() bool { return slices.Equal(a.groups(bob), []string{group}) })
	}
	want(t, "his page", bob.get("/dashboard").status, http.StatusOK)
}

func TestWhatIsRevokedAtARealProviderEndsTheSessionHere(t *testing.T) {
	a := openAbroad(t)
	alice, bob := a.signIn("alice"), a.signIn("bob")
	alices, bobs := alice.listen(events), bob.listen(events)
	alices.hello()
	bobs.hello()
	a.idp.Revoke("bob")
	want(t, "his page before the re-check", bob.get("/dashboard").status, http.StatusOK)
	a.pass(recheck)
	alice.get("/dashboard")
	bob.get("/dashboard")
	bobs.saysGoodbye("auth")
	want(t, "his page after it", bob.get("/dashboard").status, http.StatusSeeOther)
	want(t, "causes", fmt.Sprint(a.causes(bob)), fmt.Sprint([]string{string(store.Refused)}))
	alices.untilData(number(alice.say("still here")))
}
