package views

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestExcerpt(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"marks go":               {"Good **morning**, see _this_ and `code`", "Good morning, see this and code"},
		"lines become one":       {"one\ntwo\n\n- three\n- four", "one two three four"},
		"a link is its text":     {"[the notes](https://example.org/a) and https://example.org/b", "the notes and https://example.org/b"},
		"code keeps its words":   {"look:\n\n```go\nx := 1\ny := 2\n```", "look: x := 1 y := 2"},
		"tables are their cells": {"| a | b |\n|---|---|\n| 1 | 2 |", "a b 1 2"},
		"HTML is text":           {"<script>alert(1)</script>", "<script>alert(1)</script>"},
		"escapes are resolved":   {"2 \\* 3 &amp; `\\*`", "2 * 3 & \\*"},
		"headings are text":      {"# not a heading", "# not a heading"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Excerpt(c.body); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	t.Run("is short", func(t *testing.T) {
		got := Excerpt(strings.Repeat("лирик ", 2000))
		if n := utf8.RuneCountInString(got); n != maxExcerpt || !strings.HasSuffix(got, "…") {
			t.Errorf("%d characters: %q", n, got)
		}
	})
}
