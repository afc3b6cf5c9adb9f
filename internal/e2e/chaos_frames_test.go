package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

// errOdd is what must not happen however bad the network is.
var errOdd = errors.New("odd")

func odd(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errOdd}, a...)...)
}

// frame is one event of a stream.
type frame struct {
	event string // empty for a batch of changes
	id    int64
	data  string
	retry int // milliseconds, 0 if it says none
}

// readFrame reads a frame as strictly as the contract is written: known fields, a decimal id, data in each frame. What the
// network has cut short is thrown away, as browsers do.
func readFrame(r *bufio.Reader) (frame, error) {
	f := frame{id: -1}
	var data []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return f, err
		}
		if line == "\n" {
			break
		}
		field, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !found || strings.ContainsRune(line, '\r') {
			return f, odd("line %q", line)
		}
		switch field {
		case "id":
			if f.id, err = strconv.ParseInt(value, 10, 64); err != nil || f.id < 0 {
				return f, odd("id %q", value)
			}
		case "event":
			f.event = value
		case "data":
			data = append(data, value)
		case "retry":
			if f.retry, err = strconv.Atoi(value); err != nil || f.retry <= 0 {
				return f, odd("retry %q", value)
			}
		default:
			return f, odd("line %q", line)
		}
	}
	f.data = strings.Join(data, "\n")
	if f.id < 0 || f.data == "" {
		return f, odd("frame without id or data: %+v", f)
	}
	return f, nil
}

// list is the messages of a page: the HTML of each by its number.
type list map[int64]string

// newList reads the messages of a whole page.
func newList(doc *goquery.Document) (list, error) {
	l := list{}
	var last int64
	var err error
	doc.Find("ol.messages > li.message").Each(func(_ int, li *goquery.Selection) {
		li.RemoveAttr("data-continued") // the page works that out
		seq, outer, problem := item(li)
		if problem != nil || seq <= last {
			err = odd("page with message %d after %d: %v", seq, last, problem)
		}
		l[seq], last = outer, seq
	})
	return l, err
}

func item(li *goquery.Selection) (int64, string, error) {
	seq, err := strconv.ParseInt(li.AttrOr("data-seq", ""), 10, 64)
	if err != nil || li.AttrOr("id", "") != fmt.Sprint("m-", seq) || !li.HasClass("message") {
		return 0, "", odd("message %v", li.Nodes)
	}
	outer, err := goquery.OuterHtml(li)
	return seq, outer, err
}

// apply does what a frame says, as htmx would.
func (l list) apply(f frame) error {
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(f.data))
	if err != nil {
		return err
	}
	for _, part := range doc.Find("body").Children().EachIter() {
		kind := goquery.NodeName(part) + " " + part.AttrOr("hx-target", "") + " " + part.AttrOr("hx-swap", "")
		content := part.Children()
		saved, changed := kind == "hx-upsert #messages ", strings.HasPrefix(kind, "hx-partial #m-")
		if !saved && !changed {
			if strings.Contains(f.data, "data-seq") {
				return odd("fragment %s", kind)
			}
			continue // who is here
		}
		seq, outer, err := item(content)
		switch {
		case err != nil:
			return err
		case content.Length() != 1, saved && part.AttrOr("key", "") != "data-seq",
			changed && kind != fmt.Sprintf("hx-partial #m-%d outerMorph", seq):
			return odd("fragment %s with message %d", kind, seq)
		case seq > f.id:
			return odd("message %d in a frame up to %d", seq, f.id)
		}
		if _, there := l[seq]; saved || there {
			l[seq] = outer
		}
	}
	return nil
}

func (l list) sequence() []int64 { return slices.Sorted(maps.Keys(l)) }
