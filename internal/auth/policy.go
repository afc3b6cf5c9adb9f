package auth

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"letstalk/store"
)

// Policy says what the provider's claims give a person: whether they may come in, whether they are an administrator, and
// which rooms they are in.
type Policy struct {
	// GroupsClaim is where the groups are: the name of a claim, or a path into one, as CheckClaimPath describes. Empty for
	// no groups.
	GroupsClaim string
	// AdminGroups are patterns. Who is in a group that one of them matches is an administrator.
	AdminGroups []string
	// AllowedGroups are patterns. Unless there are none, only those in a matching group may come in.
	AllowedGroups []string
	// AllowedDomains are domains such as example.org, or *.example.org for all below. Unless there are none, only those
	// with a verified e-mail address there may come in; if there are AllowedGroups too, both must hold.
	AllowedDomains []string
	// Rules say which groups are in which rooms.
	Rules []Rule
}

// Decision is what a Policy makes of the claims.
type Decision struct {
	// Groups are the person's groups as they are kept with them: at most 200, in the order the provider has them.
	Groups []string
	// Known says that Groups are all there are. If not, Note says why.
	Known bool
	// Cut says that there are more groups than Groups has. All of them counted for the rest of the decision.
	Cut bool
	// Note says what is odd about the groups, for the log and for administrators; empty if nothing is.
	Note string
	// Refused is why the person may not come in, in words; empty if they may.
	Refused string
	// Unsure says that they are refused only because what would decide it can't be known now: a sign-in may be tried again
	// later, and a login that lives goes on.
	Unsure bool
	// Access is what the claims give the person if they may come in; nil if that can't be known now. It is not nil, and
	// empty, if nothing is to be given.
	Access *store.Access
}

// decide looks at what the ID token and the userinfo endpoint say. A nil id means that there was no ID token, as may be
// when tokens are refreshed; infoKnown is false if the provider has a userinfo endpoint that could not be asked. What
// neither says is only known to be so if both were there: a provider that is half down takes nobody's rights.
func (p Policy) decide(id, info claims, infoKnown bool) Decision {
	complete := id != nil && infoKnown
	g := p.findGroups(id, info, complete)
	d := Decision{Groups: g.all, Known: g.known, Note: g.note}
	if len(g.all) > maxGroups {
		d.Groups, d.Cut = slices.Clone(g.all[:maxGroups]), true
		d.Note = fmt.Sprintf("there are %d groups, of which the first %d are kept", len(g.all), maxGroups)
	}
	g.all = slices.Sorted(slices.Values(g.all)) // so that the reason found is the same each time, whatever the provider's order
	d.Refused, d.Unsure = p.refusal(g, id, info, complete)
	if g.known || len(p.AdminGroups) == 0 && len(p.Rules) == 0 {
		d.Access = p.access(g.all)
	}
	return d
}

// refusal returns why the person may not come in. What is certain comes before what can't be known.
func (p Policy) refusal(g groupSet, id, info claims, complete bool) (reason string, unsure bool) {
	groups, domains := p.refuseGroups(g), p.refuseDomain(id, info, complete)
	for _, r := range []refused{groups, domains} {
		if r.why != "" && !r.unsure {
			return r.why, false
		}
	}
	if groups.why != "" {
		return groups.why, true
	}
	return domains.why, domains.unsure
}

type refused struct {
	why    string
	unsure bool
}

func (p Policy) refuseGroups(g groupSet) refused {
	if len(p.AllowedGroups) == 0 {
		return refused{}
	}
	for _, pattern := range p.AllowedGroups {
		if _, ok := firstMatch(pattern, g.all); ok {
			return refused{}
		}
	}
	if !g.known {
		return refused{"the groups can't be known now, and ALLOWED_GROUPS asks for them: " + g.note, true}
	}
	return refused{why: "in none of the groups that ALLOWED_GROUPS lets in"}
}

