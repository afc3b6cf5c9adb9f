package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

// trickle is a line that takes some bytes at a time without waiting.
type trickle struct {
	*response
	take func(n int) int
}

func (l trickle) try(p []byte) int {
	n, _ := l.Write(p[:l.take(len(p))])
	return n
}

// serveOn opens a stream on a line.
func serveOn(ctx context.Context, h *Hub, l line, r Reader) <-chan struct{} {
	c := &conn{hub: h, reader: r}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if h.admit(c) {
			defer h.detach(c)
			if h.streams.open(c, l) {
				h.streams.serve(ctx, c)
			}
		}
	}()
	return ended
}

func TestFramesLeaveAlikeByWhateverWay(t *testing.T) {
	for name, take := range map[string]func(int) int{
		"all by r3labs":               func(int) int { return 0 },
		"all straight":                func(n int) int { return n },
		"the first byte straight":     func(int) int { return 1 },
		"all but the last straight":   func(n int) int { return n - 1 },
		"some or other part straight": func(n int) int { return rand.IntN(n + 1) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t, nil)
			defer h.Close(t.Context())
			p := newPage()
			flushed := make(chan struct{}, 10_000)
			p.onFlush = func() { flushed <- struct{}{} }
			ended := serveOn(t.Context(), h, trickle{newResponse(p), take}, Reader{Login: 7, Person: store.Person{ID: 1}, Room: 1})
			for !strings.HasSuffix(p.String(), "entered 1 left 0 here 1\n\n") {
				<-flushed
			}
			start := len(p.String())
			var want strings.Builder
			for i := range 200 {
				id := store.Seq(i + 1)
				data := fmt.Sprintf("<p>\n%d\r\n\n</p>\revent: auth\n", i)
				fmt.Fprintf(&want, "id: %d\ndata: <p>\ndata: %d\ndata: \ndata: </p>event: auth\ndata: \n\n", id, i)
				h.Publish(id, []Delivery{{Room: 1, UpTo: id, Data: []byte(data)}})
			}
			for len(p.String()) < start+want.Len() {
				<-flushed
			}
			h.EndLogin(7) // which would leave out what still waits
			<-ended
			if got := p.String()[start:]; got != want.String()+"id: 200\ndata: {}\nevent: auth\n\n" {
				t.Errorf("the stream was\n%s", got)
			}
		})
	}
}

func TestFramesAreWrittenAsR3labsWritesThem(t *testing.T) {
	h := newHub(t, nil)
	defer h.Close(t.Context())
	p := newPage()
	flushed := make(chan struct{}, 100)
	p.onFlush = func() { flushed <- struct{}{} }
	ended := serveOn(t.Context(), h, newResponse(p), Reader{Login: 7, Person: store.Person{ID: 1}})
	for !strings.Contains(p.String(), "event: hello") {
		<-flushed
	}
	var out *outlet
	h.mu.Lock()
	for c := range h.conns {
		out = c.out
	}
	h.mu.Unlock()
	var want strings.Builder
	for _, f := range []*frame{
		newFrame("", 1, []byte("a"), 0),
		newFrame("hb", 22, []byte("{}"), 0),
		newFrame("", 333, []byte(": no comment\n:\n"), 0),
		newFrame("bye", 4444, []byte("{}"), 1234*time.Millisecond),
	} {
		out.push(f)
		want.Write(f.wire)
	}
	h.EndLogin(7)
	<-ended
	if !strings.Contains(p.String(), want.String()) {
		t.Errorf("r3labs wrote\n%s\nwant\n%s", p, want.String())
	}
}
