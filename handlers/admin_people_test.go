package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

// names returns whom a list of people shows.
func names(a answer) string {
	return strings.Join(a.page().Find("[data-user] .row__title bdi").Map(func(_ int, b *goquery.Selection) string { return b.Text() }), ", ")
}

func TestAdministratorsFindPeople(t *testing.T) {
	c := openCast(t)
	all := c.admin.get("/admin/people")
	want(t, "everybody, by name", strings.HasPrefix(names(all), "Alice Adams, Bob Brown, Carol Chen, Dave Dent, Mallory <script>"), true)
	want(t, "marked as an administrator", all.page().Find(`[data-user="`+number(c.admin.id)+`"] .mark`).Text(), "Administrator")
	want(t, "by name", names(c.admin.get("/admin/people?q=bRoW")), "Bob Brown")
	want(t, "by address", names(c.admin.get("/admin/people?q=example.net")), "Dave Dent")
	none := c.admin.get("/admin/people?q=" + url.QueryEscape("<i>zed"))
	want(t, "nobody", names(none), "")
	want(t, "it says so", strings.Contains(none.page().Find(".empty").Text(), "<i>zed"), true)
	want(t, "and keeps what was asked", none.page().Find("#q").AttrOr("value", ""), "<i>zed")
	want(t, "bytes that are no text", c.admin.get("/admin/people?q=%ff").status, http.StatusOK)
	for i := range 100 {
		c.newUser(fmt.Sprintf("Zoe %03d", i))
	}
	many := c.admin.get("/admin/people").page()
	want(t, "listed", many.Find("[data-user]").Length(), 100)
	want(t, "it says that there are more", strings.Contains(many.Find(".sheet__hint").Text(), "the first 100"), true)
}

func TestAPersonAsAdministratorsSeeThem(t *testing.T) {
	c := openCast(t)
	must(t, c.store.SetMember(t.Context(), c.admin.id, c.roomID(c.admin.id, "Sports"), c.member.id, store.Moderator))
	doc := c.admin.get("/admin/people/" + number(c.member.id)).page()
	want(t, "name", doc.Find("h1").Text(), "Bob Brown")
	want(t, "sessions", doc.Find("[data-session]").Length(), 1)
	role, why := reasons(doc, "Sports")
	want(t, "role in Sports", role, "Moderator")
	holds(t, "Sports", why, "Open to everybody", "Moderator, given by Carol Chen on ")
	want(t, "what can be taken back", doc.Find(`[data-room="Sports"] form`).Length(), 1)
	want(t, "and what not", doc.Find(`[data-room="General"] form`).Length(), 0)
	want(t, "rooms the administrator may not see", strings.Contains(doc.Text(), "Engineering"), false)
	want(t, "in the audit log", doc.Find(`a[href="/admin/audit?person=`+number(c.member.id)+`"]`).Length(), 1)

	self := c.admin.get("/admin/people/" + number(c.admin.id)).page()
	want(t, "locking oneself out is not offered", self.Find(`form[action$="/active"], form[action$="/admin"]`).Length(), 0)
	want(t, "this browser's session is ended by logging out", self.Find("[data-session] form").Length(), 0)
}

func TestLockingSomebodyOutEndsAllOfTheirsAndKeepsTheirWords(t *testing.T) {
	c := openCast(t)
	bob, path := c.member, "/admin/people/"+number(c.member.id)
	other := c.signIn("bob")
	bob.say("I was here")
	streams := []*stream{bob.listen(events), other.listen("/events")}
	for _, stream := range streams {
		stream.hello()
	}
	form := c.admin.get(path).page().Find(`form[action="` + path + `/active"]`)
	want(t, "what happens is said", strings.Contains(form.Parent().Text(), "signs them out everywhere"), true)
	a := c.admin.post(path+"/active", url.Values{"active": {form.Find("input").AttrOr("value", "")}})
	want(t, "status", a.status, http.StatusSeeOther)
	for _, stream := range streams {
		stream.saysGoodbye("auth")
	}
	doc := c.admin.get(a.header.Get("Location")).page()
	want(t, "it says so", doc.Find(`.note[role="status"]`).Length(), 1)
	want(t, "sessions", doc.Find("[data-session]").Length(), 0)
	want(t, "mark", doc.Find(".sheet__head .mark--bad").Text(), "Deactivated")
	want(t, "mark in the list", c.admin.get("/admin/people?q=bob").page().Find(".mark--bad").Length(), 1)
	want(t, "bob's page", bob.get("/chat/General").status, http.StatusSeeOther)
	back := bob.through("/users/login", url.Values{"account": {"bob"}})
	want(t, "coming back", back.status, http.StatusForbidden)
	room := c.moderator.get("/chat/General").page()
	want(t, "words", strings.TrimSpace(room.Find(".message__body").Text()), "I was here")
	want(t, "under the name", room.Find(".message__author").Text(), "Bob Brown")

	a = c.admin.post(path+"/active", url.Values{"active": {doc.Find(`form[action$="/active"] input`).AttrOr("value", "")}})
	want(t, "status", a.status, http.StatusSeeOther)
	want(t, "coming back when let in", bob.logIn("bob", "/dashboard"), c.base.String()+"/dashboard")
}

