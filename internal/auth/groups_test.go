package auth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func claimsOf(t testing.TB, raw string) claims {
	t.Helper()
	var c claims
	if raw == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGroupsAreFoundWhereProvidersPutThem(t *testing.T) {
	for _, c := range []struct{ name, path, claims, want string }{
		{"a list", "groups", `{"groups":["eng","staff"]}`, "eng staff"},
		{"one name", "groups", `{"groups":"eng"}`, "eng"},
		{"a URL as the claim's name", "https://chat.example.org/groups", `{"https://chat.example.org/groups":["eng"]}`, "eng"},
		{"Keycloak's realm roles", "realm_access.roles", `{"realm_access":{"roles":["eng"]}}`, "eng"},
		{"a client with dots in its name", "resource_access.my.client.roles", `{"resource_access":{"my.client":{"roles":["eng"]},"my":{"client":{}}}}`, "eng"},
		{"a longer name that leads nowhere", "a.b.c", `{"a.b":{"x":["no"]},"a":{"b":{"c":["eng"]}}}`, "eng"},
		{"the longest name first", "a.b.c", `{"a.b":{"c":["eng"]},"a":{"b":{"c":["no"]}}}`, "eng"},
		{"a whole name before a path", "a.b", `{"a.b":["eng"],"a":{"b":["no"]}}`, "eng"},
		{"a pointer", "/realm_access/roles", `{"realm_access":{"roles":["eng"]}}`, "eng"},
		{"a pointer with escapes", "/https:~1~1example.org~1x/a~0b", `{"https://example.org/x":{"a~b":["eng"]}}`, "eng"},
		{"a pointer into a list", "/orgs/1/groups", `{"orgs":[{"groups":["no"]},{"groups":["eng"]}]}`, "eng"},
		{"a claim's name that begins with a slash", "/groups", `{"/groups":["eng"],"groups":["no"]}`, "eng"},
		{"objects with names", "groups", `{"groups":[{"id":"7","name":"eng"},{"id":"8"},{"value":"staff","id":"9"},{"name":7}]}`, "eng 8 staff"},
		{"Zitadel's roles", "urn:zitadel:iam:org:project:roles", `{"urn:zitadel:iam:org:project:roles":{"staff":{"1":"a.example"},"eng":{"1":"a.example"},"old":null,"off":false}}`, "eng staff"},
		{"what can't be a group", "groups", `{"groups":["eng",7,null,["x"],"","a\nb","` + strings.Repeat("g", 257) + `","eng"]}`, "eng"},
		{"no group", "groups", `{"groups":[]}`, ""},
		{"an empty name", "groups", `{"groups":""}`, ""},
		{"no such claim", "groups", `{"roles":["eng"]}`, ""},
		{"null", "groups", `{"groups":null}`, ""},
		{"nothing below", "groups.x", `{"groups":["eng"]}`, ""},
		{"a pointer beyond the list", "/groups/1/x", `{"groups":["eng"]}`, ""},
		{"a pointer with a sloppy index", "/groups/00", `{"groups":["eng"]}`, ""},
		{"a pointer to nothing", "/", `{"groups":["eng"]}`, ""},
		{"dots alone", "..", `{"groups":["eng"]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := CheckClaimPath(c.path); err != nil {
				t.Error(err)
			}
			d := Policy{GroupsClaim: c.path}.decide(claimsOf(t, c.claims), nil, true)
			if got := strings.Join(d.Groups, " "); got != c.want || !d.Known || d.Cut {
				t.Errorf("%+v, want groups %q", d, c.want)
			}
		})
	}
}

func TestGroupsAreKnownOrNot(t *testing.T) {
	const groups, none = `{"groups":["eng"]}`, `{"sub":"7"}`
	for _, c := range []struct {
		name, id, info string
		infoKnown      bool
		want           string // ? for not known
	}{
		{"the ID token has them", groups, "", true, "eng"},
		{"the ID token has them, userinfo is down", groups, "", false, "eng"},
		{"userinfo has them", none, groups, true, "eng"},
		{"the ID token comes first", groups, `{"groups":["staff"]}`, true, "eng"},
		{"unless it says none", `{"groups":[]}`, groups, true, "eng"},
		{"both say none", `{"groups":[]}`, `{"groups":[]}`, true, ""},
		{"the ID token says none, userinfo is down", `{"groups":[]}`, "", false, "?"},
		{"null says nothing", `{"groups":null}`, groups, true, "eng"},
		{"neither has them", none, none, true, ""},
		{"there is no userinfo endpoint", none, "", true, ""},
		{"userinfo is down", none, "", false, "?"},
		{"no ID token, and userinfo has them", "", groups, true, "eng"},
		{"no ID token, and userinfo has not", "", none, true, "?"},
		{"neither can be asked", "", "", false, "?"},
		{"too many for Entra", `{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://graph.example"}}}`, none, true, "?"},
		{"too many for Entra, in little room", `{"hasgroups":true}`, none, true, "?"},
		{"too many for Entra, as text", `{"hasgroups":"true"}`, none, true, "?"},
		{"too many for the token, and userinfo has them", `{"_claim_names":{"groups":"src1"}}`, groups, true, "eng"},
		{"other claims are elsewhere", `{"_claim_names":{"address":"src1"},"hasgroups":false}`, none, true, ""},
		{"no list of what is elsewhere", `{"_claim_names":["groups"]}`, none, true, ""},
		{"a number", `{"groups":7}`, none, true, "?"},
		{"true", `{"groups":true}`, groups, true, "?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Policy{GroupsClaim: "groups"}.decide(claimsOf(t, c.id), claimsOf(t, c.info), c.infoKnown)
			got := strings.Join(d.Groups, " ")
			if !d.Known {
				got += "?"
			}
			if got != c.want {
				t.Errorf("%+v, want %q", d, c.want)
			}
			if !d.Known && d.Note == "" {
				t.Error("it does not say why")
			}
		})
	}
}

func TestGroupsBelowAClaimThatIsElsewhereAreNotKnown(t *testing.T) {
	for _, path := range []string{"access.roles", "/access/roles", "access"} {
		if d := (Policy{GroupsClaim: path}).decide(claimsOf(t, `{"_claim_names":{"access":"src1"}}`), nil, true); d.Known {
			t.Errorf("%s: %+v", path, d)
		}
	}
	if d := (Policy{GroupsClaim: "accessories"}).decide(claimsOf(t, `{"_claim_names":{"access":"src1"}}`), nil, true); !d.Known {
		t.Errorf("%+v", d)
	}
}

// numbered returns a claim set with that many groups, g0 and so on.
func numbered(t *testing.T, n int) claims {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("g", i))
	}
	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return claims{"groups": list}
}

