package views

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

func TestMarkdown(t *testing.T) {
	const rel = `rel="nofollow noreferrer noopener" target="_blank"`
	for _, c := range []struct{ name, body, want string }{
		{"plain text", "hello", "<p>hello</p>"},
		{"emphasis", "*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>"},
		{"line breaks as typed", "a\nb\n\nc", "<p>a<br>\nb</p>\n<p>c</p>"},
		{"fenced code", "```go\nif a < b {}\n```", "<pre><code class=\"language-go\">if a &lt; b {}\n</code></pre>"},
		{"fenced code with an odd language", "```\"><script>\nx\n```", "<pre><code>x\n</code></pre>"},
		{"unclosed fence", "```\na *b*", "<pre><code>a *b*\n</code></pre>"},
		{"indented code", "    a *b*", "<pre><code>a *b*\n</code></pre>"},
		{"link", "[x](https://example.org/?a=1&b=2)", `<p><a href="https://example.org/?a=1&amp;b=2" ` + rel + `>x</a></p>`},
		{"bare link", "see https://example.org/a.", `<p>see <a href="https://example.org/a" ` + rel + `>https://example.org/a</a>.</p>`},
		{"link in angle brackets", "<https://example.org>", `<p><a href="https://example.org" ` + rel + `>https://example.org</a></p>`},
		{"mail address", "<a@example.org>", `<p><a href="mailto:a@example.org" rel="nofollow noreferrer">a@example.org</a></p>`},
		{"javascript link", "[x](javascript:alert(1))", "<p>x</p>"},
		{"hidden javascript link", "[x](jAvA&#x73;cript:alert(1)) [y](<\x01javascript:1>)", "<p>x y</p>"},
		{"data link", "[x](data:text/html;base64,PHA+)", "<p>x</p>"},
		{"relative link", "[x](/users/logout) [y](//evil.example)", "<p>x y</p>"},
		{"reference link", "[x]\n\n[x]: https://example.org 'title'", `<p><a href="https://example.org" ` + rel + `>x</a></p>`},
		{"picture", "![alt](https://example.org/a.png)", `<p><a href="https://example.org/a.png" ` + rel + `>alt</a></p>`},
		{"picture without words", "![](https://example.org/a.png)", `<p><a href="https://example.org/a.png" ` + rel + `>https://example.org/a.png</a></p>`},
		{"javascript picture", "![x](javascript:alert(1))", "<p>x</p>"},
		{"lists", "- a\n- b\n\n3. c\n4. d", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n<ol start=\"3\">\n<li>c</li>\n<li>d</li>\n</ol>"},
		{"quote", "> a\n> b", "<blockquote>\n<p>a<br>\nb</p>\n</blockquote>"},
		{"table", "a|b\n-|-:\n1|<b>", "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>1</td>\n<td>&lt;b&gt;</td>\n</tr>\n</tbody>\n</table>"},
		{"rule", "a\n\n---", "<p>a</p>\n<hr>"},
		{"headings stay text", "# a\n## b", "<p># a<br>\n## b</p>"},
		{"underlined headings stay text", "a\n===", "<p>a<br>\n===</p>"},
		{"HTML stays text", "<b onclick=x>a</b> <!-- c -->", "<p>&lt;b onclick=x&gt;a&lt;/b&gt; &lt;!-- c --&gt;</p>"},
		{"HTML blocks stay text", "<div>\na\n</div>", "<p>&lt;div&gt;<br>\na<br>\n&lt;/div&gt;</p>"},
		{"many quotes", ">>>>>> a", strings.Repeat("<blockquote>\n", 6) + "<p>a</p>\n" + strings.Repeat("</blockquote>\n", 5) + "</blockquote>"},
		{"too many quotes", strings.Repeat(">", 25) + " *a*", "<p>" + strings.Repeat("&gt;", 25) + " *a*</p>"},
		{"long rules", strings.Repeat("-", 80) + "\n\n" + strings.Repeat("* ", 20), "<hr>\n<hr>"},
		{"too much emphasis", strings.Repeat("*a ", 101) + strings.Repeat("b* ", 101), "<p>" + strings.Repeat("*a ", 101) + strings.Repeat("b* ", 101) + "</p>"},
		{"entities are letters", "&lt;b&gt; &copy;", "<p>&lt;b&gt; ©</p>"},
		{"footnotes, task lists and ids are text", "[^1] a {#id}", "<p>[^1] a {#id}</p>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.TrimSpace(string(renderMarkdown(c.body))); got != c.want {
				t.Errorf("%q became\n%s\nwant\n%s", c.body, got, c.want)
			}
		})
	}
}

