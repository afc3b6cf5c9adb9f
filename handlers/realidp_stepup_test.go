package handlers_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/internal/oidctest"
	"letstalk/store"
)

// wish begins a sign-in with a wish and returns where the browser is sent.
func (a *abroad) wish(p *person, w auth.Wish) string {
	a.Helper()
	answer, req := httptest.NewRecorder(), httptest.NewRequestWithContext(a.Context(), http.MethodGet, a.base.String()+"/users/login", nil)
	for _, cookie := range p.http.Jar.Cookies(a.base) {
		req.AddCookie(cookie)
	}
	location, err := a.auth.Begin(answer, req, w)
	must(a, err)
	p.http.Jar.SetCookies(a.base, answer.Result().Cookies())
	return location
}

// login is the one login of somebody.
func (a *abroad) login(p *person) store.Login {
	a.Helper()
	login, err := a.store.Login(a.Context(), a.loginOf(p))
	must(a, err)
	return login
}

func TestWhoHasToProveMoreIsAskedByARealProvider(t *testing.T) {
	a := openAbroad(t)
	alice := a.signIn("alice")
	stream := alice.listen(events)
	stream.hello()
	first := a.login(alice)
	demand := store.Demand{MaxAge: 30 * time.Minute, ACR: oidctest.Strong}
	want(t, "met by a plain sign-in", demand.MetUntil(first, a.now()).IsZero(), true)

	weakly := a.idp.SignInWeakly(alice.http, a.wish(alice, auth.Wish{Return: "/chat/Sports", Demand: demand}), "alice")
	refused := alice.get(weakly)
	want(t, "answer to less than was asked for", refused.status, http.StatusForbidden)
	want(t, "what it says", refused.page().Find("h1").Text(), "That was not quite enough")
	want(t, "the login is as it was", a.login(alice).ACR, first.ACR)

	done := alice.get(a.idp.SignIn(alice.http, a.wish(alice, auth.Wish{Return: "/chat/Sports", Demand: demand}), "alice"))
	want(t, "where the browser goes", done.header.Get("Location"), "/chat/Sports")
	strong := a.login(alice)
	want(t, "it is the same login", strong.ID, first.ID)
	want(t, "how alice signed in", strong.ACR, oidctest.Strong)
	want(t, "met", demand.MetUntil(strong, a.now()).IsZero(), false)
	stream.untilData(number(alice.say("still on the same stream")))

	a.pass(31 * time.Minute)
	want(t, "met when it has run out", demand.MetUntil(strong, a.now()).IsZero(), true)
	done = alice.get(a.idp.SignIn(alice.http, a.wish(alice, auth.Wish{Return: "/chat/Sports", Demand: demand}), "alice"))
	want(t, "where the browser goes", done.header.Get("Location"), "/chat/Sports")
	again := a.login(alice)
	want(t, "it is the same login still", again.ID, first.ID)
	want(t, "met again", demand.MetUntil(again, a.now()).IsZero(), false)
	want(t, "the proof is newer", again.AuthAt.After(strong.AuthAt), true)
}

func TestWhoSignsInAgainIsAskedByARealProvider(t *testing.T) {
	a := openAbroad(t)
	alice := a.signIn("alice")
	first := a.login(alice)
	a.pass(10 * time.Minute)
	back := a.idp.Refuse(alice.http, a.wish(alice, auth.Wish{Again: true}))
	want(t, "answer to a no", alice.get(back).status, http.StatusForbidden)
	want(t, "the login is as it was", a.login(alice).ExpiresAt, first.ExpiresAt)
	done := alice.get(a.idp.SignIn(alice.http, a.wish(alice, auth.Wish{Return: "/chat/Sports", Again: true}), "alice"))
	want(t, "where the browser goes", done.header.Get("Location"), "/chat/Sports")
	want(t, "it is the same login", a.login(alice).ID, first.ID)
	want(t, "and lives longer", a.login(alice).ExpiresAt.After(first.ExpiresAt), true)
}

func TestARoomBelievesWhatARealProviderProves(t *testing.T) {
	a := openAbroad(t)
	alice, bob := a.signIn("alice"), a.signIn("bob")
	must(t, a.store.SetDemand(t.Context(), alice.id, a.roomID(alice.id, "General"), store.Demand{MaxAge: 30 * time.Minute, ACR: oidctest.Strong}))
	// enter goes to the room, and to the provider if the room wants that.
	enter := func(signIn func(*http.Client, string, string) string) answer {
		page := bob.get("/chat/General")
		if page.status != http.StatusSeeOther {
			return page
		}
		done := bob.get(signIn(bob.http, bob.asked(page.header.Get("Location")), "bob"))
		if done.status != http.StatusSeeOther {
			return done
		}
		want(t, "where the browser goes", done.header.Get("Location"), "/chat/General")
		return bob.get("/chat/General")
	}
	want(t, "the stream at first", bob.get(events).status, http.StatusForbidden)
	want(t, "entering with less", enter(a.idp.SignInWeakly).status, http.StatusForbidden)
	want(t, "entering with enough", enter(a.idp.SignIn).status, http.StatusOK)
	bob.listen(events).hello()
	// While it is fresh, nobody is asked.
	want(t, "the page", bob.get("/chat/General").status, http.StatusOK)
	a.pass(31 * time.Minute)
	want(t, "the stream when it has run out", bob.get(events).status, http.StatusForbidden)
	want(t, "entering anew", enter(a.idp.SignIn).status, http.StatusOK)
}
