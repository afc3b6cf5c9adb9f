package live

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"letstalk/store"
)

// lastFrame returns the fields of the last frame a page got.
func (p *page) lastFrame(t *testing.T) map[string]string {
	t.Helper()
	whole, ok := strings.CutSuffix(p.String(), "\n\n")
	if !ok {
		t.Fatalf("the stream ends in the middle of a frame: %q", whole)
	}
	fields := map[string]string{}
	for line := range strings.SplitSeq(whole[strings.LastIndex(whole, "\n\n")+2:], "\n") {
		name, value, _ := strings.Cut(line, ": ")
		fields[name] = value
	}
	return fields
}

// The delays are random: that one of the seven seconds is nobody's has odds of one to a million. The page's script makes
// each up to 30 % longer or shorter.
func TestByeIsTheLastFrameAndSpreadsTheReturnOverTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const streams = 200
		h := newHub(t, nil)
		past := func(context.Context, store.Seq, store.Seq) ([]Delivery, error) {
			return []Delivery{{Room: 1, UpTo: 3, Data: []byte("the past")}}, nil
		}
		var pages []*page
		var ended []<-chan struct{}
		for i := range streams {
			r := Reader{Person: store.Person{ID: store.UserID(i)}}
			if i%2 == 0 { // in a room, and with something to be told first
				r.Room, r.Cursor, r.Replay = 1, new(store.Seq), past
			}
			p := newPage()
			tooLate := sync.OnceFunc(func() { h.Publish(8, []Delivery{{Room: 1, UpTo: 8, Data: []byte("too late")}}) })
			p.onFlush = func() {
				if strings.Contains(p.String(), "event: bye") {
					tooLate() // the feed goes on while the hub closes
				}
			}
			pages = append(pages, p)
			ended = append(ended, serve(t.Context(), h, pages[i], r))
		}
		synctest.Wait()
		h.Publish(7, []Delivery{{Room: 1, UpTo: 7, Data: []byte("a change")}})
		h.Close(t.Context())
		seconds := make([]int, 8)
		for i, p := range pages {
			<-ended[i]
			last := p.lastFrame(t)
			delay, err := strconv.Atoi(last["retry"])
			if last["event"] != "bye" || last["data"] == "" || last["id"] == "" || err != nil || delay < 1000 || delay > 7500 {
				t.Fatalf("the last frame is %v", last)
			}
			if n := strings.Count(p.String(), "event: bye"); n != 1 {
				t.Errorf("a page is told goodbye %d times", n)
			}
			seconds[delay/1000]++
		}
		for second, n := range seconds[1:] {
			if n == 0 || n > streams/3 {
				t.Errorf("%d of %d pages come back in second %d: %v", n, streams, second+1, seconds)
			}
		}
	})
}

// A reader who does not read is not waited for longer than a stop may take.
func TestCloseCutsWhoeverDoesNotTakeTheGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, func(o *Options) { o.Write = time.Hour })
		p := &wall{page: newPage(), here: func() {}, cut: make(chan struct{})}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			h.Serve(p, request(t.Context()), Reader{Room: 1, Person: store.Person{ID: 1}})
		}()
		reading := newPage()
		other := serve(t.Context(), h, reading, Reader{Room: 1, Person: store.Person{ID: 2}})
		synctest.Wait()
		h.Publish(7, []Delivery{{Room: 1, UpTo: 7, Data: []byte("x")}})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		begun := time.Now()
		h.Close(ctx)
		<-ended
		<-other
		if took := time.Since(begun); took != 4*time.Second {
			t.Errorf("it took %v", took)
		}
		if last := reading.lastFrame(t); last["event"] != "bye" {
			t.Errorf("the other's last frame is %v", last)
		}
	})
}

// Those who come back with all their tabs at once keep the newest.
func TestAPersonsOldestStreamsGiveWayWhicheverRoomTheyAreOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, func(o *Options) { o.MaxPerUser = 3 })
		defer h.Close(t.Context())
		var ended []<-chan struct{}
		for i := range 5 {
			ended = append(ended, serve(t.Context(), h, newPage(), Reader{Room: store.RoomID(i % 3), Person: store.Person{ID: 1}}))
			synctest.Wait()
		}
		others := serve(t.Context(), h, newPage(), Reader{Room: 1, Person: store.Person{ID: 2}})
		synctest.Wait()
		open := ""
		for i, e := range append(ended, others) {
			select {
			case <-e:
			default:
				open += fmt.Sprint(i)
			}
		}
		if open != "2345" {
			t.Errorf("open are %s, want the person's newest three and the other's", open)
		}
	})
}
