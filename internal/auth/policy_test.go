package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"letstalk/store"
)

func rulesOf(t *testing.T, s string) []Rule {
	t.Helper()
	rules, err := ParseRules(s)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestGroupsGiveRoomsAndRoles(t *testing.T) {
	for _, c := range []struct {
		name, rules, groups string
		want                string
	}{
		{"each rule that matches", "eng-*=Engineering:moderator, staff=General", `"staff","eng-web"`,
			`Engineering moderator: groups has "eng-web", by the rule eng-*=Engineering:moderator` + "\n" +
				`General member: groups has "staff", by the rule staff=General`},
		{"none that does not", "eng-*=Engineering, staff=General", `"sales"`, ""},
		{"the strongest role", "staff=General, admins=General:moderator, *=General", `"admins","staff"`,
			`General moderator: groups has "admins", by the rule admins=General:moderator`},
		{"the first rule of the same role", "b=General, a=General", `"a","b"`,
			`General member: groups has "b", by the rule b=General`},
		{"the same reason whatever the order", "*=General", `"c","a","b"`,
			`General member: groups has "a", by the rule *=General`},
		{"a rule twice", "a=General, a=General", `"a"`, `General member: groups has "a", by the rule a=General`},
		{"an odd name", `"a,b"="C: d"`, `"a,b"`, `C: d member: groups has "a,b", by the rule "a,b"="C: d"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Policy{GroupsClaim: "groups", Rules: rulesOf(t, c.rules)}
			d := p.decide(claimsOf(t, `{"groups":[`+c.groups+`]}`), nil, true)
			var got []string
			for _, g := range d.Access.Rooms {
				got = append(got, fmt.Sprintf("%s %s: %s", g.Room, g.Role, g.Claim))
			}
			if strings.Join(got, "\n") != c.want || d.Access.Admin != "" || d.Refused != "" {
				t.Errorf("%q, %+v, want\n%s", got, d, c.want)
			}
		})
	}
}

func TestGroupsMakeAdministrators(t *testing.T) {
	p := Policy{GroupsClaim: "a.b", AdminGroups: []string{"root", "*-admins"}}
	d := p.decide(claimsOf(t, `{"a":{"b":["x-admins","chat-admins"]}}`), nil, true)
	if d.Access.Admin != `a.b has "chat-admins", by ADMIN_GROUPS=*-admins` {
		t.Errorf("%q", d.Access.Admin)
	}
	if d := p.decide(claimsOf(t, `{"a":{"b":["admins"]}}`), nil, true); d.Access.Admin != "" {
		t.Errorf("%q", d.Access.Admin)
	}
}

func TestRightsStayAsTheyAreWhileGroupsAreNotKnown(t *testing.T) {
	for name, p := range map[string]Policy{
		"rules":        {GroupsClaim: "groups", Rules: rulesOf(t, "a=B")},
		"admin groups": {GroupsClaim: "groups", AdminGroups: []string{"a"}},
		"no claim":     {AdminGroups: []string{"a"}},
	} {
		if d := p.decide(claimsOf(t, `{}`), nil, false); d.Access != nil {
			t.Errorf("%s: %+v", name, d.Access)
		}
	}
}

func TestRightsOfRulesOfBeforeAreTaken(t *testing.T) {
	for name, known := range map[string]bool{"groups known": true, "groups not known": false} {
		d := Policy{GroupsClaim: "groups", AllowedGroups: []string{"a"}}.decide(claimsOf(t, `{}`), nil, known)
		if d.Access == nil || d.Access.Admin != "" || len(d.Access.Rooms) != 0 {
			t.Errorf("%s: %+v", name, d.Access)
		}
	}
}

func TestWhoMayComeIn(t *testing.T) {
	const (
		none         = `{"sub":"7"}`
		staff        = `{"groups":["staff"]}`
		verified     = `{"email":"ada@example.org","email_verified":true}`
		others       = `{"email":"ada@example.com","email_verified":true}`
		unverified   = `{"email":"ada@example.org","email_verified":false}`
		unsaid       = `{"email":"ada@example.org"}`
		in           = ""
		no           = "no"
		unsure       = "unsure"
		groups, mail = "staff,eng-*", "example.org,*.example.net"
	)
	for _, c := range []struct {
		name, groups, domains string
		id, info              string
		infoKnown             bool
		want                  string
	}{
		{"everybody, if nothing is set", "", "", none, "", false, in},
		{"a group that is allowed", groups, "", staff, "", true, in},
		{"a group by a pattern", groups, "", `{"groups":["eng-web"]}`, "", true, in},
		{"no group that is allowed", groups, "", `{"groups":["sales"]}`, "", true, no},
		{"no groups", groups, "", none, none, true, no},
		{"groups that can't be known", groups, "", none, "", false, unsure},
		{"groups that are elsewhere", groups, "", `{"_claim_names":{"groups":"s"}}`, none, true, unsure},
		{"groups of an odd kind", groups, "", `{"groups":7}`, none, true, unsure},
		{"the domain", "", mail, verified, "", true, in},
		{"the domain in capitals", "", mail, `{"email":"Ada@EXAMPLE.org","email_verified":true}`, "", true, in},
		{"verified as text", "", mail, `{"email":"ada@example.org","email_verified":"true"}`, "", true, in},
		{"below a domain", "", mail, `{"email":"ada@a.b.example.net","email_verified":true}`, "", true, in},
		{"the domain that others are below", "", mail, `{"email":"ada@example.net","email_verified":true}`, "", true, no},
		{"a name that ends alike", "", mail, `{"email":"ada@badexample.net","email_verified":true}`, "", true, no},
		{"a domain that begins alike", "", mail, `{"email":"ada@example.org.evil.example","email_verified":true}`, "", true, no},
		{"the last @ counts", "", mail, `{"email":"\"ada@example.org\"@evil.example","email_verified":true}`, "", true, no},
		{"no @", "", mail, `{"email":"example.org","email_verified":true}`, "", true, no},
		{"nobody at the domain", "", mail, `{"email":"@example.org","email_verified":true}`, "", true, no},
		{"a letter that looks alike", "", "kelvin.example", `{"email":"ada@\u212aelvin.example","email_verified":true}`, "", true, no},
		{"another domain", "", mail, others, "", true, no},
		{"an address that is not verified", "", mail, unverified, "", true, no},
		{"an address nobody says is verified", "", mail, unsaid, none, true, no},
		{"1 is not true", "", mail, `{"email":"ada@example.org","email_verified":1}`, "", true, no},
		{"no address", "", mail, none, none, true, no},
		{"the address is in userinfo", "", mail, none, verified, true, in},
		{"verified is said in userinfo, of its own address", "", mail, unsaid, verified, true, in},
		{"verified is said in userinfo, of no address", "", mail, unsaid, `{"email_verified":true}`, true, no},
		{"the ID token comes first", "", mail, unverified, verified, true, no},
		{"userinfo is down", "", mail, unsaid, "", false, unsure},
		{"userinfo is down and not needed", "", mail, verified, "", false, in},
		{"no ID token", "", mail, "", none, true, unsure},
		{"no ID token and not needed", "", mail, "", verified, true, in},
		{"both hold", groups, mail, `{"groups":["staff"],"email":"ada@example.org","email_verified":true}`, "", true, in},
		{"the group alone", groups, mail, staff, none, true, no},
		{"the domain alone", groups, mail, verified, none, true, no},
		{"a certain no before what is not known", groups, mail, others, "", false, no},
		{"a certain no of the groups", groups, mail, `{"groups":["sales"]}`, "", false, no},
		{"neither is known", groups, mail, none, "", false, unsure},
		{"the group is known, the address not", groups, mail, staff, "", false, unsure},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Policy{GroupsClaim: "groups"}
			var err1, err2 error
			p.AllowedGroups, err1 = ParsePatterns(c.groups)
			p.AllowedDomains, err2 = ParseDomains(c.domains)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatal(err)
			}
			d := p.decide(claimsOf(t, c.id), claimsOf(t, c.info), c.infoKnown)
			got := in
			switch {
			case d.Unsure:
				got = unsure
			case d.Refused != "":
				got = no
			}
			if got != c.want || d.Unsure && d.Refused == "" {
				t.Errorf("%q, want %q: %+v", got, c.want, d)
			}
			if strings.Contains(d.Refused, "@") || strings.Contains(d.Refused, "sales") {
				t.Errorf("%q says too much", d.Refused)
			}
		})
	}
}

func TestTryingAClaimSet(t *testing.T) {
	p := Policy{GroupsClaim: "groups", Rules: rulesOf(t, "staff=General"), AllowedGroups: []string{"staff"}}
	d, err := p.Try([]byte(" {\n\"groups\": [\"staff\"]}\n"))
	if err != nil || d.Refused != "" || len(d.Access.Rooms) != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := p.Try([]byte("{}")); err != nil || d.Refused == "" || d.Unsure || d.Access == nil {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestWhatIsWrongWithAClaimSetToTry(t *testing.T) {
	for pasted, want := range map[string]string{
		" \n":                                "Paste a claim set",
		"{\n  \"groups\": [\"ä\", staff]\n}": "line 2, character 19: ",
		`{"groups": ["staff"]`:               "line 1, character 20: unexpected end",
		`{} {}`:                              "line 1, character 4: ",
		`["staff"]`:                          "of the kind array. Paste an object",
		`"staff"`:                            "of the kind string. Paste an object",
		"null":                               "This is null",
		"eyJhbGciOiJSUzI1NiJ9.e30.c2ln":      "This is a token",
		`{"a":"` + strings.Repeat("a", 64<<10) + `"}`: "at most 64 KB",
	} {
		_, err := Policy{}.Try([]byte(pasted))
		var invalid *store.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != "claims" || !strings.Contains(invalid.Reason, want) {
			t.Errorf("%.40q: error %v, want %q", pasted, err, want)
		}
	}
}
