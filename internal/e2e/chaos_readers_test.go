package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// The times of the page's scripts.
const (
	connectTimeout = 10 * time.Second
	silence        = 60 * time.Second
	longestDelay   = 10 * time.Second
)

// reader is an open page without a browser: it loads a room, follows its stream and applies what comes, with the tries,
// pauses and limits of the page's scripts.
type reader struct {
	name   string
	room   string
	base   string
	client *http.Client
	dice   *rand.Rand
	gate   chan struct{} // full while the reader is held
	kick   chan struct{} // ends a pause between two tries

	mu      sync.Mutex
	shown   list
	stop    context.CancelFunc // ends the request under way
	fresh   bool               // the page is loaded and not to be loaded anew
	err     error              // the odd thing that ended the reader
	journal []string           // its last steps

	loads, connects, resyncs int
	url                      string        // of the stream
	cursor                   string        // the last id
	frameID                  int64         // the same since hello, which may be ahead: the page is newer than what was handed out
	retry                    time.Duration // the pause the server asked for
}

func newReader(name, room, base string, client *http.Client, seed uint64) *reader {
	return &reader{name: name, room: room, base: base, client: client, dice: rand.New(rand.NewPCG(seed, 99)),
		gate: make(chan struct{}, 1), kick: make(chan struct{}, 1), retry: time.Second, stop: func() {}}
}

// hold has the reader take nothing in; what has come for it waits in the network.
func (r *reader) hold() { r.gate <- struct{}{} }

// leave closes the lid: the connection is gone, the page remains.
func (r *reader) leave() {
	r.hold()
	r.cut()
}

func (r *reader) goOn() {
	<-r.gate
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// renew reloads the page.
func (r *reader) renew() {
	r.mu.Lock()
	r.fresh = false
	r.mu.Unlock()
	r.cut()
}

func (r *reader) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop()
}

func (r *reader) note(format string, a ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.journal = append(r.journal[max(0, len(r.journal)-60):], fmt.Sprintf("%s "+format, append([]any{time.Now().Format("05.000")}, a...)...))
}

func (r *reader) report(problem error) string {
	return fmt.Sprintf("%s: %v\nits last steps:\n%s", r.name, problem, strings.Join(r.journal, "\n"))
}

// shows reports whether a message is in the list, or never will be.
func (r *reader) shows(id string) bool {
	seq, err := strconv.ParseInt(id, 10, 64)
	r.mu.Lock()
	defer r.mu.Unlock()
	_, there := r.shown[seq]
	return there || r.err != nil || err != nil
}

// follow reads until ctx ends or something odd happens.
func (r *reader) follow(ctx context.Context) {
	for fails := 0; r.passes(ctx); fails++ {
		try, cancel := context.WithCancel(ctx)
		r.mu.Lock()
		r.stop = cancel
		load := !r.fresh
		r.fresh = true
		r.mu.Unlock()
		var err error
		if load {
			err = r.load(try, cancel)
			fails = -1
		} else {
			var answered bool
			answered, err = r.listen(try, cancel)
			if answered {
				fails = 0
			}
		}
		cancel()
		r.note("%v", err)
		switch {
		case errors.Is(err, errOdd):
			r.mu.Lock()
			r.err = err
			r.mu.Unlock()
			return
		case load && err != nil:
			r.mu.Lock()
			r.fresh = false
			r.mu.Unlock()
			r.pause(ctx, time.Second)
		case !load:
			r.pause(ctx, min(r.retry<<min(fails, 6), longestDelay))
		}
	}
}

// passes waits while the reader is held and reports whether it goes on.
func (r *reader) passes(ctx context.Context) bool {
	select {
	case r.gate <- struct{}{}:
		<-r.gate
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (r *reader) pause(ctx context.Context, d time.Duration) {
	r.mu.Lock()
	again := !r.fresh
	r.mu.Unlock()
	if again {
		d = time.Second
	}
	timer := time.NewTimer(d*7/10 + time.Duration(r.dice.Int64N(int64(d*6/10))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.kick:
	case <-ctx.Done():
	}
}

// get asks for something. A status other than 200 is odd, unless the program says that it is stopping or has no database,
// or nginx that it has found no program.
func (r *reader) get(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header = header
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		if code := response.StatusCode; code >= http.StatusBadGateway && code <= http.StatusGatewayTimeout {
			return nil, errors.New(response.Status)
		}
		return nil, odd("GET %s: %s to %q", path, response.Status, response.Header.Get("Location"))
	}
	return response, nil
}

func (r *reader) load(ctx context.Context, cancel func()) error {
	r.note("load")
	defer time.AfterFunc(connectTimeout, cancel).Stop()
	response, err := r.get(ctx, "/chat/"+r.room, http.Header{})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	shown, err := newList(doc)
	if err != nil {
		return err
	}
	url, found := doc.Find("#stream").Attr("hx-sse:connect")
	if !found {
		return odd("page without a stream")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loads++
	r.shown, r.url, r.cursor = shown, url, ""
	return nil
}

// listen follows the stream until it ends and reports whether it was answered.
func (r *reader) listen(ctx context.Context, cancel func()) (bool, error) {
	header := http.Header{"Accept": {"text/event-stream"}}
	from := r.url[strings.LastIndex(r.url, "=")+1:]
	if r.cursor != "" {
		from = r.cursor
		header.Set("Last-Event-ID", r.cursor)
	}
	r.note("listen from %s", from)
	late := time.AfterFunc(connectTimeout, cancel)
	response, err := r.get(ctx, r.url, header)
	late.Stop()
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		return false, odd("stream of %s", kind)
	}
	r.connects++
	watchdog := time.AfterFunc(silence, cancel)
	defer watchdog.Stop()
	in := bufio.NewReader(response.Body)
	r.frameID = 0
	for n := 0; r.passes(ctx); n++ {
		f, err := readFrame(in)
		if err != nil {
			return true, err
		}
		watchdog.Reset(silence)
		r.note("%s %d with %d bytes", f.event, f.id, len(f.data))
		over, err := r.take(f, n == 0, from)
		switch {
		case err != nil:
			return true, err
		case over:
			if f, err := readFrame(in); err == nil || errors.Is(err, errOdd) {
				return true, odd("after the last frame %+v, %v", f, err)
			}
			return true, nil
		}
	}
	return true, ctx.Err()
}

// take does what a frame says and reports whether it must be the last.
func (r *reader) take(f frame, first bool, from string) (over bool, err error) {
	switch {
	case first && f.event == "hello" && strconv.FormatInt(f.id, 10) != from:
		return false, odd("hello with %d instead of %s", f.id, from)
	case first != (f.event == "hello"):
		return false, odd("frame %q, first is %v", f.event, first)
	case f.id < r.frameID && f.event != "resync":
		return false, odd("id %d after %d", f.id, r.frameID)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !first {
		r.frameID = f.id
	}
	if f.retry > 0 {
		r.retry = time.Duration(f.retry) * time.Millisecond
	}
	r.cursor = strconv.FormatInt(f.id, 10)
	switch f.event {
	case "":
		return false, r.shown.apply(f)
	case "hello", "hb":
		return false, nil
	case "bye":
		return true, nil
	case "resync":
		r.resyncs++
		r.fresh = false
		return true, nil
	default:
		return false, odd("event %s", f.event)
	}
}
