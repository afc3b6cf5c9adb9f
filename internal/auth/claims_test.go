package auth

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// FuzzClaims compares what we read of claims with what go-oidc reads, which decodes them into a struct.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"sub":"u-1","iat":1,"exp":2}`, `{"sub":"u-1","Sub":"u-2","iat":1,"exp":2}`, `{"sub":"u-1","sub":"u-2"}`,
		`{"sub":"u-1","\u017fub":"u-2","iat":1,"exp":1e9,"nbf":0.5}`, `{"sub":null,"iat":1e300,"exp":-1}`, `[{}]`, `{}{}`, `{"a":`,
		"{\"s\xffub\":\"u-2\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := parseClaims(payload)
		if err != nil || c.check() != nil {
			return
		}
		var read struct {
			Subject string      `json:"sub"`
			Issued  json.Number `json:"iat"`
			Expires json.Number `json:"exp"`
		}
		if err := json.Unmarshal(payload, &read); err != nil {
			var kind *json.UnmarshalTypeError
			if !errors.As(err, &kind) { // a claim of another type is refused by go-oidc
				t.Fatalf("not what encoding/json takes: %v", err)
			}
			return
		}
		if read.Subject != c.text("sub") {
			t.Errorf("subject %q, go-oidc reads %q", c.text("sub"), read.Subject)
		}
		for _, n := range []json.Number{read.Issued, read.Expires} {
			if f, err := n.Float64(); err != nil || f < 1 || f > 1<<40 {
				t.Errorf("a time that is %q", n)
			}
		}
	})
}

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
