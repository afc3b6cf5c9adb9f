package auth

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"letstalk/store"
)

// Rule puts the people in each group that a pattern matches into a room.
type Rule struct {
	Pattern string
	Room    string
	Role    store.Role
}

// String returns the rule as it is written in a list of rules.
func (r Rule) String() string {
	s := quoteGroup(r.Pattern) + "=" + quoteIf(r.Room, `,=:"`)
	if r.Role != store.Member {
		s += ":" + string(r.Role)
	}
	return s
}

// ParseRules reads rules such as
//
//	eng-*=Engineering:moderator, staff=General, "CN=Ops,OU=Groups"="Ops: night"
//
// with commas between them. Each is a pattern for the names of groups, in which an asterisk stands for any characters, the
// name of a room, and the role its people get: member unless it says :moderator. What holds a comma, =, a colon or spaces
// at its edges goes between double quotes, and a double quote in there is written twice. The error has a line for each
// part that is wrong.
func ParseRules(s string) ([]Rule, error) {
	var rules []Rule
	names := map[string]string{}
	err := eachPart(s, func(part string) error {
		rule, err := parseRule(part)
		if err != nil {
			return err
		}
		if earlier, ok := names[roomKey(rule.Room)]; ok && earlier != rule.Room {
			return fmt.Errorf("%q and %q are the same room: write its name in one way", earlier, rule.Room)
		}
		names[roomKey(rule.Room)] = rule.Room
		rules = append(rules, rule)
		return nil
	})
	return rules, err
}

var errAfterQuote = errors.New("goes on after a closing double quote: put the whole name between them")

const ruleExample = "write GROUP=ROOM or GROUP=ROOM:moderator, for example eng-*=Engineering:moderator"

func parseRule(part string) (Rule, error) {
	pattern, rest, err := takeText(part, "=")
	if err != nil {
		return Rule{}, fmt.Errorf("%q %w", part, err)
	}
	rest, ok := strings.CutPrefix(rest, "=")
	if !ok {
		return Rule{}, fmt.Errorf("%q is no rule: %s", part, ruleExample)
	}
	if err := checkPattern(pattern); err != nil {
		return Rule{}, fmt.Errorf("%q %w", part, err)
	}
	room, rest, err := takeText(rest, ":=")
	if err != nil {
		return Rule{}, fmt.Errorf("%q %w", part, err)
	}
	rule := Rule{Pattern: pattern, Room: room, Role: store.Member}
	if role, ok := strings.CutPrefix(rest, ":"); ok {
		rest, rule.Role = "", store.Role(strings.TrimSpace(role))
	}
	switch {
	case strings.HasPrefix(rest, "="):
		return Rule{}, fmt.Errorf(`%q has more than one =: put a name that has one into double quotes, for example "cn=staff"=General`, part)
	case rest != "":
		return Rule{}, fmt.Errorf("%q %w", part, errAfterQuote)
	case rule.Role != store.Member && rule.Role != store.Moderator:
		return Rule{}, fmt.Errorf(`%q: %q is no role: write :member or :moderator, or put a room with a colon in its name into double quotes`, part, string(rule.Role))
	}
	var invalid *store.InvalidError
	n, err := store.NewRoom{Name: room, Visibility: store.Private}.Check()
	if errors.As(err, &invalid) {
		return Rule{}, fmt.Errorf("%q: %q can't be a room: %s", part, room, invalid.Reason)
	}
	rule.Room = n.Name
	return rule, nil
}

// ParsePatterns reads patterns for the names of groups, with commas between them and double quotes as in ParseRules.
func ParsePatterns(s string) ([]string, error) {
	var patterns []string
	err := eachPart(s, func(part string) error {
		pattern, rest, err := takeText(part, "")
		if err == nil && rest != "" {
			err = errAfterQuote
		}
		if err == nil {
			err = checkPattern(pattern)
		}
		if err != nil {
			return fmt.Errorf("%q %w", part, err)
		}
		patterns = append(patterns, pattern)
		return nil
	})
	return patterns, err
}

func checkPattern(pattern string) error {
	switch {
	case pattern == "":
		return errors.New("names no group: write its name, or a beginning such as eng-*")
	case len(pattern) > maxGroup || !isPlain(pattern):
		return errors.New("can't match the name of a group: it is too long, or has characters no name has")
	}
	return nil
}

var domainPattern = regexp.MustCompile(`^(\*\.)?([a-z0-9_-]+\.)*[a-z0-9_-]+$`)

// ParseDomains reads domains such as example.org, or *.example.org for all below it, with commas between them.
func ParseDomains(s string) ([]string, error) {
	var domains []string
	err := eachPart(s, func(part string) error {
		part = strings.ToLower(part)
		if !domainPattern.MatchString(part) {
			return fmt.Errorf("%q is no domain: write example.org, or *.example.org for all below it", part)
		}
		domains = append(domains, part)
		return nil
	})
	return domains, err
}

// eachPart calls f with the parts between commas that are not blank, and joins its errors. Commas between double quotes
// are not between parts.
func eachPart(s string, f func(part string) error) error {
	var problems []error
	for s != "" {
		quoted := false
		end := strings.IndexFunc(s, func(r rune) bool {
			quoted = quoted != (r == '"')
			return r == ',' && !quoted
		})
		part, rest := s, ""
		if end >= 0 {
			part, rest = s[:end], s[end+1:]
		}
		switch part = strings.TrimSpace(part); {
		case end < 0 && quoted:
			problems = append(problems, fmt.Errorf("%q opens a double quote and does not close it", part))
		case part != "":
			problems = append(problems, f(part))
		}
		s = rest
	}
	return errors.Join(problems...)
}

// takeText returns the text that s begins with, quoted or up to one of the stops, and what comes after it.
func takeText(s, stops string) (text, rest string, err error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, `"`) {
		end := len(s)
		if i := strings.IndexAny(s, stops); i >= 0 {
			end = i
		}
		if strings.Contains(s[:end], `"`) {
			return "", "", errors.New(`has a double quote in the middle: put the whole name between double quotes, with "" for one in it`)
		}
		return strings.TrimSpace(s[:end]), s[end:], nil
	}
	var b strings.Builder
	for rest = s[1:]; ; {
		before, after, closed := strings.Cut(rest, `"`)
		if !closed {
			return "", "", errors.New("opens a double quote and does not close it")
		}
		b.WriteString(before)
		if !strings.HasPrefix(after, `"`) {
			return b.String(), strings.TrimSpace(after), nil
		}
		b.WriteByte('"')
		rest = after[1:]
	}
}

// quoteGroup returns a pattern as it is to be written.
func quoteGroup(pattern string) string { return quoteIf(pattern, `,="`) }

// quoteIf puts a name between double quotes if it has one of the special characters or spaces at its edges.
func quoteIf(name, special string) string {
	if !strings.ContainsAny(name, special) && strings.TrimSpace(name) == name {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// roomKey is the same for two names of one room: those that would get the same address, without regard to case.
func roomKey(name string) string { return strings.ToLower(strings.ToUpper(store.Slug(name))) }
