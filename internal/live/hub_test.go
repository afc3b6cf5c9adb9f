package live

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"letstalk/store"
)

func newHub(t testing.TB, edit func(*Options)) *Hub {
	t.Helper()
	opts := Options{
		Boot: "boot", Logger: slog.New(slog.DiscardHandler), Heartbeat: time.Hour, Recheck: time.Hour,
		Head: func(context.Context) (store.Seq, error) { return 1000, nil },
		Presence: func(c PresenceChange) []byte {
			return fmt.Appendf(nil, "entered %d left %d here %d", len(c.Entered), len(c.Left), len(c.People))
		},
	}
	if edit != nil {
		edit(&opts)
	}
	return New(opts)
}

// page is a browser's end of a stream in memory.
type page struct {
	header  http.Header
	onFlush func()

	mu   sync.Mutex
	text bytes.Buffer
}

func newPage() *page { return &page{header: http.Header{}} }

func (p *page) Header() http.Header { return p.header }
func (p *page) WriteHeader(int)     {}
func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *page) Flush() {
	p.mu.Lock()
	hook := p.onFlush
	p.mu.Unlock()
	if hook != nil {
		hook()
	}
}

func (p *page) SetWriteDeadline(time.Time) error { return nil }

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// serve opens a stream; the channel is closed once it has ended.
func serve(ctx context.Context, h *Hub, p *page, r Reader) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.Serve(p, request(ctx), r)
	}()
	return ended
}

func request(ctx context.Context) *http.Request {
	return httptest.NewRequestWithContext(ctx, http.MethodGet, "/events", nil)
}

func TestStreamEndsOnceItsLastFrameIsWritten(t *testing.T) {
	h := newHub(t, nil)
	defer h.Close(t.Context())
	p := newPage()
	flushed := make(chan struct{}, 100)
	p.onFlush = func() { flushed <- struct{}{} }
	ended := serve(t.Context(), h, p, Reader{Login: 7, Person: store.Person{ID: 1}, Room: 1})
	for !strings.Contains(p.String(), "entered 1") {
		<-flushed
	}
	h.Publish(5, []Delivery{{Room: 1, UpTo: 5, Data: []byte("a change")}})
	h.EndLogin(7)
	<-ended
	if got := p.String(); !strings.Contains(got, "data: a change\n") || !strings.HasSuffix(got, "id: 5\ndata: {}\nevent: auth\n\n") {
		t.Errorf("the stream was\n%s", got)
	}
}

func TestReaderWhoPausesGetsEverythingInOrderOrIsCutWithoutAHole(t *testing.T) {
	for _, burst := range []int{1, 50, 200, 1000} {
		t.Run(fmt.Sprint(burst), func(t *testing.T) {
			h := newHub(t, nil)
			defer h.Close(t.Context())
			p := newPage()
			flushed := make(chan struct{}, 10_000)
			pause := make(chan struct{})
			p.onFlush = func() { flushed <- struct{}{} }
			ended := serve(t.Context(), h, p, Reader{Login: 7, Person: store.Person{ID: 1}, Room: 1})
			for !strings.Contains(p.String(), "entered 1") {
				<-flushed
			}
			p.mu.Lock()
			p.onFlush = func() { <-pause; flushed <- struct{}{} }
			p.mu.Unlock()
			for i := range burst {
				h.Publish(store.Seq(i+1), []Delivery{{Room: 1, UpTo: store.Seq(i + 1), Data: fmt.Append(nil, "change ", i+1)}})
			}
			close(pause)
			whole := burst <= maxPending
			if whole {
				for last := fmt.Sprintf("data: change %d\n", burst); !strings.Contains(p.String(), last); {
					<-flushed
				}
				h.EndLogin(7)
			}
			<-ended
			changes := strings.Split(p.String(), "data: change ")[1:]
			for i, c := range changes {
				if !strings.HasPrefix(c, fmt.Sprint(i+1, "\n")) {
					t.Fatalf("change %d is %q", i+1, c)
				}
			}
			if whole && (len(changes) != burst || !strings.HasSuffix(p.String(), fmt.Sprintf("id: %d\ndata: {}\nevent: auth\n\n", burst))) {
				t.Errorf("%d of %d changes came, and then %q", len(changes), burst, changes[len(changes)-1])
			}
			if !whole && len(changes) == burst {
				t.Error("a reader far behind was not cut")
			}
		})
	}
}

