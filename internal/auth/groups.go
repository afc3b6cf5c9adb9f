package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	maxClaimPath = 256 // bytes
	// maxGroupsSeen bounds the work of a decision. No provider puts more into a token.
	maxGroupsSeen = 10_000
)

// CheckClaimPath returns an error if a path can't lead to a claim. A path is first taken as a claim's name, whatever signs
// are in it. If there is none of that name, a path that begins with a slash is a JSON pointer (RFC 6901), and any other is
// split at its dots, each of which may as well be part of a name: realm_access.roles, resource_access.my.client.roles.
func CheckClaimPath(path string) error {
	switch {
	case len(path) > maxClaimPath:
		return fmt.Errorf("%d bytes are too many for the name of a claim or a path to it", len(path))
	case !isPlain(path):
		return fmt.Errorf("%q has characters that no name of a claim has", path)
	case strings.HasPrefix(path, "/") && strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(path), "~"):
		return fmt.Errorf("%q begins with a slash, so a ~ in a name is to be written ~0, and a slash ~1", path)
	}
	return nil
}

// groupSet is what is known of a person's groups.
type groupSet struct {
	all   []string // without those that can't be names of groups, each once
	known bool
	note  string // why not, or what else is odd
}

// findGroups returns the groups of the first source that names any.
func (p Policy) findGroups(id, info claims, complete bool) groupSet {
	if p.GroupsClaim == "" {
		return groupSet{note: "OIDC_GROUPS_CLAIM is empty"}
	}
	none := false // said so by a source
	for _, c := range []claims{id, info} {
		value, ok := c.lookup(p.GroupsClaim)
		if !ok {
			continue
		}
		names, ok := groupNames(value)
		if !ok {
			return groupSet{note: fmt.Sprintf("%s is %s, and groups are a list of names", p.GroupsClaim, kindOf(value))}
		}
		seen := map[string]bool{}
		var set groupSet
		for _, g := range names {
			if g != "" && len(g) <= maxGroup && isPlain(g) && !seen[g] {
				seen[g] = true
				set.all = append(set.all, g)
			}
		}
		if len(set.all) > maxGroupsSeen {
			return groupSet{note: fmt.Sprintf("there are more than %d groups", maxGroupsSeen)}
		}
		if len(set.all) > 0 {
			set.known = true
			return set
		}
		none = true
	}
	switch {
	case none && complete:
		return groupSet{known: true}
	case id.leftOut(p.GroupsClaim) || info.leftOut(p.GroupsClaim):
		return groupSet{note: "the provider left them out, because there are too many for a token"}
	case !complete:
		return groupSet{note: "the provider did not say all it knows"}
	}
	return groupSet{known: true, note: "there is no claim " + p.GroupsClaim}
}

// leftOut reports whether the claims say that a claim exists and is elsewhere (OpenID Connect Core 1.0 §5.6.2). Entra ID
// does so for people in many groups, and by hasgroups where there is little room.
func (c claims) leftOut(path string) bool {
	var elsewhere map[string]json.RawMessage
	_ = json.Unmarshal(c["_claim_names"], &elsewhere) // of another type it says nothing
	for name := range elsewhere {
		rest, below := strings.CutPrefix(strings.TrimPrefix(path, "/"), name)
		if below && (rest == "" || rest[0] == '.' || rest[0] == '/') {
			return true
		}
	}
	switch string(c["hasgroups"]) {
	case "true", `"true"`:
		return path == "groups"
	}
	return false
}

// lookup returns what is at a path, and whether there is anything but null.
func (c claims) lookup(path string) (any, bool) {
	if value, ok := c.value(path); ok {
		return value, true
	}
	if pointer, ok := strings.CutPrefix(path, "/"); ok {
		name, rest, more := strings.Cut(pointer, "/")
		value, ok := c.value(unescapePointer.Replace(name))
		if !ok || !more {
			return value, ok
		}
		return follow(value, strings.Split(rest, "/"))
	}
	return dotted(path, c.value)
}

// value returns a claim by its name.
func (c claims) value(name string) (any, bool) {
	var v any
	if json.Unmarshal(c[name], &v) != nil || v == nil {
		return nil, false
	}
	return v, true
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// follow goes down by the rest of a JSON pointer.
func follow(v any, pointer []string) (any, bool) {
	for _, name := range pointer {
		switch at := v.(type) {
		case map[string]any:
			v = at[unescapePointer.Replace(name)]
		case []any:
			i, err := strconv.ParseUint(name, 10, 31)
			if err != nil || i >= uint64(len(at)) || strconv.FormatUint(i, 10) != name {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// dotted goes down by a path of names with dots between them, of which the longest that are there come first. Each place
// is reached in one way only, so the search is no longer than the claims.
func dotted(path string, member func(name string) (any, bool)) (any, bool) {
	if v, ok := member(path); ok {
		return v, true
	}
	for end := strings.LastIndexByte(path, '.'); end >= 0; end = strings.LastIndexByte(path[:end], '.') {
		v, _ := member(path[:end])
		object, ok := v.(map[string]any)
		if !ok {
			continue
		}
		found, ok := dotted(path[end+1:], func(name string) (any, bool) { v := object[name]; return v, v != nil })
		if ok {
			return found, true
		}
	}
	return nil, false
}

// groupNames returns the groups in the shapes that providers give them: a list of names; one name; a list of objects, of
// which the name, else the value, else the id counts; an object whose members are the groups, as Zitadel has it, unless
// they are null or false. It reports whether v is one of these.
func groupNames(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		var names []string
		for _, item := range v {
			switch item := item.(type) {
			case string:
				names = append(names, item)
			case map[string]any:
				for _, key := range []string{"name", "value", "id"} {
					if name, _ := item[key].(string); name != "" {
						names = append(names, name)
						break
					}
				}
			}
		}
		return names, true
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, member any) bool { return member == nil || member == false })
		return slices.Sorted(maps.Keys(v)), true
	}
	return nil, false
}

// kindOf names the kind of a JSON value.
func kindOf(v any) string {
	switch v.(type) {
	case bool:
		return "true or false"
	case float64:
		return "a number"
	}
	return "of another kind"
}

// explainJSON says what is wrong with JSON that people entered, and where.
func explainJSON(data []byte, err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("This is JSON, but of the kind %s. Paste an object, in braces.", kind.Value)
	case errors.As(err, &syntax):
		before := string(data[:min(max(int(syntax.Offset)-1, 0), len(data))])
		line := 1 + strings.Count(before, "\n")
		column := 1 + len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))
		return fmt.Sprintf("This is no JSON: line %d, character %d: %s.", line, column, syntax)
	}
	return "This is no JSON."
}
