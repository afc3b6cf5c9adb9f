package handlers_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"letstalk/store"
)

func TestRulesInForceAreShown(t *testing.T) {
	s := followed(t)
	doc := s.signIn("alice").get("/admin/rules").page()
	facts := strings.Join(strings.Fields(doc.Find(".facts-list").Text()), " ")
	for _, part := range []string{"the claim groups", "everybody the provider signs in", "who is in admins",
		"who is in staff is a moderator of Engineering", "who is in admins is a member of General",
		"OIDC_GROUPS_CLAIM", "ALLOWED_GROUPS", "ALLOWED_DOMAINS", "ADMIN_GROUPS", "GROUP_ROOMS"} {
		if !strings.Contains(facts, part) {
			t.Errorf("%q is not in %q", part, facts)
		}
	}
	want(t, "rules to try", doc.Find("#rules").Text(), "staff=Engineering:moderator\nadmins=General")
	want(t, "claims to try", strings.Contains(doc.Find("#claims").Text(), `"groups": ["staff"]`), true)
	want(t, "a verdict before there is one", doc.Find("#verdict").Length(), 0)
}

func TestTryingRulesChangesNothing(t *testing.T) {
	s := followed(t)
	alice := s.signIn("alice")
	before := s.head()
	a := alice.post("/admin/rules", url.Values{
		"rules":  {"eng-*=Engine Room:moderator\r\nstaff=General,\r\n"},
		"claims": {"{\"groups\": [\"staff\", \"eng-web\", \"admins\"]}\r\n"},
	})
	want(t, "status", a.status, http.StatusOK)
	page(t, a, true)
	doc := a.page()
	verdict := strings.Join(strings.Fields(doc.Find("#verdict").Text()), " ")
	for _, part := range []string{"Would be let in", "eng-web", `Administrator: groups has "admins", by ADMIN_GROUPS=admins`,
		`Moderator of Engine Room: groups has "eng-web", by the rule eng-*=Engine Room:moderator`,
		`Member of General: groups has "staff", by the rule staff=General`} {
		if !strings.Contains(verdict, part) {
			t.Errorf("%q is not in %q", part, verdict)
		}
	}
	want(t, "the rules stay in the form", doc.Find("#rules").Text(), "eng-*=Engine Room:moderator\nstaff=General,\n")
	want(t, "and those in force are still shown", strings.Contains(doc.Find(".facts-list").Text(), "Engineering"), true)
	want(t, "changes", s.head(), before)
	_, err := s.store.Room(t.Context(), alice.id, "Engine-Room")
	want(t, "the room was not made", err, store.ErrNotFound)
}

func TestWhatTheRulesSayOfClaims(t *testing.T) {
	s := followed(t)
	alice := s.signIn("alice")
	for _, c := range []struct{ name, claims, says string }{
		{"no groups", `{"groups": []}`, "Nothing beyond the rooms that are open to everybody."},
		{"groups nobody has a rule for", `{"groups": ["sales"]}`, "Nothing beyond the rooms that are open to everybody."},
		{"groups that are elsewhere", `{"_claim_names": {"groups": "src1"}}`, "These claims do not tell the groups."},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := alice.post("/admin/rules", url.Values{"rules": {"staff=General"}, "claims": {c.claims}})
			want(t, "status", a.status, http.StatusOK)
			if got := strings.Join(strings.Fields(a.page().Find("#verdict").Text()), " "); !strings.Contains(got, c.says) {
				t.Errorf("it says %q, want %q", got, c.says)
			}
		})
	}
}

func TestRulesThatCanNotBeTriedAreSentBack(t *testing.T) {
	s := followed(t)
	alice := s.signIn("alice")
	for _, c := range []struct{ name, rules, claims, field string }{
		{"rules that are none", "eng\nstaff=General", "{}", "rules"},
		{"a role that is none", "eng=Engineering:king", "{}", "rules"},
		{"claims that are no JSON", "", "{", "claims"},
		{"claims that are no object", "", "[]", "claims"},
		{"a token", "", "eyJhbGciOiJub25lIn0.e30.", "claims"},
		{"no claims", "staff=General", " ", "claims"},
		{"bytes that are no text", "\xff", "{}", "rules"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := alice.post("/admin/rules", url.Values{"rules": {c.rules}, "claims": {c.claims}})
			want(t, "status", a.status, http.StatusUnprocessableEntity)
			page(t, a, true)
			doc := a.page()
			want(t, "complaints", doc.Find(".flash").Length(), 1)
			want(t, "beside the field", doc.Find(".field:has(#"+c.field+") .flash").Length(), 1)
			want(t, "rules", doc.Find("#rules").Text(), strings.ToValidUTF8(c.rules, "\uFFFD"))
			want(t, "claims", doc.Find("#claims").Text(), c.claims)
			want(t, "a verdict", doc.Find("#verdict").Length(), 0)
		})
	}
}
