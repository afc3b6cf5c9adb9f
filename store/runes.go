package store

import "unicode"

// isSlugRune keeps letters of every script, so that a room named in Greek has a Greek address.
func isSlugRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// isInvisible reports whether a message of nothing but such runes would look empty.
func isInvisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) || r == '\u2800' || r == '\u3164' || r == '\u115f' || r == '\u1160'
}
