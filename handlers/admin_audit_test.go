package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

const auditLog = "/admin/audit"

// sentences returns what a page of the audit log says.
func sentences(a answer) []string {
	return a.page().Find(".entry .entry__what").Map(func(_ int, p *goquery.Selection) string { return strings.TrimSpace(p.Text()) })
}

func TestTheAuditLogTellsWhatHappened(t *testing.T) {
	c := openCast(t)
	must(t, c.store.SetMember(t.Context(), c.admin.id, c.roomID(c.admin.id, "Sports"), c.member.id, store.Moderator))
	a := c.admin.get(auditLog)
	page(t, a, true)
	all := sentences(a)
	want(t, "the newest", all[0], "Carol Chen made Bob Brown a moderator of Sports")
	for _, said := range []string{"Alice Adams signed in from 127.0.0.1", "Dave Dent signed in from 192.0.2.7",
		"Alice Adams made the private room Engineering", "Alice Adams made Bob Brown a member of Engineering",
		"Whoever runs the machine made Carol Chen an administrator"} {
		if !strings.Contains(strings.Join(all, "\n"), said) {
			t.Errorf("%q is not in %q", said, all)
		}
	}
	entries, err := c.store.AuditEntries(t.Context(), store.Operator, store.AuditQuery{})
	must(t, err)
	want(t, "entries", len(all), len(entries))
	first := a.page().Find(".entry").First()
	want(t, "number", first.AttrOr("id", ""), "a-"+number(entries[0].ID))
	want(t, "hash", first.Find("code").AttrOr("title", ""), entries[0].Hash)
	want(t, "time", first.Find("time").AttrOr("datetime", ""), entries[0].At.UTC().Format(time.RFC3339))
	want(t, "way to the person", first.Find(`a[href="/admin/people/`+number(c.member.id)+`"]`).Length(), 1)
}

func TestTheAuditLogHasFilters(t *testing.T) {
	c := openCast(t)
	sports := c.roomID(c.admin.id, "Sports")
	must(t, c.store.SetMember(t.Context(), c.admin.id, sports, c.member.id, store.Moderator))
	c.pass(48 * time.Hour)
	must(t, c.store.RemoveMember(t.Context(), c.admin.id, sports, c.member.id))
	c.admin.logIn("carol", "/dashboard") // sessions do not live that long
	entries, err := c.store.AuditEntries(t.Context(), store.Operator, store.AuditQuery{Kind: store.AuditMemberRemoved})
	must(t, err)
	at := entries[0].At.UTC()
	today, before := at.Format(time.DateOnly), at.AddDate(0, 0, -1).Format(time.DateOnly)
	const made, given, taken = "The open room Sports was made", "Carol Chen made Bob Brown a moderator of Sports", "Carol Chen took the role of moderator of Sports from Bob Brown"
	for _, row := range []struct {
		query string
		want  string
	}{
		{"kind=member.removed", taken},
		{"room=" + number(sports), taken + "|" + given + "|" + made},
		{"kind=nonsense&room=" + number(sports), taken + "|" + given + "|" + made},
		{"room=" + number(sports) + "&to=" + before, given + "|" + made},
		{"room=" + number(sports) + "&from=" + today, taken},
		{"room=" + number(sports) + "&from=" + today + "&to=" + today, taken},
		{"person=bob&room=" + number(sports) + "&kind=member.set", given},
		{"person=" + number(c.member.id) + "&room=" + number(sports), taken + "|" + given},
		{"kind=signin&person=dave", "Dave Dent signed in from 192.0.2.7"},
		{"person=dave@example.net&kind=audit.exported", ""},
		{"room=999", ""},
		{"kind=signin&room=x&before=x&person=dave", "Dave Dent signed in from 192.0.2.7"},
	} {
		t.Run(row.query, func(t *testing.T) {
			a := c.admin.get(auditLog + "?" + row.query)
			want(t, "status", a.status, http.StatusOK)
			want(t, "it tells", strings.Join(sentences(a), "|"), row.want)
			want(t, "it says that there is nothing", a.page().Find(".empty").Length() == 1, row.want == "")
		})
	}
	doc := c.admin.get(auditLog + "?kind=member.set&person=bob&room=" + number(sports) + "&from=2025-01-01&to=" + today).page()
	want(t, "kind in the form", doc.Find("#kind option[selected]").AttrOr("value", ""), "member.set")
	want(t, "person in the form", doc.Find(".picked bdi").Text(), "Bob Brown")
	want(t, "and its number", doc.Find("input[type=hidden][name=person]").AttrOr("value", ""), number(c.member.id))
	want(t, "room in the form", doc.Find("#room option[selected]").Text(), "Sports")
	want(t, "from in the form", doc.Find("#from").AttrOr("value", ""), "2025-01-01")
	want(t, "to in the form", doc.Find("#to").AttrOr("value", ""), today)
	leave := doc.Find(".picked a").AttrOr("href", "")
	want(t, "without the person the rest stays", leave, auditLog+"?"+url.Values{
		"kind": {"member.set"}, "room": {number(sports)}, "from": {"2025-01-01"}, "to": {today}}.Encode())
}

func TestTheAuditLogAsksWhoIsMeant(t *testing.T) {
	c := openCast(t)
	doc := c.admin.get(auditLog + "?kind=signin&person=example.org").page()
	choices := links(doc, ".chips a")
	want(t, "people", len(choices), 4)
	want(t, "entries", doc.Find(".entry").Length(), 0)
	want(t, "one of them leads on", strings.Join(sentences(c.admin.get(choices[1])), "|"), "Bob Brown signed in from 127.0.0.1")
	a := c.admin.get(auditLog + "?person=" + url.QueryEscape("nobody at all"))
	want(t, "status of nobody", a.status, http.StatusUnprocessableEntity)
	want(t, "it says so at the field", a.page().Find(".field:has(#person) .flash").Length(), 1)
	want(t, "and keeps the name", a.page().Find("#person").AttrOr("value", ""), "nobody at all")
}

func TestDaysThatAreNoneAreSentBack(t *testing.T) {
	c := openCast(t)
	for query, field := range map[string]string{
		"from=yesterday": "from", "to=2025-02-30": "to", "from=2025-03-02&to=2025-03-01": "to", "from=%00": "from",
	} {
		a := c.admin.get(auditLog + "?" + query)
		want(t, "status of "+query, a.status, http.StatusUnprocessableEntity)
		page(t, a, true)
		want(t, "complaints", a.page().Find(".flash").Length(), 1)
		want(t, "beside the field", a.page().Find(".field:has(#"+field+") .flash").Length(), 1)
	}
}

func TestTheAuditLogIsReadPageByPage(t *testing.T) {
	c := openCast(t)
	for i := range 120 {
		must(t, c.store.RecordAudit(t.Context(), store.AuditEntry{Kind: store.AuditLogoutRefused, Detail: fmt.Sprint("number ", i)}))
	}
	var all []string
	path := auditLog + "?kind=logout.refused"
	for range 4 {
		a := c.admin.get(path)
		all = append(all, sentences(a)...)
		want(t, "a way back", a.page().Find(`.more a:contains("Newest")`).Length() == 1, path != auditLog+"?kind=logout.refused")
		next := links(a.page(), `.more a:contains("Earlier")`)
		if len(next) == 0 {
			break
		}
		path = next[0]
	}
	want(t, "entries", len(all), 120)
	for i, said := range all {
		want(t, "entry", said, fmt.Sprint("A logout token was refused: number ", 119-i))
	}
}
