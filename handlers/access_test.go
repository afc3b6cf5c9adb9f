package handlers_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/internal/auth"
	"letstalk/store"
)

// followed is a site where groups are rooms and roles.
func followed(t testing.TB) *site {
	t.Helper()
	rules, err := auth.ParseRules("staff=Engineering:moderator, admins=General")
	must(t, err)
	return open(t, setup{hub: slow, auth: func(c *auth.Config) {
		c.Policy = auth.Policy{GroupsClaim: "groups", AdminGroups: []string{"admins"}, Rules: rules}
	}})
}

// reasons returns what a page says of somebody's rights in a room: the role, and why.
func reasons(doc *goquery.Document, slug string) (role string, why []string) {
	row := doc.Find(`[data-room="` + slug + `"]`)
	return row.Find(".mark").Text(), row.Find(".reasons li").Map(func(_ int, li *goquery.Selection) string {
		return strings.Join(strings.Fields(li.Text()), " ")
	})
}

func holds(t *testing.T, what string, all []string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, part) }) {
			t.Errorf("%s: %q is not in %q", what, part, all)
		}
	}
	want(t, what+": how many", len(all), len(parts))
}

func TestEverybodyMayKnowWhyTheyAreHere(t *testing.T) {
	s := followed(t)
	alice, bob, mallory := s.signIn("alice"), s.signIn("bob"), s.signIn("mallory")
	sports := s.roomID(bob.id, "Sports")
	must(t, s.store.SetMember(t.Context(), alice.id, sports, bob.id, store.Moderator))
	must(t, s.store.SetMember(t.Context(), alice.id, s.roomID(bob.id, "Engineering"), bob.id, store.Member))
	must(t, s.store.SetDemand(t.Context(), alice.id, sports, store.Demand{MaxAge: store.MinMaxAge}))

	doc := bob.get("/account/access").page()
	said := doc.Find(".facts-list").Text()
	for _, part := range []string{"Bob Brown", "bob@example.org", "staff", s.issuer, "b3a8f0de-7c15-4c86-8f63-5d2e9b40b002"} {
		if !strings.Contains(said, part) {
			t.Errorf("the provider said %q, the page only %q", part, said)
		}
	}
	want(t, "administrator", strings.Contains(doc.Find("main").Text(), "You are no administrator."), true)
	role, why := reasons(doc, "General")
	want(t, "role in General", role, "Member")
	holds(t, "General", why, "Open to everybody")
	role, why = reasons(doc, "Sports")
	want(t, "role in Sports", role, "Moderator")
	holds(t, "Sports", why, "Open to everybody", "Moderator, given by Alice Adams on ", "Asks for a sign-in within the last minute.")
	role, why = reasons(doc, "Engineering")
	want(t, "role in Engineering", role, "Moderator")
	holds(t, "Engineering", why, `Moderator: groups has "staff", by the rule staff=Engineering:moderator`, "Member, given by Alice Adams on ")

	doc = alice.get("/account/access").page()
	want(t, "administrator", strings.Contains(doc.Find("main").Text(), "You are an administrator"), true)
	want(t, "because of the claim", strings.Contains(doc.Find("main").Text(), `groups has "admins", by ADMIN_GROUPS=admins`), true)
	role, why = reasons(doc, "General")
	want(t, "an administrator's role", role, "Moderator")
	holds(t, "General", why, "Open to everybody", "You are an administrator.", `Member: groups has "admins", by the rule admins=General`)

	must(t, s.store.SetAdmin(t.Context(), alice.id, mallory.id, true))
	doc = mallory.get("/account/access").page()
	want(t, "made one by hand", strings.Contains(doc.Find("main").Text(), "made so by hand"), true)
	want(t, "groups of who has none", doc.Find(".facts-list .faint").Text(), "none")
	want(t, "rooms of others", doc.Find(`[data-room="Engineering"]`).Length(), 0)
	want(t, "tags in the name", doc.Find("main script").Length(), 0)
}
