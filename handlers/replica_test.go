package handlers_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/PuerkitoBio/goquery"
	"letstalk/store"
	"letstalk/views"
)

// replica is what a page shows of a room's messages: it applies fragments as htmx does.
type replica struct {
	messages map[store.Seq]string // the HTML of each message in the list
	notices  []string
	people   []string
	here     string
	lists    int // how often the list of people was drawn
}

// load makes the replica what a page shows.
func (r *replica) load(page *goquery.Document) error {
	*r = replica{messages: map[store.Seq]string{}}
	r.seePeople(page.Find("#people-panel"))
	var last store.Seq
	var err error
	page.Find("ol.messages > li.message").Each(func(_ int, li *goquery.Selection) {
		li.RemoveAttr("data-continued")
		seq, outer, problem := item(li)
		if problem != nil || seq <= last {
			err = fmt.Errorf("message %d after %d: %v", seq, last, problem)
		}
		r.messages[seq], last = outer, seq
	})
	return err
}

// apply does what a frame says.
func (r *replica) apply(data string) error {
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(data))
	if err != nil {
		return err
	}
	doc.Find("body").Children().EachWithBreak(func(_ int, part *goquery.Selection) bool {
		err = r.applyPart(part)
		return err == nil
	})
	return err
}

func (r *replica) applyPart(part *goquery.Selection) error {
	target, _ := part.Attr("hx-target")
	swap, _ := part.Attr("hx-swap")
	key, _ := part.Attr("key")
	content := part.Children()
	switch kind := goquery.NodeName(part) + " " + target + " " + swap; {
	case kind == "hx-upsert #messages " && key == "data-seq" && content.Length() == 1:
		seq, outer, err := item(content)
		r.messages[seq] = outer
		return err
	case strings.HasPrefix(kind, "hx-partial #m-") && swap == "outerMorph" && content.Length() == 1:
		seq, outer, err := item(content)
		if "#m-"+number(seq) != target {
			return fmt.Errorf("message %d aims at %s", seq, target)
		}
		if _, shown := r.messages[seq]; shown {
			r.messages[seq] = outer
		}
		return err
	case kind == "hx-partial #messages beforeend" && content.Is("li.notice"):
		r.notices = append(r.notices, content.Text())
	case kind == "hx-partial #people-panel innerHTML":
		r.seePeople(part)
		r.lists++
	case kind == "hx-partial #here innerHTML":
		r.here = part.Text()
	default:
		return fmt.Errorf("odd fragment %s", kind)
	}
	return nil
}

func (r *replica) seePeople(panel *goquery.Selection) {
	r.people = panel.Find("li.person bdi").Map(func(_ int, p *goquery.Selection) string { return p.Text() })
}

// item returns a message's number and HTML.
func item(li *goquery.Selection) (store.Seq, string, error) {
	seq, err := strconv.ParseInt(li.AttrOr("data-seq", ""), 10, 64)
	if err != nil || li.AttrOr("id", "") != "m-"+number(seq) || !li.HasClass("message") {
		return 0, "", fmt.Errorf("odd message %v", li.Nodes[0].Attr)
	}
	outer, err := goquery.OuterHtml(li)
	return store.Seq(seq), outer, err
}

// difference compares the replica with the newest messages of the database, as many as it goes back to.
func (r *replica) difference(s *site, viewer store.UserID, room store.Room) error {
	oldest := store.MessageID(1)
	shown := slices.Sorted(maps.Keys(r.messages))
	if len(shown) > 0 {
		oldest = store.MessageID(shown[0])
	}
	var b strings.Builder
	b.WriteString(`<ol class="messages">`)
	for after := oldest - 1; ; {
		h, err := s.store.Messages(s.Context(), viewer, room.ID, store.Page{After: after, Limit: store.MaxPage})
		if err != nil {
			return err
		}
		for _, m := range h.Messages {
			if err := views.Message(room.Slug, m).Render(s.Context(), &b); err != nil {
				return err
			}
			after = m.ID
		}
		if !h.Newer {
			break
		}
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
	if err != nil {
		return err
	}
	var kept replica
	if err := kept.load(doc); err != nil {
		return err
	}
	for seq, message := range kept.messages {
		if r.messages[seq] != message {
			return fmt.Errorf("message %d is\n%q, kept is\n%q", seq, r.messages[seq], message)
		}
	}
	if len(kept.messages) != len(r.messages) {
		return fmt.Errorf("%d messages are shown, %d are kept", len(r.messages), len(kept.messages))
	}
	return nil
}
