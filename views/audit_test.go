package views

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

var (
	alice   = store.Person{ID: 1, Name: "Alice Adams"}
	bob     = store.Person{ID: 2, Name: "Bob Brown"}
	machine = store.Person{ID: store.Operator, Name: "the operator"}
)

// noted are entries of every kind, as the store writes them, and how they read.
var noted = []struct {
	entry store.AuditEntry
	reads string
}{
	{store.AuditEntry{Kind: store.AuditSignedIn, Actor: bob, Subject: bob, Address: "192.0.2.1"}, "Bob Brown signed in from 192.0.2.1"},
	{store.AuditEntry{Kind: store.AuditSignedIn, Actor: bob, Subject: bob}, "Bob Brown signed in"},
	{store.AuditEntry{Kind: store.AuditRenewed, Actor: bob, Subject: bob, Address: "::1"}, "Bob Brown signed in again from ::1"},
	{store.AuditEntry{Kind: store.AuditSignInRefused, Address: "192.0.2.1", Detail: "sign-in was refused"}, "Somebody was not let in from 192.0.2.1: sign-in was refused"},
	{store.AuditEntry{Kind: store.AuditSignInRefused, Subject: store.Person{Name: "Eve"}, Detail: "in no group"}, "Eve was not let in: in no group"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Actor: bob, Subject: bob, Detail: string(store.SignedOut), Address: "192.0.2.1"}, "Bob Brown signed out from 192.0.2.1"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Actor: bob, Subject: bob, Detail: string(store.EndedByOwner)}, "Bob Brown ended a session of theirs"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Actor: alice, Subject: bob, Detail: string(store.EndedByAdmin)}, "Alice Adams ended a session of Bob Brown"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Actor: machine, Subject: bob, Detail: string(store.EndedByAdmin)}, "Whoever runs the machine ended a session of Bob Brown"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Subject: bob, Detail: string(store.AtProvider)}, "Bob Brown signed out at the provider"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Actor: alice, Subject: bob, Detail: string(store.Replaced)}, "Bob Brown was signed out: another person signed in with the same browser"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Actor: alice, Subject: bob, Detail: string(store.Deactivated)}, "Bob Brown was signed out, being deactivated"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Subject: bob, Detail: string(store.Refused)}, "Bob Brown was signed out: refused by the provider"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Subject: bob, Detail: string(store.NotAllowed)}, "Bob Brown was signed out: no longer allowed"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Subject: bob, Detail: string(store.Abandoned)}, "Bob Brown was signed out: never used"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Subject: bob, Detail: string(store.Expired)}, "Bob Brown was signed out: too old"},
	{store.AuditEntry{Kind: store.AuditSignedOut, Subject: bob, Detail: string(store.Idle)}, "Bob Brown was signed out: unused for too long"},
	{store.AuditEntry{Kind: store.AuditLogoutRefused, Address: "192.0.2.1", Detail: "used before"}, "A logout token was refused from 192.0.2.1: used before"},
	{store.AuditEntry{Kind: store.AuditMemberSet, Actor: alice, Subject: bob, Room: 3, Place: "Engineering", Detail: "moderator"}, "Alice Adams made Bob Brown a moderator of Engineering"},
	{store.AuditEntry{Kind: store.AuditMemberSet, Actor: alice, Subject: alice, Room: 3, Place: "Engineering", Detail: "member"}, "Alice Adams made themselves a member of Engineering"},
	{store.AuditEntry{Kind: store.AuditMemberSet, Subject: bob, Room: 3, Place: "Engineering", Detail: "moderator", Claim: "c"}, "Bob Brown became a moderator of Engineering"},
	{store.AuditEntry{Kind: store.AuditMemberRemoved, Actor: alice, Subject: bob, Room: 3, Place: "Engineering", Detail: "member"}, "Alice Adams took the role of member of Engineering from Bob Brown"},
	{store.AuditEntry{Kind: store.AuditMemberRemoved, Actor: bob, Subject: bob, Room: 3, Place: "Engineering", Detail: "member"}, "Bob Brown gave up the role of member of Engineering"},
	{store.AuditEntry{Kind: store.AuditMemberRemoved, Subject: bob, Room: 3, Place: "Engineering", Detail: "member", Claim: "c"}, "Bob Brown is no longer a member of Engineering"},
	{store.AuditEntry{Kind: store.AuditAdminGranted, Actor: machine, Subject: bob, Detail: "by hand"}, "Whoever runs the machine made Bob Brown an administrator"},
	{store.AuditEntry{Kind: store.AuditAdminGranted, Subject: bob, Claim: "c"}, "Bob Brown became an administrator"},
	{store.AuditEntry{Kind: store.AuditAdminRevoked, Actor: alice, Subject: bob, Detail: "by hand"}, "Alice Adams took the role of administrator from Bob Brown"},
	{store.AuditEntry{Kind: store.AuditAdminRevoked, Subject: bob, Claim: "c"}, "Bob Brown is no longer an administrator"},
	{store.AuditEntry{Kind: store.AuditDeactivated, Actor: alice, Subject: bob}, "Alice Adams deactivated Bob Brown"},
	{store.AuditEntry{Kind: store.AuditActivated, Actor: alice, Subject: bob}, "Alice Adams activated Bob Brown"},
	{store.AuditEntry{Kind: store.AuditRoomMade, Actor: alice, Room: 3, Place: "Engineering", Detail: "private"}, "Alice Adams made the private room Engineering"},
	{store.AuditEntry{Kind: store.AuditRoomMade, Room: 3, Place: "Engineering", Detail: "private", Claim: "c"}, "The private room Engineering was made"},
	{store.AuditEntry{Kind: store.AuditRoomChanged, Actor: alice, Room: 3, Place: "Payroll", Detail: "a sign-in within the last 15 minutes"}, "Alice Adams changed what Payroll asks for: a sign-in within the last 15 minutes"},
	{store.AuditEntry{Kind: store.AuditMessageEdited, Actor: alice, Subject: bob, Room: 3, Place: "Engineering", Message: 7}, "Alice Adams edited a message of Bob Brown in Engineering"},
	{store.AuditEntry{Kind: store.AuditMessageGone, Actor: alice, Subject: bob, Room: 3, Place: "Engineering", Message: 7}, "Alice Adams deleted a message of Bob Brown in Engineering"},
	{store.AuditEntry{Kind: store.AuditExported, Actor: machine, Detail: "98 entries"}, "Whoever runs the machine exported the audit log: 98 entries"},
	// A later version of the program may write what this one does not know.
	{store.AuditEntry{Kind: "room.moved", Subject: bob, Detail: "to another house"}, "Bob Brown · room.moved: to another house"},
	{store.AuditEntry{Kind: store.AuditDeactivated, Actor: store.Person{ID: 9}, Subject: bob}, "A person without a name deactivated Bob Brown"},
}