// refuseDomain goes by the first source that has an e-mail address and says whether it is verified.
func (p Policy) refuseDomain(id, info claims, complete bool) refused {
	if len(p.AllowedDomains) == 0 {
		return refused{}
	}
	address := false
	for _, c := range []claims{id, info} {
		email := c.email()
		address = address || email != ""
		verified, said := c.emailVerified()
		switch at := strings.LastIndexByte(email, '@'); {
		case email == "" || !said:
		case !verified:
			return refused{why: "the provider has not verified the e-mail address, and ALLOWED_DOMAINS goes by it"}
		case at > 0 && slices.ContainsFunc(p.AllowedDomains, func(d string) bool { return inDomain(email[at+1:], d) }):
			return refused{}
		default:
			return refused{why: "the e-mail address is in none of the domains that ALLOWED_DOMAINS lets in"}
		}
	}
	switch {
	case !complete:
		return refused{"the e-mail address can't be known now, and ALLOWED_DOMAINS asks for it", true}
	case address:
		return refused{why: "the provider does not say that it verified the e-mail address, and ALLOWED_DOMAINS goes by it"}
	}
	return refused{why: "the provider gives no e-mail address, and ALLOWED_DOMAINS goes by it"}
}

// emailVerified returns what the claim email_verified says, and whether it says anything. Some providers write it as text.
func (c claims) emailVerified() (verified, said bool) {
	switch string(c["email_verified"]) {
	case "true", `"true"`:
		return true, true
	case "false", `"false"`:
		return false, true
	}
	return false, false
}

// inDomain reports whether a host is the domain allowed, which is in lower case, or below it if that is written
// *.example.org. Only plain letters are alike without regard to case: others would have to be mapped as browsers do.
func inDomain(host, allowed string) bool {
	host = strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, host)
	if below, ok := strings.CutPrefix(allowed, "*"); ok {
		return len(host) > len(below) && strings.HasSuffix(host, below)
	}
	return host == allowed
}

// access returns what groups, which are sorted, give.
func (p Policy) access(groups []string) *store.Access {
	var a store.Access
	for _, pattern := range p.AdminGroups {
		if group, ok := firstMatch(pattern, groups); ok {
			a.Admin = p.has(group) + ", by ADMIN_GROUPS=" + quoteGroup(pattern)
			break
		}
	}
	places := map[string]int{}
	for _, rule := range p.Rules {
		group, ok := firstMatch(rule.Pattern, groups)
		if !ok {
			continue
		}
		grant := store.Grant{Room: rule.Room, Role: rule.Role, Claim: p.has(group) + ", by the rule " + rule.String()}
		at, there := places[roomKey(rule.Room)]
		switch {
		case !there:
			places[roomKey(rule.Room)] = len(a.Rooms)
			a.Rooms = append(a.Rooms, grant)
		case a.Rooms[at].Role == store.Member && grant.Role == store.Moderator:
			a.Rooms[at] = grant
		}
	}
	return &a
}

func (p Policy) has(group string) string { return fmt.Sprintf("%s has %q", p.GroupsClaim, group) }

// firstMatch returns the first of some groups that a pattern matches.
func firstMatch(pattern string, groups []string) (string, bool) {
	i := slices.IndexFunc(groups, func(g string) bool { return matches(pattern, g) })
	if i < 0 {
		return "", false
	}
	return groups[i], true
}

// matches reports whether a pattern is all of s. An asterisk stands for any characters, or none; all else for itself. It
// takes no longer than the product of both lengths, whatever they are.
func matches(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0: // the asterisk before takes one more
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// maxTry is how large a claim set to try may be, in bytes.
const maxTry = 64 << 10

// Try returns what the policy makes of a claim set, a JSON object, as if it were an ID token's and the userinfo endpoint
// added nothing. An *store.InvalidError says what is wrong with it.
func (p Policy) Try(claimSet []byte) (Decision, error) {
	invalid := func(format string, args ...any) (Decision, error) {
		return Decision{}, &store.InvalidError{Field: "claims", Reason: fmt.Sprintf(format, args...)}
	}
	text := strings.TrimSpace(string(claimSet))
	switch {
	case len(claimSet) > maxTry:
		return invalid("These are too many claims: at most %d KB can be tried.", maxTry>>10)
	case text == "":
		return invalid(`Paste a claim set, a JSON object such as {"groups": ["staff"]}.`)
	case strings.HasPrefix(text, "eyJ"):
		return invalid("This is a token. Paste the claims that are in it: a JSON object, in braces.")
	}
	var c claims
	if err := json.Unmarshal(claimSet, &c); err != nil {
		return invalid("%s", explainJSON(claimSet, err))
	}
	if c == nil {
		return invalid("This is null, not a claim set. Paste a JSON object, in braces.")
	}
	return p.decide(c, nil, true), nil
}
