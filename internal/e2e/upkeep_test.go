package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"letstalk/internal/pgtest"
)

// newWriter is somebody who posts over a caller's connections.
func newWriter(who *caller, number int) *writer {
	return &writer{number: number, base: who.site.base, client: who.client, posts: map[int]*posted{}}
}

// words is a post to General with all the time it may take.
func words(on int, body string) op {
	return op{kind: "post", on: on, room: "General", body: body, patience: patience}
}

func TestAMessageComesThroughNginxAtOnce(t *testing.T) {
	story(t)
	c := startCluster(t, pgtest.Shared(t), freeAddress(t))
	alice, bob := newWriter(c.caller("alice"), 0), c.caller("bob")
	for _, http2 := range []bool{false, true} {
		transport := c.transport(c.listen)
		transport.ForceAttemptHTTP2 = http2
		stream := listenTo(t, &http.Client{Jar: bob.client.Jar, Transport: transport}, c.base+"/chat/General/events", http2)
		for i := range 5 {
			body := fmt.Sprintf("%d with HTTP/2: %v", i, http2)
			if err := alice.do(t.Context(), words(len(alice.posts), body)); err != nil {
				t.Fatal(err)
			}
			for shown := false; !shown; {
				f, err := readFrame(stream)
				switch {
				case err != nil:
					t.Fatal(err)
				case f.event == "hb":
					t.Fatalf("%q is held back, and comes with the next heartbeat at best", body)
				}
				shown = strings.Contains(f.data, body)
			}
		}
	}
}

// listenTo opens a stream and reads its hello.
func listenTo(t *testing.T, client *http.Client, url string, http2 bool) *bufio.Reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.ProtoMajor == 2 != http2 {
		t.Fatalf("%s with %s", response.Status, response.Proto)
	}
	stream := bufio.NewReader(response.Body)
	if f, err := readFrame(stream); err != nil || f.event != "hello" {
		t.Fatalf("%+v, %v", f, err)
	}
	return stream
}

// A process that stands still takes connections and never answers, so somebody has to wait until nginx asks another one.
func TestWhatAFrozenNodeWasAskedAnotherAnswers(t *testing.T) {
	story(t)
	c := startCluster(t, pgtest.Shared(t), freeAddress(t))
	alice := newWriter(c.caller("alice"), 0)
	frozen := c.nodes[0]
	if err := frozen.freeze(); err != nil {
		t.Fatal(err)
	}
	for waited := false; !waited; {
		o := words(len(alice.posts), fmt.Sprint("post ", len(alice.posts)))
		form := url.Values{"body": {o.body}, "nonce": {o.body}}
		id, asked, err := alice.send(t.Context(), o, "/chat/General/messages", form)
		if err != nil {
			t.Fatal(err)
		}
		alice.posts[o.on] = &posted{id: id}
		waited = asked > 1
	}
	// What it was asked still lies before it, and it may do that although nobody waits any more. It takes what comes in turn,
	// and does not stop before that is done.
	if err := frozen.thaw(); err != nil {
		t.Fatal(err)
	}
	later, err := http.Get("http://" + frozen.address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	later.Body.Close()
	if err := frozen.restart(); err != nil {
		t.Fatal(err)
	}
	response, err := alice.client.Get(c.base + "/chat/General")
	if err != nil {
		t.Fatal(err)
	}
	page, err := goquery.NewDocumentFromReader(strings.NewReader(text(t, response)))
	if err != nil {
		t.Fatal(err)
	}
	shown, err := newList(page)
	if err != nil || len(shown) != len(alice.posts) {
		t.Errorf("%d posts are shown as %d messages, %v", len(alice.posts), len(shown), err)
	}
}

// Whoever looks after the site does it while people talk: nginx is reloaded, and each node restarted once the one before it
// is back in use. Nobody who writes is ever told to try again, and nobody who reads has to load a page anew.
func TestUpkeepIsNotNoticed(t *testing.T) {
	story(t)
	c := newChaos(t, &plan{size: size{nodes: nodes, readers: 16}})
	c.open()
	ctx, done := context.WithCancel(t.Context())
	defer done()
	for _, w := range c.writers {
		c.writing.Go(func() { c.chat(ctx, w) })
	}
	t.Cleanup(c.writing.Wait)
	for i, p := range c.programs {
		if err := c.cluster.nginx.reload(); err != nil {
			t.Error(err)
		}
		if err := p.restart(); err != nil {
			t.Error(err)
		}
		c.until(fmt.Sprintf("node %d is in use", i), func() bool {
			// It is asked at once where it has fewer streams than the others.
			node, up := c.answers()
			return up && node == p.address
		})
	}
	done()
	c.settle()
	pages := c.readPages()
	c.close()
	c.cluster.each((*program).stop)
	c.compare(c.kept(), pages)
	for _, w := range c.writers {
		if w.refused > 0 {
			t.Errorf("%s was told to try again %d times", names[w.number], w.refused)
		}
	}
	for _, r := range c.readers {
		if r.loads > 1 || r.resyncs > 0 {
			t.Errorf("%s had to load the page anew", r.name)
		}
	}
}

// chat posts at a person's pace until ctx ends.
func (c *chaos) chat(ctx context.Context, w *writer) {
	for ctx.Err() == nil {
		n := len(w.posts)
		if err := w.do(c.Context(), words(n, fmt.Sprintf("%d of writer %d", n, w.number))); err != nil {
			c.Error(err)
			return
		}
		_ = wait(ctx, time.Now().Add(200*time.Millisecond))
	}
}
