package handlers_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

// composer is a page in which somebody writes: what the stream brings and what their own posts answer end up in one list.
type composer struct {
	*person
	*stream
	page replica
	seen []store.Seq // the messages the stream brought, in order
}

func (p *person) compose(t *testing.T) *composer {
	t.Helper()
	c := &composer{person: p}
	a := p.get("/chat/General")
	must(t, c.page.load(a.page()))
	c.stream = p.listen(events + "?after=" + a.cursor())
	c.hello()
	return c
}

// read applies the stream's frames up to the head.
func (c *composer) read(t *testing.T) {
	t.Helper()
	head := int64(c.head())
	c.until("the newest change", func(f frame) bool {
		if f.event != "" {
			t.Errorf("on the way came %+v", f)
		}
		must(t, c.page.apply(f.data))
		if f.isChange() {
			doc := answer{TB: t, body: f.data}.page()
			doc.Find("li.message").Each(func(_ int, li *goquery.Selection) {
				seq, _, err := item(li)
				must(t, err)
				c.seen = append(c.seen, seq)
			})
		}
		return f.isChange() && f.id == head
	})
}

// write posts words from a goroutine; the channel brings the answer, or is closed if there is none.
func (c *composer) write(t *testing.T, words string) <-chan answer {
	answered := make(chan answer, 1)
	go func() {
		defer close(answered)
		a, err := c.tryPost("/chat/General/messages", url.Values{"body": {words}, "nonce": {words}}, "HX-Request", "true")
		if err != nil || a.status != http.StatusOK {
			t.Errorf("posting %s: status %d, error %v", words, a.status, err)
			return
		}
		answered <- a
	}()
	return answered
}

// take applies an answer's fragment as the page does.
func (c *composer) take(t *testing.T, a answer) {
	t.Helper()
	upsert, err := goquery.OuterHtml(a.page().Find("hx-upsert"))
	must(t, err)
	must(t, c.page.apply(upsert))
}

// endsRight expects the stream to have brought each message once, in order, and the page to show what is kept.
func (c *composer) endsRight(t *testing.T, room store.Room, messages int) {
	t.Helper()
	want(t, "messages of the stream", len(c.seen), messages)
	if !slices.IsSorted(c.seen) || len(slices.Compact(slices.Clone(c.seen))) != messages {
		t.Errorf("%s's stream brought %v", c.name, c.seen)
	}
	must(t, c.page.difference(c.person.site, c.id, room))
}

func TestTwoWritersWhoFinishInTheOtherOrder(t *testing.T) {
	for _, c := range []struct {
		name   string
		kept   bool // the earlier post is kept before the later one begins, and only its answer is late
		answer bool // answers come before the stream's frames
	}{
		{"begun first and kept last, answer before the stream", false, true},
		{"begun first and kept last, stream before the answer", false, false},
		{"kept first and answered last, answer before the stream", true, true},
		{"kept first and answered last, stream before the answer", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, setup{hub: slow})
			alice, bob, carol := s.signIn("alice").compose(t), s.signIn("bob").compose(t), s.signIn("carol").compose(t)
			room, err := s.store.Room(t.Context(), alice.id, "General")
			must(t, err)
			held, release := make(chan struct{}), make(chan struct{})
			s.store.aroundPosts(func(d store.Draft, keep func()) {
				if d.Body != "earlier" {
					keep()
					return
				}
				if c.kept {
					keep()
				}
				close(held)
				<-release
				if !c.kept {
					keep()
				}
			})
			earlier := alice.write(t, "earlier")
			<-held
			later := <-bob.write(t, "later")
			close(release)
			answers := map[*composer]answer{alice: <-earlier, bob: later}
			if first := answers[alice].number(t) < later.number(t); first != c.kept {
				t.Errorf("alice's message has number %d, bob's %d", answers[alice].number(t), later.number(t))
			}
			for who, a := range answers {
				if c.answer {
					who.take(t, a)
				}
				who.read(t)
				if !c.answer {
					who.take(t, a)
				}
				who.endsRight(t, room, 2)
			}
			carol.read(t)
			carol.endsRight(t, room, 2)
		})
	}
}

// number returns the number of the message an answer draws.
func (a answer) number(t *testing.T) store.MessageID {
	t.Helper()
	n, err := strconv.ParseInt(a.page().Find("li.message").AttrOr("data-seq", ""), 10, 64)
	must(t, err)
	return store.MessageID(n)
}

func TestManyWritersAtOnceAreReadOnceAndInOrder(t *testing.T) {
	const writers, each = 8, 12
	s := open(t, setup{hub: slow})
	accounts := []string{"alice", "bob", "carol"}
	var pages []*composer
	for i := range writers {
		pages = append(pages, s.signIn(accounts[i%len(accounts)]).compose(t))
	}
	room, err := s.store.Room(t.Context(), pages[0].id, "General")
	must(t, err)
	answers := make([][]answer, writers)
	var writing sync.WaitGroup
	for i, page := range pages {
		writing.Go(func() {
			for k := range each {
				if a, ok := <-page.write(t, fmt.Sprint("message ", k, " of ", i)); ok {
					answers[i] = append(answers[i], a)
				}
			}
		})
	}
	writing.Wait()
	for i, page := range pages {
		want(t, "answers", len(answers[i]), each)
		for _, a := range answers[i][:len(answers[i])/2] {
			page.take(t, a)
		}
		page.read(t)
		for _, a := range answers[i][len(answers[i])/2:] {
			page.take(t, a)
		}
		page.endsRight(t, room, writers*each)
	}
}
