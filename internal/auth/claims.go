package auth

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName   = 100 // characters
	maxEmail  = 320 // bytes
	maxSID    = 255 // bytes
	maxGroups = 200
	maxGroup  = 256 // bytes
)

// claims is what a token or the userinfo endpoint says, claim by claim. A claim of an unexpected type says nothing.
type claims map[string]json.RawMessage

func (c claims) text(name string) string {
	var s string
	if json.Unmarshal(c[name], &s) != nil {
		return ""
	}
	return s
}

// texts returns a claim that is a text or a list of them.
func (c claims) texts(name string) []string {
	var list []string
	if json.Unmarshal(c[name], &list) != nil {
		return []string{c.text(name)}
	}
	return list
}

// fill adds the claims of more that c has not got or has empty.
func (c claims) fill(more claims) {
	for name, value := range more {
		switch string(c[name]) {
		case "", "null", `""`, "[]":
			c[name] = value
		}
	}
}

// displayName returns what others see of the person: the first of their name, login name and e-mail address that is
// not empty once it is cleaned, or the subject.
func (c claims) displayName(subject string) string {
	for _, s := range []string{c.text("name"), c.text("preferred_username"), c.text("email"), subject} {
		if name := cleanName(s); name != "" {
			return name
		}
	}
	return "Unnamed"
}

// hasName reports whether displayName finds more than the subject.
func (c claims) hasName() bool { return c.displayName("") != "Unnamed" }

func (c claims) email() string {
	email := c.text("email")
	if len(email) > maxEmail || clean(email) != email {
		return ""
	}
	return email
}

// cleanName returns a name fit to be shown among other names, or "" if it shows nothing.
func cleanName(s string) string {
	s = clean(s)
	if runes := []rune(s); len(runes) > maxName {
		s = strings.TrimSpace(string(runes[:maxName]))
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r != ' ' && !unicode.IsMark(r) }) {
		return ""
	}
	return s
}

// clean removes what would let a text hide, break a line or turn its surroundings around.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, unicode.In(r, unicode.C), isBlankLetter(r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// isBlankLetter reports whether Unicode calls a rune a letter or a symbol although it shows nothing.
func isBlankLetter(r rune) bool {
	switch r {
	case '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u2800', '\u3164', '\uffa0':
		return true
	}
	return false
}
