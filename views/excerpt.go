package views

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// maxExcerpt is how many characters of a message a list of rooms shows.
const maxExcerpt = 120

// Excerpt returns the beginning of a message as one line of plain text, without the marks of its Markdown.
func Excerpt(body string) string {
	if runes := []rune(body); len(runes) > 4*maxExcerpt {
		body = string(runes[:4*maxExcerpt]) // marks and spaces go; four times as much is enough to fill the line
	}
	line := strings.Join(strings.Fields(plain([]byte(body))), " ")
	if runes := []rune(line); len(runes) > maxExcerpt {
		return string(runes[:maxExcerpt-1]) + "…"
	}
	return line
}

// plain returns the words of a message, parsed as Markdown does.
func plain(source []byte) string {
	var b strings.Builder
	_ = ast.Walk(markdown().parser.Parser().Parse(text.NewReader(source)), func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := node.(type) {
		case *ast.Text:
			if entering {
				b.Write(words(n, source))
				if n.SoftLineBreak() || n.HardLineBreak() {
					b.WriteByte(' ')
				}
			}
		case *ast.String:
			if entering {
				b.Write(n.Value)
			}
		case *ast.AutoLink:
			if entering {
				b.Write(n.Label(source))
			}
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			if entering {
				for _, line := range n.Lines().Sliced(0, n.Lines().Len()) {
					b.Write(line.Value(source))
				}
			}
		}
		if node.Type() == ast.TypeBlock {
			b.WriteByte(' ')
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// words returns what a reader sees of a text: escapes and entities resolved, except in code.
func words(n *ast.Text, source []byte) []byte {
	value := n.Segment.Value(source)
	if n.IsRaw() || n.Parent().Kind() == ast.KindCodeSpan {
		return value
	}
	return util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(value)))
}
