package handlers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

const sessions = "/account/sessions"

// sessionsOf returns the numbers of the sessions that a page lists.
func sessionsOf(a answer) []string {
	return a.page().Find("[data-session]").Map(func(_ int, row *goquery.Selection) string { return row.AttrOr("data-session", "") })
}

func TestSessionsSayWhereSomebodyIsSignedIn(t *testing.T) {
	s := open(t, setup{hub: unhurried})
	laptop, bob := s.visitor(), s.signIn("bob")
	laptop.agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	laptop.logIn("alice", "/dashboard")
	phone := s.visitor()
	phone.agent = "<script>alert(1)</script>"
	phone.logIn("alice", "/dashboard")
	a := laptop.get(sessions)
	want(t, "sessions", len(sessionsOf(a)), 2)
	rows := a.page().Find("[data-session]")
	mine := rows.FilterFunction(func(_ int, row *goquery.Selection) bool { return row.Find(".mark").Length() > 0 })
	want(t, "marked as this browser", mine.Length(), 1)
	want(t, "mark", mine.Find(".mark").Text(), "This browser")
	want(t, "device", mine.Find(".row__title span").First().Text(), "Firefox on Linux")
	want(t, "whole agent", mine.Find(".row__title span").First().AttrOr("title", ""), laptop.agent)
	want(t, "seen", strings.Contains(mine.Text(), "in use now"), true)
	want(t, "address", strings.Contains(mine.Find(".row__facts").Text(), "127.0.0.1"), true)
	want(t, "signed in at", mine.Find("time[data-moment]").Length(), 1)
	want(t, "its way out is the log-out form", mine.Find("button").AttrOr("form", ""), a.page().Find("form[data-log-out]").AttrOr("id", "none"))
	other := rows.NotSelection(mine)
	want(t, "the other's device", other.Find(".row__title span").Text(), "A browser we don't know")
	want(t, "the other's agent", other.Find(".row__title span").AttrOr("title", ""), phone.agent)
	want(t, "times of the other", other.Find("time[data-moment]").Length(), 2)
	want(t, "sessions of somebody else", len(sessionsOf(bob.get(sessions))), 1)
	want(t, "a single one has no others to end", bob.get(sessions).page().Find(`form[action$="end-others"]`).Length(), 0)
}

func TestEndingASessionEndsItsPages(t *testing.T) {
	s := open(t, setup{hub: unhurried})
	laptop, phone := s.signIn("alice"), s.signIn("alice")
	lost := phone.listen(events)
	lost.hello()
	kept := laptop.listen("/events")
	kept.hello()
	form := laptop.get(sessions).page().Find("[data-session] form")
	want(t, "ways to end", form.Length(), 1)
	a := laptop.post(form.AttrOr("action", ""), nil)
	want(t, "status", a.status, http.StatusSeeOther)
	lost.saysGoodbye("auth")
	after := laptop.get(a.header.Get("Location"))
	want(t, "sessions left", len(sessionsOf(after)), 1)
	want(t, "it says so", after.page().Find(`.note[role="status"]`).Length(), 1)
	want(t, "the other page", phone.get("/chat/General").status, http.StatusSeeOther)
	want(t, "ending it once more", laptop.post(form.AttrOr("action", ""), nil).status, http.StatusSeeOther)
	want(t, "this session", laptop.get("/dashboard").status, http.StatusOK)
	must(t, s.store.EndLogin(t.Context(), s.loginOf(laptop), store.Ending{Cause: store.SignedOut}))
	kept.saysGoodbye("auth")
}

func TestEndingAllOtherSessionsLeavesThisOne(t *testing.T) {
	s := open(t, setup{hub: unhurried})
	bob := s.signIn("bob")
	var all []*person
	for range 3 {
		all = append(all, s.signIn("alice"))
	}
	a := all[1].post(sessions+"/end-others", nil)
	want(t, "status", a.status, http.StatusSeeOther)
	page := all[1].get(a.header.Get("Location"))
	want(t, "sessions left", len(sessionsOf(page)), 1)
	want(t, "it says so", page.page().Find(".note").Length(), 1)
	for i, p := range append(slices.Clone(all), bob) {
		want(t, "who stays", p.get("/dashboard").status == http.StatusOK, i == 1 || p == bob)
	}
	entries, err := s.store.AuditEntries(t.Context(), store.Operator, store.AuditQuery{Kind: store.AuditSignedOut})
	must(t, err)
	want(t, "entries", len(entries), 2)
	for _, e := range entries {
		want(t, "cause", e.Detail, string(store.EndedByOwner))
		want(t, "who", e.Actor.ID, all[1].id)
		want(t, "from", e.Address, "127.0.0.1")
	}
}

func TestNobodyEndsTheSessionsOfAnother(t *testing.T) {
	s := open(t, setup{hub: unhurried})
	alice, bob := s.signIn("alice"), s.signIn("bob")
	theirs := number(s.loginOf(bob))
	want(t, "status", alice.post(sessions+"/"+theirs+"/end", nil).status, http.StatusSeeOther)
	want(t, "bob is still there", bob.get("/dashboard").status, http.StatusOK)
	// Whoever ends their own session here is out, too.
	want(t, "status", alice.post(sessions+"/"+number(s.loginOf(alice))+"/end", nil).status, http.StatusSeeOther)
	want(t, "alice is out", alice.get(sessions).status, http.StatusSeeOther)
}