func TestEveryAuditEntryIsASentence(t *testing.T) {
	told := map[store.AuditKind]bool{}
	for _, c := range noted {
		told[c.entry.Kind] = true
		if got := AuditSentence(c.entry); got != c.reads {
			t.Errorf("it reads %q, want %q", got, c.reads)
		}
	}
	for _, kind := range store.AuditKinds {
		if !told[kind] {
			t.Errorf("no sentence for %s was tried", kind)
		}
		if AuditName(kind) == string(kind) {
			t.Errorf("%s has no name", kind)
		}
	}
	if got := AuditName("room.moved"); got != "room.moved" {
		t.Errorf("a kind nobody knows is called %q", got)
	}
}

func TestAuditEntriesAreDrawnAsTheyRead(t *testing.T) {
	for _, c := range noted {
		e := c.entry
		e.ID, e.At, e.Hash = 17, time.Date(2025, 11, 21, 16, 42, 0, 0, time.UTC), strings.Repeat("3f9ab2c1", 8)
		text, doc := draw(t, func(b *strings.Builder) error { return auditEntry(e).Render(context.Background(), b) })
		if got := doc.Find(".entry__what").Text(); got != c.reads {
			t.Errorf("%q is drawn as %q", c.reads, got)
		}
		if got := doc.Find(".entry__small").Text(); !strings.Contains(got, "17") || !strings.Contains(got, "3f9ab2c1") || strings.Contains(got, e.Hash) {
			t.Errorf("the small print is %q", got)
		}
		if doc.Find("code[title='"+e.Hash+"']").Length() != 1 {
			t.Errorf("the whole hash is nowhere in %s", text)
		}
		links := doc.Find(".entry__what a").Map(func(_ int, a *goquery.Selection) string { return a.AttrOr("href", "") })
		for _, p := range []store.Person{e.Actor, e.Subject} {
			named := p.Name == "" || strings.Contains(c.reads, p.Name)
			if want := named && p.ID > 0; slices.Contains(links, PersonURL(p.ID)) != want {
				t.Errorf("in %q the links are %q", c.reads, links)
			}
		}
		if e.Place != "" && !slices.Contains(links, AuditFilter{Room: e.Room}.URL()) {
			t.Errorf("in %q the links are %q", c.reads, links)
		}
	}
}

func TestNamesInTheAuditLogAreOnlyText(t *testing.T) {
	e := store.AuditEntry{Kind: store.AuditMemberSet, Actor: store.Person{ID: 1, Name: "<b>x</b>"}, Subject: store.Person{ID: 2, Name: "\u202eevil"},
		Room: 3, Place: "<i>", Detail: "<u>", Claim: "<script>"}
	text, doc := draw(t, func(b *strings.Builder) error { return auditEntry(e).Render(context.Background(), b) })
	if doc.Find("b, i, u, script").Length() != 0 {
		t.Errorf("tags came through: %s", text)
	}
	if got := doc.Find("bdi").Length(); got != 4 {
		t.Errorf("%d parts stand by themselves, want names, room and claim: %s", got, text)
	}
}

func TestAuditFilterIsItsAddress(t *testing.T) {
	for _, c := range []struct {
		filter AuditFilter
		want   string
		any    bool
	}{
		{AuditFilter{}, "/admin/audit", false},
		{AuditFilter{Before: 7}, "/admin/audit?before=7", false},
		{AuditFilter{Kind: store.AuditSignedIn, User: bob, Person: "x", Room: 3, From: "2025-11-01", To: "2025-11-30", Before: 7},
			"/admin/audit?before=7&from=2025-11-01&kind=signin&person=2&room=3&to=2025-11-30", true},
		{AuditFilter{Person: "a b&c"}, "/admin/audit?person=a+b%26c", true},
	} {
		if got := c.filter.URL(); got != c.want || c.filter.Any() != c.any {
			t.Errorf("%+v is %s, %v", c.filter, got, c.filter.Any())
		}
	}
	if got := PersonAuditURL(2); got != (AuditFilter{User: bob}).URL() {
		t.Errorf("a person's part of the log is %s", got)
	}
}