func TestMoreGroupsThanAreKeptCountAllTheSame(t *testing.T) {
	p := Policy{GroupsClaim: "groups", AdminGroups: []string{"g999"}}
	d := p.decide(numbered(t, 1000), nil, true)
	if !d.Known || !d.Cut || len(d.Groups) != 200 || d.Groups[199] != "g199" || !strings.Contains(d.Note, "1000") {
		t.Errorf("%d groups kept, %q, %+v", len(d.Groups), d.Note, d.Access)
	}
	if d.Access == nil || d.Access.Admin == "" {
		t.Error("the last group does not count")
	}
	if d := p.decide(numbered(t, 200), nil, true); d.Cut || d.Note != "" {
		t.Errorf("200 are too many: %s", d.Note)
	}
}

func TestGroupsBeyondAllReasonAreNotKnown(t *testing.T) {
	if d := (Policy{GroupsClaim: "groups"}).decide(numbered(t, 10_001), nil, true); d.Known || len(d.Groups) != 0 {
		t.Errorf("%d groups, known %v", len(d.Groups), d.Known)
	}
}

func TestGroupsStayInTheProvidersOrder(t *testing.T) {
	d := Policy{GroupsClaim: "groups"}.decide(claimsOf(t, `{"groups":["b","c","a"]}`), nil, true)
	if !slices.Equal(d.Groups, []string{"b", "c", "a"}) {
		t.Errorf("%q", d.Groups)
	}
}

func TestClaimPathsThatLeadNowhere(t *testing.T) {
	for _, path := range []string{"a\nb", "a\xff", "/a~b", "/a~2", strings.Repeat("a.", 129)} {
		if CheckClaimPath(path) == nil {
			t.Errorf("%q is accepted", path)
		}
	}
}

func FuzzClaimPath(f *testing.F) {
	f.Add("a.b.c", `{"a":{"b.c":["x"]}}`)
	f.Add("/a/0/~01", `{"a":[{"~1":"x"}]}`)
	f.Fuzz(func(t *testing.T, path, raw string) {
		var c claims
		if json.Unmarshal([]byte(raw), &c) != nil {
			return
		}
		d := Policy{GroupsClaim: path, AdminGroups: []string{"*"}}.decide(c, nil, true)
		for _, g := range d.Groups {
			if g == "" || len(g) > maxGroup || !isPlain(g) {
				t.Errorf("group %q", g)
			}
		}
		if d.Known && (d.Access.Admin != "") != (len(d.Groups) > 0) || !d.Known && d.Access != nil {
			t.Errorf("%+v", d)
		}
	})
}