func TestFrameBeforeTheLastDoesNotEndTheStream(t *testing.T) {
	p := newPage()
	ended := false
	o := &outlet{line: newResponse(p), cancel: func() { ended = true }}
	o.queued.Store(1)
	p.onFlush = sync.OnceFunc(func() { // what pushLast does, in the middle of another frame's flush
		o.queued.Add(1)
		o.last.Store(true)
	})
	o.Flush()
	if ended {
		t.Error("the stream ended before its last frame")
	}
	o.Flush()
	if !ended {
		t.Error("the stream did not end with its last frame")
	}
}

func TestCRInPeoplesTextForgesNoField(t *testing.T) {
	f := newFrame("", 7, []byte("one\revent: auth\r\ntwo"), 0)
	if got := string(f.sse.Data); got != "oneevent: auth\ndata: two" {
		t.Errorf("data is %q", got)
	}
}

func TestPersonWhoComesBackAsTheirTimeRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, func(o *Options) { o.Linger, o.Settle = time.Minute, time.Second })
		defer h.Close(t.Context())
		bob := Reader{Person: store.Person{ID: 2, Name: "Bob"}, Room: 1}
		enter := func() *conn {
			c := &conn{hub: h, reader: bob, attached: true, behind: true}
			h.enter(c)
			return c
		}
		h.mu.Lock()
		h.leave(enter())
		h.mu.Unlock()

		// The time is up, but before that is noticed bob comes back and goes again.
		time.Sleep(time.Minute - time.Nanosecond)
		h.mu.Lock()
		time.Sleep(time.Nanosecond)
		h.leave(enter())
		h.mu.Unlock()
		synctest.Wait()
		if n := len(h.People(1)); n != 1 {
			t.Errorf("%d people are here right after bob was", n)
		}

		// A third visit outlasts the second's time.
		h.mu.Lock()
		c := enter()
		h.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(h.People(1)); n != 1 {
			t.Errorf("%d people are here while bob is", n)
		}
		h.mu.Lock()
		h.leave(c)
		h.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := len(h.People(1)); n != 0 {
			t.Errorf("%d people are here long after bob left", n)
		}
		if len(h.rooms) != 0 {
			t.Error("an empty room is remembered")
		}
	})
}

func TestHeartbeatsComeWhileTheStoreIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, func(o *Options) {
			o.Heartbeat, o.Recheck = 20*time.Second, 10*time.Second
			o.LiveLogins = func(ctx context.Context, _ []store.LoginID) ([]store.LoginID, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		p := newPage()
		ended := serve(t.Context(), h, p, Reader{Login: 7, Person: store.Person{ID: 1}})
		time.Sleep(201 * time.Second)
		synctest.Wait()
		if n := strings.Count(p.String(), "event: hb"); n != 10 {
			t.Errorf("%d heartbeats in 200 seconds", n)
		}
		h.Close(t.Context())
		<-ended
	})
}

func TestDefaultsAreThoseOfTheContract(t *testing.T) {
	h := New(Options{Logger: slog.New(slog.DiscardHandler)})
	defer h.Close(t.Context())
	o := h.opts
	if o.Heartbeat != 20*time.Second || o.Linger != 15*time.Second || o.Write != 10*time.Second || o.MaxStreams == 0 || o.MaxPerUser == 0 {
		t.Errorf("defaults are %+v", o)
	}
	for range 1000 {
		if d := byeDelay(); d < time.Second || d > 7500*time.Millisecond {
			t.Fatalf("bye asks to wait %v", d)
		}
	}
}
