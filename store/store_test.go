package store_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"letstalk/store"
)

// check compares what a check returned with what it should: the value kept, or the field that is wrong.
func check(t *testing.T, got any, err error, want any, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return
	}
	var invalid *store.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != field || !strings.HasSuffix(invalid.Reason, ".") {
		t.Errorf("error %v, want a sentence about %s", err, field)
	}
}

func TestCleanBody(t *testing.T) {
	for _, c := range []struct{ name, body, want, field string }{
		{"plain text stays", "hello", "hello", ""},
		{"CRLF and CR are LF", "a\r\nb\rc\r\r\nd", "a\nb\nc\n\nd", ""},
		{"blank edges go", "\n \t\n\u2003\n a \n\n b \t\n\u00a0\u2028", " a \n\n b", ""},
		{"indented first line stays", "    code", "    code", ""},
		{"blank lines within stay", "a\n\n\nb", "a\n\n\nb", ""},
		{"joined emoji stay", "👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦", ""},
		{"bidi and HTML stay", "\u202e<b>&amp;", "\u202e<b>&amp;", ""},
		{"as long as may be", strings.Repeat("é", store.MaxBody) + "\r\n", strings.Repeat("é", store.MaxBody), ""},
		{"too long", strings.Repeat("é", store.MaxBody+1), "", "body"},
		{"empty", "", "", "body"},
		{"blank", " \r\n\t\u3000", "", "body"},
		{"invisible", "\u200b\u2060\ufeff\u2800\u3164", "", "body"},
		{"NUL", "a\x00", "", "body"},
		{"broken UTF-8", "a\xc3", "", "body"},
		{"surrogate", "\xed\xa0\x80", "", "body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := store.CleanBody(c.body)
			check(t, got, err, c.want, c.field)
		})
	}
}

func FuzzCleanBody(f *testing.F) {
	for _, seed := range []string{"hello", "\r\n a\r\r\n", "\u2003\n\u200b\nx", "\xff", "\x00", " \u00a0\n\v\f\u0085", "é\n\n", "\u2028a\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		clean, err := store.CleanBody(body)
		if err != nil {
			var invalid *store.InvalidError
			if !errors.As(err, &invalid) || clean != "" {
				t.Fatalf("%q, %v", clean, err)
			}
			return
		}
		if n := utf8.RuneCountInString(clean); n < 1 || n > store.MaxBody {
			t.Errorf("%d characters", n)
		}
		if !utf8.ValidString(clean) || strings.ContainsAny(clean, "\x00\r") {
			t.Errorf("not clean: %q", clean)
		}
		if again, err := store.CleanBody(clean); err != nil || again != clean {
			t.Errorf("cleaned again %q is %q, %v", clean, again, err)
		}
	})
}

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"General":          "General",
		" Tea & Biscuits ": "Tea-Biscuits",
		"a--b__c":          "a-b-c",
		"Q1/2025":          "Q1-2025",
		"Κόσμος":           "Κόσμος",
		"日本 語":             "日本-語",
		"e\u0301te\u0301":  "e\u0301te\u0301",
		"../../etc/passwd": "etc-passwd",
		"a\u202eb":         "a-b",
		"👍":                "",
		"?!":               "",
		"":                 "",
	} {
		if got := store.Slug(name); got != want {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDraftCheck(t *testing.T) {
	long := strings.Repeat("n", store.MaxNonce)
	for _, c := range []struct {
		name        string
		draft, want store.Draft
		field       string
	}{
		{"body is cleaned", store.Draft{Body: "a\r\n", Nonce: "n"}, store.Draft{Body: "a", Nonce: "n"}, ""},
		{"longest nonce", store.Draft{Body: "a", Nonce: long}, store.Draft{Body: "a", Nonce: long}, ""},
		{"nonce too long", store.Draft{Body: "a", Nonce: long + "n"}, store.Draft{}, "nonce"},
		{"no nonce", store.Draft{Body: "a"}, store.Draft{}, "nonce"},
		{"broken nonce", store.Draft{Body: "a", Nonce: "\xff"}, store.Draft{}, "nonce"},
		{"NUL in nonce", store.Draft{Body: "a", Nonce: "n\x00"}, store.Draft{}, "nonce"},
		{"no body", store.Draft{Nonce: "n"}, store.Draft{}, "body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.draft.Check()
			check(t, got, err, c.want, c.field)
		})
	}
}

func TestNewRoomCheck(t *testing.T) {
	long := strings.Repeat("é", store.MaxRoomName)
	for _, c := range []struct {
		name       string
		room, want store.NewRoom
		field      string
	}{
		{"edges are trimmed", store.NewRoom{Name: " A b ", Topic: "\tc ", Visibility: store.Private}, store.NewRoom{Name: "A b", Topic: "c", Visibility: store.Private}, ""},
		{"longest name", store.NewRoom{Name: long, Visibility: store.Open}, store.NewRoom{Name: long, Visibility: store.Open}, ""},
		{"name too long", store.NewRoom{Name: long + "é", Visibility: store.Open}, store.NewRoom{}, "name"},
		{"no name", store.NewRoom{Name: " ", Visibility: store.Open}, store.NewRoom{}, "name"},
		{"name without an address", store.NewRoom{Name: "👍", Visibility: store.Open}, store.NewRoom{}, "name"},
		{"broken name", store.NewRoom{Name: "a\xff", Visibility: store.Open}, store.NewRoom{}, "name"},
		{"name of two lines", store.NewRoom{Name: "a\nb", Visibility: store.Open}, store.NewRoom{}, "name"},
		{"NUL in name", store.NewRoom{Name: "a\x00b", Visibility: store.Open}, store.NewRoom{}, "name"},
		{"broken topic", store.NewRoom{Name: "a", Topic: "\xff", Visibility: store.Open}, store.NewRoom{}, "topic"},
		{"NUL in topic", store.NewRoom{Name: "a", Topic: "b\x00b", Visibility: store.Open}, store.NewRoom{}, "topic"},
		{"no visibility", store.NewRoom{Name: "a"}, store.NewRoom{}, "visibility"},
		{"unknown visibility", store.NewRoom{Name: "a", Visibility: "OPEN"}, store.NewRoom{}, "visibility"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.room.Check()
			check(t, got, err, c.want, c.field)
		})
	}
}