func TestNobodyLocksThemselvesOutOrStepsDown(t *testing.T) {
	c := openCast(t)
	path := "/admin/people/" + number(c.admin.id)
	for form, says := range map[string]string{"/active": "can't lock yourself out", "/admin": "can't step down yourself"} {
		a := c.admin.post(path+form, url.Values{form[1:]: {"false"}})
		want(t, "status", a.status, http.StatusConflict)
		page(t, a, true)
		want(t, "it is still the page of the person", a.page().Find("h1").Text(), "Carol Chen")
		want(t, "it says", strings.Contains(a.page().Find(`[role="alert"] .flash`).Text(), says), true)
	}
	want(t, "carol is still there", c.admin.get(path).status, http.StatusOK)
}

func TestAdministratorsMakeAdministrators(t *testing.T) {
	c := openCast(t)
	path := "/admin/people/" + number(c.member.id)
	want(t, "before", c.member.get("/admin/people").status, http.StatusNotFound)
	a := c.admin.post(path+"/admin", url.Values{"admin": {"true"}})
	want(t, "status", a.status, http.StatusSeeOther)
	want(t, "it says so", c.admin.get(a.header.Get("Location")).page().Find(".note").Length(), 1)
	want(t, "after", c.member.get("/admin/people").status, http.StatusOK)
	want(t, "and back", c.admin.post(path+"/admin", url.Values{"admin": {"false"}}).status, http.StatusSeeOther)
	want(t, "after that", c.member.get("/admin/people").status, http.StatusNotFound)

	// What a claim gives can't be taken here, and the page says so.
	s := followed(t)
	alice, admin := s.signIn("alice"), s.signInAdmin()
	doc := admin.get("/admin/people/" + number(alice.id)).page()
	want(t, "ways to take it", doc.Find(`form[action$="/admin"]`).Length(), 0)
	want(t, "it says why", strings.Contains(doc.Find("main").Text(), "only the provider can take away"), true)
}

func TestAdministratorsGiveAndTakeRoles(t *testing.T) {
	c := openCast(t)
	path := "/admin/people/" + number(c.member.id)
	doc := c.admin.get(path).page()
	offered := doc.Find("#room option").Map(func(_ int, o *goquery.Selection) string { return o.Text() })
	holds(t, "rooms on offer", offered, "General", "Sports", "Καφενείο")
	a := c.admin.post(path+"/rooms", url.Values{"room": {"Sports"}, "role": {"moderator"}})
	want(t, "status", a.status, http.StatusSeeOther)
	doc = c.admin.get(a.header.Get("Location")).page()
	want(t, "it says so", doc.Find(".note").Length(), 1)
	want(t, "bob moderates", c.member.get("/chat/Sports").page().Find(".pane--moderator").Length(), 1)
	back := url.Values{}
	doc.Find(`[data-room="Sports"] form input`).Each(func(_ int, i *goquery.Selection) { back.Set(i.AttrOr("name", ""), i.AttrOr("value", "")) })
	want(t, "status of taking it back", c.admin.post(path+"/rooms", back).status, http.StatusSeeOther)
	want(t, "bob moderates", c.member.get("/chat/Sports").page().Find(".pane--moderator").Length(), 0)
}

func TestAdministratorsEndSessionsOfOthers(t *testing.T) {
	c := openCast(t)
	path := "/admin/people/" + number(c.member.id)
	first, second, third := c.member, c.signIn("bob"), c.signIn("bob")
	one := c.admin.get(path).page().Find("[data-session] form").First().AttrOr("action", "")
	want(t, "status", c.admin.post(one, nil).status, http.StatusSeeOther)
	left := 0
	for _, p := range []*person{first, second, third} {
		if p.get("/dashboard").status == http.StatusOK {
			left++
		}
	}
	want(t, "sessions left", left, 2)
	want(t, "status", c.admin.post(path+"/sessions/end", nil).status, http.StatusSeeOther)
	for _, p := range []*person{first, second, third} {
		want(t, "bob's page", p.get("/dashboard").status, http.StatusSeeOther)
	}
	// The sessions of another are not ended by way of this person.
	want(t, "status", c.admin.post(path+"/sessions/"+number(c.loginOf(c.moderator))+"/end", nil).status, http.StatusSeeOther)
	want(t, "alice's page", c.moderator.get("/dashboard").status, http.StatusOK)
	entries, err := c.store.AuditEntries(t.Context(), store.Operator, store.AuditQuery{Kind: store.AuditSignedOut, User: c.member.id})
	must(t, err)
	want(t, "entries", len(entries), 3)
	for _, e := range entries {
		want(t, "cause", e.Detail, string(store.EndedByAdmin))
		want(t, "who", e.Actor.ID, c.admin.id)
	}
	// One's own keep the one that asks.
	want(t, "status", c.admin.post("/admin/people/"+number(c.admin.id)+"/sessions/end", nil).status, http.StatusSeeOther)
	want(t, "carol's page", c.admin.get("/dashboard").status, http.StatusOK)
}