// pathological are texts that make parsers work hard, as long as a message may be.
func pathological() map[string]string {
	fill := func(part string) string {
		s := strings.Repeat(part, store.MaxBody/len(part)+1)
		return s[:store.MaxBody]
	}
	nested := ""
	for i := 0; len(nested) < store.MaxBody-200; i++ {
		nested += strings.Repeat("  ", min(i, 60)) + "- a\n"
	}
	texts := map[string]string{"nested lists": nested, "lists on one line": fill("- "), "numbered lists on one line": fill("1. "),
		"quoted lists": fill("> - "), "table": "a|b\n-|-\n" + fill("|")[8:], "wide table": fill("|a")[:2600] + "\n" + fill("|-")[:2600] + "\n" + fill("|b")[:2600],
		"emphasis that never closes": fill("*a **b "), "mixed emphasis": fill("a**b_c*"), "code spans": codeSpans(), "deep quotes": fill(">"), "words": fill("word "),
		"quote then paragraphs": fill(">a\n\n"), "fences": fill("```\n~~~\n"), "links at": fill("a@b."), "links www": fill("www."), "links http": fill("http://"), "definitions": fill("[a]: b\n"),
		"backslashes": fill("\\"), "tildes": fill("~a"), "nested emphasis": strings.Repeat("*a ", 1300) + strings.Repeat("b* ", 1300), "entities": fill("&a;"), "tabs": fill("-\t"), "quotes and tabs": fill(">\t")}
	for _, part := range []string{"[a](", "[", "![", "<", "*", "_", "~", "`", "[[]", "<a", "a\n", "[a](<b", "**a*"} {
		texts[fmt.Sprintf("%q", part)] = fill(part)
	}
	return texts
}

func codeSpans() string {
	var b strings.Builder
	for i := 1; b.Len() < store.MaxBody-150; i++ {
		b.WriteString(strings.Repeat("`", i) + " ")
	}
	return b.String()
}

func TestMarkdownOfHardTextStaysBounded(t *testing.T) {
	for name, body := range pathological() {
		t.Run(name, func(t *testing.T) {
			out := renderMarkdown(body)
			if len(out) > 20*len(body) {
				t.Errorf("%d bytes became %d", len(body), len(out))
			}
			open, deepest := 0, 0
			for _, tag := range regexp.MustCompile(`</?[a-z]+`).FindAllString(string(out), -1) {
				switch {
				case strings.HasPrefix(tag, "</"):
					open--
				case tag != "<br" && tag != "<hr":
					open++
				}
				deepest = max(deepest, open)
			}
			if deepest > 100 {
				t.Errorf("elements are nested %d deep", deepest)
			}
		})
	}
}

func BenchmarkMarkdown(b *testing.B) {
	texts := pathological()
	texts["usual"] = "Morning! The **release** is out, see https://example.org/notes and run `make test` first."
	for name, body := range texts {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				renderMarkdown(body)
			}
		})
	}
}

// elements are those that may leave, with their attributes.
var elements = map[string][]string{
	"p": nil, "br": nil, "strong": nil, "em": nil, "del": nil, "code": {"class"}, "pre": nil, "blockquote": nil, "ul": nil,
	"ol": {"start"}, "li": nil, "hr": nil, "table": nil, "thead": nil, "tbody": nil, "tr": nil, "th": nil, "td": nil,
	"a": {"href", "rel", "target"},
}

func FuzzMarkdown(f *testing.F) {
	for _, body := range pathological() {
		f.Add(body[:min(len(body), 300)])
	}
	for _, seed := range []string{"<script>alert(1)</script>", "[x](javascript:1)", "![x](data:1 'y')", "a|b\n-|-\n<b>|x", "```\"x\ny", "<a hx-get=x>", "\x00\r\n\u202e", "[x]: y\n[x]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		out := string(renderMarkdown(body))
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(`<div id="it">` + out + `</div><i id="after"></i>`))
		if err != nil {
			t.Fatal(err)
		}
		if doc.Find("body > #after").Length() != 1 {
			t.Errorf("%q breaks out of its place: %s", body, out)
		}
		doc.Find("#it *").Each(func(_ int, e *goquery.Selection) {
			attributes, ok := elements[goquery.NodeName(e)]
			if !ok {
				t.Errorf("%q let %s out: %s", body, goquery.NodeName(e), out)
			}
			for _, a := range e.Nodes[0].Attr {
				web := strings.HasPrefix(a.Val, "http://") || strings.HasPrefix(a.Val, "https://") || strings.HasPrefix(a.Val, "mailto:")
				if !slices.Contains(attributes, a.Key) || a.Key == "href" && !web {
					t.Errorf("%q let %s=%q out: %s", body, a.Key, a.Val, out)
				}
			}
		})
	})
}

// Texts of words go around the parser; what it would have made of them is the truth.
func FuzzPlainText(f *testing.F) {
	for _, body := range []string{
		"hello", "don't, he said; why? (really) \"yes\".", "Grüße, 你好 😀", "see www.example.org", "a  b", "1. no list", "a.b.c e.g. i.e.",
		"x\u00a0y", "\u200f\u202eabc", "ends with two spaces  ", "(a) b", "a.b", ". a", "'", "\u2028", "abc\u0085d", "http example.org", "WWW.example.org",
		"a: b", "a - b -- c", "a+b=c", "see a/b.c", "50% #1", "!", "(- a)", "http:x", "a:-", "mailto:x", "ftp://example.org",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		// As the store keeps it.
		body, err := store.CleanBody(body)
		if err != nil || !isPlain(body) {
			return
		}
		if got, want := string(asTyped(body)), string(parseMarkdown(body)); got != want {
			t.Errorf("%q is %q, want %q", body, got, want)
		}
	})
}
