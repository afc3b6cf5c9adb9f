package e2e

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"letstalk/store"
	"letstalk/store/sqlstore"
	"letstalk/views"
)

// usage is what the program takes of the machine.
type usage struct{ goroutines, heap int }

// slack is how many bytes more may be in use after everybody has left: buffers that are kept for the next who come. An open
// stream holds about 40 KB.
const slack = 1 << 20

var (
	countOfGoroutines = regexp.MustCompile(`^goroutine profile: total (\d+)`)
	bytesOfHeap       = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)`)
)

func (c *chaos) usage(p *program) usage {
	return usage{c.profile(p, "goroutine?debug=1", countOfGoroutines), c.profile(p, "heap?gc=1&debug=1", bytesOfHeap)}
}

func (c *chaos) profile(p *program, path string, number *regexp.Regexp) int {
	c.Helper()
	response, err := http.Get("http://" + p.debug + "/debug/pprof/" + path)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	found := number.FindSubmatch(body)
	if found == nil {
		c.Fatalf("%s tells no number:\n%s", path, body)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		c.Fatal(err)
	}
	return n
}

// atRest is what a program takes once its goroutines no longer come and go.
func (c *chaos) atRest(p *program) usage {
	c.Helper()
	var last usage
	same := 0
	c.until("the program at rest", func() bool {
		now := c.usage(p)
		if same++; now.goroutines != last.goroutines {
			same = 0
		}
		last = now
		return same == 10
	})
	return last
}

// backTo waits until each program takes no more than it did, and returns what they take.
func (c *chaos) backTo(base []usage) []usage {
	c.Helper()
	now := make([]usage, len(base))
	for i, p := range c.programs {
		c.until(fmt.Sprintf("program %d with %d goroutines and %d bytes of heap", i, base[i].goroutines, base[i].heap), func() bool {
			now[i] = c.usage(p)
			return now[i].goroutines <= base[i].goroutines && now[i].heap <= base[i].heap+slack
		})
	}
	return now
}

// String is in goroutines and KB of heap.
func (u usage) String() string { return fmt.Sprintf("%d/%d", u.goroutines, u.heap>>10) }

// kept reads every room from the database, once the programs have stopped.
func (c *chaos) kept() map[string][]store.Message {
	c.Helper()
	db, err := sqlstore.Open(c.Context(), c.url, sqlstore.Options{})
	if err != nil {
		c.Fatal(err)
	}
	defer db.Close()
	kept := map[string][]store.Message{}
	for _, slug := range []string{"General", "Music"} {
		room, err := db.Room(c.Context(), 1, slug) // the first who signed in
		if err != nil {
			c.Fatal(err)
		}
		for page := (store.Page{After: 1, Limit: store.MaxPage}); ; { // no message is the first change
			h, err := db.Messages(c.Context(), 1, room.ID, page)
			if err != nil {
				c.Fatal(err)
			}
			kept[slug] = append(kept[slug], h.Messages...)
			if !h.Newer {
				break
			}
			page.After = h.Messages[len(h.Messages)-1].ID
		}
	}
	return kept
}

// compare says what differs between what was acknowledged, what is kept, and what readers and pages show.
func (c *chaos) compare(kept map[string][]store.Message, pages map[string][]*goquery.Selection) {
	c.Helper()
	c.compareWriters(kept)
	drawn := map[string]list{}
	for room, messages := range kept {
		drawn[room] = c.drawn(room, messages)
	}
	for _, r := range c.readers {
		c.compareReader(r, drawn[r.room])
	}
	want := drawn["General"]
	for name, shown := range pages {
		if len(shown) == 0 {
			c.Errorf("%s shows nothing", name)
			continue
		}
		first := shown[0].AttrOr("id", "")
		var is, should []string
		for _, li := range shown {
			is = append(is, looks(li))
		}
		from := false
		for _, seq := range want.sequence() {
			if from = from || first == fmt.Sprint("m-", seq); from {
				should = append(should, looks(fragment(c, want[seq])))
			}
		}
		if diff := cmp.Diff(should, is); diff != "" {
			c.Errorf("%s is not as kept (-kept +page):\n%s", name, diff)
		}
	}
}

// compareWriters checks that what was acknowledged is kept, once and as it was last acknowledged, and nothing else.
func (c *chaos) compareWriters(kept map[string][]store.Message) {
	c.Helper()
	found := map[string]map[string]store.Message{}
	total := 0
	for room, messages := range kept {
		found[room] = map[string]store.Message{}
		for _, m := range messages {
			found[room][fmt.Sprint(m.ID)] = m
			total++
		}
	}
	acknowledged := len(c.plan.typed)
	for _, w := range c.writers {
		acknowledged += len(w.posts)
		for n, p := range w.posts {
			m, ok := found[p.room][p.id]
			switch as := slices.Contains(append(p.late, p.body), m.Body); {
			case !ok:
				c.Errorf("post %d of writer %d was acknowledged as %s and is not kept", n, w.number, p.id)
			case p.deleted && !m.Deleted(), !p.deleted && !as, p.edited && !m.Edited():
				c.Errorf("post %d of writer %d was acknowledged as %+v and is kept as %+v", n, w.number, *p, m)
			}
		}
	}
	var typed, arrived []string
	for _, o := range c.plan.typed {
		typed = append(typed, o.body)
	}
	for _, m := range kept["General"] {
		if strings.HasPrefix(m.Body, "typed ") {
			arrived = append(arrived, m.Body)
		}
	}
	if diff := cmp.Diff(typed, arrived); diff != "" {
		c.Errorf("what was typed is not what is kept (-typed +kept):\n%s", diff)
	}
	if total != acknowledged {
		c.Errorf("%d messages were posted, %d are kept", acknowledged, total)
	}
}

func (c *chaos) drawn(room string, messages []store.Message) list {
	c.Helper()
	l := list{}
	for _, m := range messages {
		var b strings.Builder
		if err := views.Message(room, m).Render(c.Context(), &b); err != nil {
			c.Fatal(err)
		}
		seq, outer, err := item(fragment(c, b.String()))
		if err != nil {
			c.Fatal(err)
		}
		l[seq] = outer
	}
	return l
}

func fragment(c *chaos, html string) *goquery.Selection {
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		c.Fatal(err)
	}
	return doc.Find("li.message")
}

func (c *chaos) compareReader(r *reader, kept list) {
	c.Helper()
	var problem error
	shown := r.shown.sequence()
	if len(shown) == 0 {
		problem = odd("nothing is shown")
	}
	for _, seq := range kept.sequence() {
		if problem == nil && seq >= shown[0] && r.shown[seq] != kept[seq] {
			problem = odd("message %d is shown as\n%q, kept as\n%q", seq, r.shown[seq], kept[seq])
		}
	}
	for _, seq := range shown {
		if _, ok := kept[seq]; !ok && problem == nil {
			problem = odd("message %d is shown, not kept", seq)
		}
	}
	if problem != nil {
		c.Error(r.report(problem))
	}
}

// looks is what matters of a message in a page: scripts make times local and group authors.
func looks(li *goquery.Selection) string {
	body, err := li.Find(".message__body").Html()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintln(li.AttrOr("id", ""), li.AttrOr("data-seq", ""), "of", li.AttrOr("data-author", ""),
		li.Find(".message__author").Text(), "edited:", li.Find(".message__edited").Length(),
		"deleted:", li.HasClass("message--deleted"), li.Find(".message__gone").Text(), "links:", li.Find("a").Length(), body)
}

// readPages reads the messages of each page, as they stand in its list.
func (c *chaos) readPages() map[string][]*goquery.Selection {
	c.Helper()
	shown := map[string][]*goquery.Selection{}
	for _, p := range c.pages {
		shown[p.name] = nil
		for _, html := range eval[[]string](p.person, `[...document.querySelectorAll("#messages > .message")].map((m) => m.outerHTML)`) {
			shown[p.name] = append(shown[p.name], fragment(c, html))
		}
	}
	return shown
}

// figures is one line about the run.
func (c *chaos) figures(base, rest []usage, took time.Duration) string {
	posts, edits, deletes := 0, 0, 0
	var loads, connects, resyncs, retries, passed, shows, reloads int
	for i, w := range c.writers {
		posts += len(w.posts)
		retries, passed = retries+w.retries, passed+w.passed
		s := c.plan.writers[i]
		for _, o := range slices.Concat(s.before, s.during, s.after) {
			switch o.kind {
			case "edit":
				edits++
			case "delete":
				deletes++
			}
		}
	}
	for _, r := range c.readers {
		loads, connects, resyncs = loads+r.loads, connects+r.connects, resyncs+r.resyncs
	}
	for _, p := range c.pages {
		shows, reloads = shows+p.shows, reloads+p.reloads
	}
	return fmt.Sprintf("seed %d: %d events; %d messages, %d edits, %d deletes, %d retries, %d passed on; %d typed; "+
		"%d readers, %d loads, %d connects, %d resyncs; %d pages, shown %d times, %d reloads; %v goroutines/KB of heap, at first %v; %v",
		c.plan.seed, len(c.plan.events), posts, edits, deletes, retries, passed, len(c.plan.typed),
		len(c.readers), loads, connects, resyncs, len(c.pages), shows, reloads,
		rest, base, took.Round(100*time.Millisecond))
}
