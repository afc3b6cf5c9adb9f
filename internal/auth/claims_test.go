package auth

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestNameIsFitToBeShown(t *testing.T) {
	for raw, want := range map[string]string{
		"Ada Lovelace":                      "Ada Lovelace",
		"  Ada \t\r\n Lovelace\u00a0 ":      "Ada Lovelace",
		"Ada\u2028Lovelace":                 "Ada Lovelace",
		"\u202eadA\u202c":                   "adA",
		"\u2066Ada\u2069\u200e\u200f\u061c": "Ada",
		"A\u200bd\u200ca\u200d\u2060\ufeff": "Ada",
		"A\u00add\x00a\x1b[31m":             "Ada[31m",
		"Ada\x85\xff":                       "Ada",
		"<script>alert(1)</script>":         "<script>alert(1)</script>",
		"Αθηνά 😀":                           "Αθηνά 😀",
		strings.Repeat("ä", 101):            strings.Repeat("ä", 100),
		strings.Repeat("a", 99) + " b":      strings.Repeat("a", 99),
		"\u3164\u2800\u115f":                "",
		"\u0301\ufe0f":                      "",
		"\u200b \u202e":                     "",
	} {
		if got := cleanName(raw); got != want {
			t.Errorf("cleanName(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestNameIsNeverEmpty(t *testing.T) {
	for raw, want := range map[string]string{
		`{"name":"Ada","preferred_username":"ada","email":"ada@example.org"}`: "Ada",
		`{"name":"\u202e","preferred_username":"ada"}`:                        "ada",
		`{"name":7,"preferred_username":null,"email":"ada@example.org"}`:      "ada@example.org",
		`{}`: "subject",
	} {
		var c claims
		if err := json.Unmarshal([]byte(raw), &c); err != nil {
			t.Fatal(err)
		}
		if got := c.displayName("subject"); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
	if got := (claims{}).displayName("   "); got == "" {
		t.Error("a blank subject makes an empty name")
	}
}
