package auth

import (
	"slices"
	"strings"
	"testing"

	"letstalk/store"
)

func TestRulesAreRead(t *testing.T) {
	rules, err := ParseRules(` eng-*=Engineering:moderator, staff = Tea & Biscuits : member ,, "CN=Ops,OU=Groups"="Ops: ""night""":moderator,a:b=General,`)
	want := []Rule{
		{"eng-*", "Engineering", store.Moderator},
		{"staff", "Tea & Biscuits", store.Member},
		{"CN=Ops,OU=Groups", `Ops: "night"`, store.Moderator},
		{"a:b", "General", store.Member},
	}
	if err != nil || !slices.Equal(rules, want) {
		t.Errorf("%q, %v", rules, err)
	}
	var written []string
	for _, r := range rules {
		written = append(written, r.String())
	}
	if got := strings.Join(written, ", "); got != `eng-*=Engineering:moderator, staff=Tea & Biscuits, "CN=Ops,OU=Groups"="Ops: ""night""":moderator, a:b=General` {
		t.Errorf("written back as %s", got)
	}
	if rules, err := ParseRules(" , "); err != nil || len(rules) != 0 {
		t.Errorf("%q, %v", rules, err)
	}
}

func TestWhatIsWrongWithRules(t *testing.T) {
	for rules, want := range map[string]string{
		"eng":                   `"eng" is no rule: write GROUP=ROOM or GROUP=ROOM:moderator, for example eng-*=Engineering:moderator`,
		`"eng" x=Room`:          `"\"eng\" x=Room" is no rule: write GROUP=ROOM or GROUP=ROOM:moderator, for example eng-*=Engineering:moderator`,
		"=General":              `"=General" names no group: write its name, or a beginning such as eng-*`,
		"eng=":                  `"eng=": "" can't be a room: A room's name needs at least one letter or digit.`,
		"eng=👍":                 `"eng=👍": "👍" can't be a room: A room's name needs at least one letter or digit.`,
		"eng=General:owner":     `"eng=General:owner": "owner" is no role: write :member or :moderator, or put a room with a colon in its name into double quotes`,
		"eng=General:":          `"eng=General:": "" is no role: write :member or :moderator, or put a room with a colon in its name into double quotes`,
		"eng=General:Moderator": `"eng=General:Moderator": "Moderator" is no role: write :member or :moderator, or put a room with a colon in its name into double quotes`,
		"cn=eng=General":        `"cn=eng=General" has more than one =: put a name that has one into double quotes, for example "cn=staff"=General`,
		`a="B" C`:               `"a=\"B\" C" goes on after a closing double quote: put the whole name between them`,
		`a=B "C"`:               `"a=B \"C\"" has a double quote in the middle: put the whole name between double quotes, with "" for one in it`,
		`a="B, c=D`:             `"a=\"B, c=D" opens a double quote and does not close it`,
		"a\tb=C":                `"a\tb=C" can't match the name of a group: it is too long, or has characters no name has`,
		"a=General, b=general":  `"General" and "general" are the same room: write its name in one way`,
		"a=Tea & Co, b=Tea Co":  `"Tea & Co" and "Tea Co" are the same room: write its name in one way`,
		"one, a=General, two": `"one" is no rule: write GROUP=ROOM or GROUP=ROOM:moderator, for example eng-*=Engineering:moderator` + "\n" +
			`"two" is no rule: write GROUP=ROOM or GROUP=ROOM:moderator, for example eng-*=Engineering:moderator`,
	} {
		t.Run(rules, func(t *testing.T) {
			_, err := ParseRules(rules)
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Error() != want {
				t.Errorf("\n%v, want\n%s", err, want)
			}
		})
	}
}

func TestPatternsAreRead(t *testing.T) {
	patterns, err := ParsePatterns(` admins, eng-* ,,"CN=A,OU=B"`)
	if err != nil || !slices.Equal(patterns, []string{"admins", "eng-*", "CN=A,OU=B"}) {
		t.Errorf("%q, %v", patterns, err)
	}
	for _, wrong := range []string{`""`, `"a`, `"a"b`, `a"b"`, "a\x00", "a\xff", strings.Repeat("a", 257)} {
		if patterns, err := ParsePatterns("staff," + wrong); err == nil {
			t.Errorf("%q is accepted: %q", wrong, patterns)
		}
	}
}

func TestDomainsAreRead(t *testing.T) {
	domains, err := ParseDomains("Example.org, *.example.com ,, localhost")
	if err != nil || !slices.Equal(domains, []string{"example.org", "*.example.com", "localhost"}) {
		t.Errorf("%q, %v", domains, err)
	}
	for _, wrong := range []string{"@example.org", "ada@example.org", "example.org.", "*", "*.", "*example.org", "a..b", "https://example.org", "bücher.example"} {
		if _, err := ParseDomains("example.org," + wrong); err == nil || !strings.Contains(err.Error(), wrong) || !strings.Contains(err.Error(), "write example.org") {
			t.Errorf("%q: error %v", wrong, err)
		}
	}
}

func TestPatternsMatchWholeGroups(t *testing.T) {
	for _, c := range []struct {
		pattern, group string
		want           bool
	}{
		{"staff", "staff", true},
		{"staff", "Staff", false},
		{"staff", "staff ", false},
		{"staff", "my-staff", false},
		{"eng-*", "eng-web", true},
		{"eng-*", "eng-", true},
		{"eng-*", "my-eng-web", false},
		{"*-admins", "web-admins", true},
		{"*-admins", "web-admins-not", false},
		{"a*b*c", "axxbxxbc", true},
		{"a*b*c", "acb", false},
		{"*", "Αθηνά", true},
		{"Α*ά", "Αθηνά", true},
		{"**", "", true},
		{"", "a", false},
		{"a.b", "axb", false},
		{"[ab]?", "a1", false},
		{strings.Repeat("*a", 100) + "b", strings.Repeat("a", 256), false},
	} {
		if got := matches(c.pattern, c.group); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.pattern, c.group, got)
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add("eng-*=Engineering:moderator, staff=General")
	f.Add(`"a,b"="c: ""d""":member`)
	f.Fuzz(func(t *testing.T, s string) {
		rules, err := ParseRules(s)
		if err != nil {
			if strings.TrimSpace(err.Error()) == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		for _, r := range rules {
			again, err := ParseRules(r.String())
			if err != nil || len(again) != 1 || again[0] != r {
				t.Errorf("%+v is written %s and read %+v, %v", r, r, again, err)
			}
		}
	})
}
