package views

import (
	"bytes"
	"context"
	"html"
	"io"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/a-h/templ"
	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// These bound what the parser sees, for its time grows with the square of the number of nested links and of the depth of
// quotes and lists that begin on one line, and what browsers see. A text beyond them is shown as it was typed.
const (
	maxBrackets = 400
	maxMarkers  = 24
	maxDepth    = 100 // of elements in each other
)

// Markdown draws a message's text: emphasis, code, links, lists, quotes and tables of CommonMark and GFM, line breaks as
// typed. HTML in it is text, headings are text (a chat has none), pictures are links to them.
func Markdown(body string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := w.Write(renderMarkdown(body))
		return err
	})
}

func renderMarkdown(body string) []byte {
	if isPlain(body) {
		return asTyped(body)
	}
	return parseMarkdown(body)
}

func parseMarkdown(body string) []byte {
	if strings.Count(body, "[")+strings.Count(body, "<") > maxBrackets || markers(body) > maxMarkers {
		return asTyped(body)
	}
	m := markdown()
	var b bytes.Buffer
	// Rendering into memory fails for no input.
	_ = m.parser.Convert([]byte(body), &b)
	out := m.policy.SanitizeBytes(b.Bytes())
	if depth(out) > maxDepth {
		return asTyped(body)
	}
	return out
}

// isPlain reports whether a text is one line of nothing but words, as most are: it needs no parser to be drawn alike. It
// begins with a letter or a bracket, for a number, dash or plus could begin a list, and has nothing that makes a link.
func isPlain(body string) bool {
	if body == "" || !isLetter(body[0]) && body[0] != '(' || body[len(body)-1] == ' ' ||
		strings.Contains(body, "www.") || strings.Contains(body, "://") {
		return false
	}
	for i := range len(body) {
		c := body[i]
		if !isLetter(c) && !('0' <= c && c <= '9') && strings.IndexByte(" ,.;:?!'\"()-+/%=#", c) < 0 {
			return false
		}
	}
	return utf8.ValidString(body)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf }

func asTyped(body string) []byte {
	return []byte("<p>" + strings.ReplaceAll(html.EscapeString(body), "\n", "<br>\n") + "</p>\n")
}

// markers returns how many quotes and lists at most begin on one line of a text.
func markers(body string) int {
	most := 0
	for line := range strings.Lines(body) {
		start := line[:len(line)-len(strings.TrimLeft(line, "> \t-+*.)0123456789"))]
		n := strings.Count(start, ">")
		for i := 1; i < len(start); i++ {
			if strings.IndexByte(" \t", start[i]) >= 0 && strings.IndexByte("-+*.)", start[i-1]) >= 0 {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// depth returns how deep elements are in each other in HTML of ours.
func depth(out []byte) int {
	open, deepest := 0, 0
	for rest := out; ; {
		i := bytes.IndexByte(rest, '<')
		if i < 0 {
			return deepest
		}
		rest = rest[i+1:]
		switch {
		case bytes.HasPrefix(rest, []byte("/")):
			open--
		case !bytes.HasPrefix(rest, []byte("br")) && !bytes.HasPrefix(rest, []byte("hr")):
			open++
		}
		deepest = max(deepest, open)
	}
}

type markdownRenderer struct {
	parser goldmark.Markdown
	policy *bluemonday.Policy
}

var markdown = sync.OnceValue(func() markdownRenderer {
	return markdownRenderer{
		parser: goldmark.New(
			goldmark.WithParser(parser.NewParser(
				parser.WithBlockParsers(
					util.Prioritized(parser.NewThematicBreakParser(), 200),
					util.Prioritized(parser.NewListParser(), 300),
					util.Prioritized(parser.NewListItemParser(), 400),
					util.Prioritized(parser.NewCodeBlockParser(), 500),
					util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
					util.Prioritized(parser.NewBlockquoteParser(), 800),
					util.Prioritized(parser.NewParagraphParser(), 1000),
				),
				parser.WithInlineParsers(
					util.Prioritized(parser.NewCodeSpanParser(), 100),
					util.Prioritized(parser.NewLinkParser(), 200),
					util.Prioritized(parser.NewAutoLinkParser(), 300),
					util.Prioritized(parser.NewEmphasisParser(), 500),
				),
				parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
			)),
			goldmark.WithExtensions(extension.Linkify, extension.Strikethrough, extension.Table),
			goldmark.WithRendererOptions(
				gmhtml.WithHardWraps(),
				renderer.WithNodeRenderers(util.Prioritized(pictureLinks{}, 100)),
			),
		),
		policy: messagePolicy(),
	}
})

// messagePolicy is the second fence behind the parser: nothing but these elements and attributes leaves, whatever the
// parser may let through one day.
func messagePolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li", "hr",
		"table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[A-Za-z0-9_+#.-]{1,30}$`)).OnElements("code")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(false)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	return p
}

// pictureLinks draws ![alt](url) as a link: pictures of other sites would tell them who reads what, and the CSP keeps
// them out anyway.
type pictureLinks struct{}

func (pictureLinks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindImage, func(w util.BufWriter, _ []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
		image := node.(*ast.Image)
		if entering {
			_, _ = w.WriteString(`<a href="`)
			_, _ = w.Write(util.EscapeHTML(util.URLEscape(image.Destination, true)))
			_, _ = w.WriteString(`">`)
			if !image.HasChildren() {
				_, _ = w.Write(util.EscapeHTML(image.Destination))
			}
		} else {
			_, _ = w.WriteString("</a>")
		}
		return ast.WalkContinue, nil
	})
}
