package live

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/r3labs/sse/v2"

	"letstalk/store"
)

// This file is the only one that knows r3labs/sse. One r3labs stream serves one browser, because r3labs waits for the
// slowest reader of a stream.

// frame is an event ready to be written; it is never changed, so all streams may share it.
type frame = sse.Event

// newFrame makes a frame. An empty event is a batch of changes; data must not be empty, or r3labs would end the response.
func newFrame(event string, id store.Seq, data []byte, retry time.Duration) *frame {
	f := &frame{
		ID: strconv.AppendInt(nil, int64(id), 10),
		// A bare CR ends a line in SSE: people's text could forge fields with it.
		Data:  bytes.ReplaceAll(data, []byte{'\r'}, nil),
		Event: []byte(event),
	}
	if retry > 0 {
		f.Retry = strconv.AppendInt(nil, retry.Milliseconds(), 10)
	}
	return f
}

// byeDelay spreads the return of many pages after a restart over 1 to 10 seconds.
func byeDelay() time.Duration {
	return time.Second + rand.N(9*time.Second)
}

// streams makes and serves r3labs streams.
type streams struct {
	server *sse.Server
	last   atomic.Uint64
}

func newStreams() *streams {
	server := sse.New()
	server.AutoReplay = false // it would renumber our ids and keep every event
	server.AutoStream = false
	server.SplitData = true
	server.BufferSize = 16
	// r3labs sets no-cache, which lets a shared cache keep a copy; a proxy must also not collect frames.
	server.Headers = map[string]string{"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
	return &streams{server: server}
}

// serve writes c's frames as the response to r until the browser goes, the stream is cut, or its last frame is written.
func (s *streams) serve(w http.ResponseWriter, r *http.Request, c *conn) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	number := s.last.Add(1)
	name := strconv.FormatUint(number, 10)
	out := &outlet{
		ResponseWriter: w, control: http.NewResponseController(w), server: s.server, name: name, cancel: cancel,
		timeout: c.hub.opts.Write,
	}
	out.registered = func() { c.work.Go(func() { c.start(ctx) }) }
	c.hub.mu.Lock()
	c.number, c.out = number, out
	cutEarly := c.ending
	c.hub.mu.Unlock()
	if cutEarly {
		full(w)
		return
	}

	// The stream's name is ours, never the browser's, and r3labs must not see a cursor it would answer 400 to.
	request := r.Clone(ctx)
	request.URL = &url.URL{Path: r.URL.Path, RawQuery: "stream=" + name}
	request.Header.Del("Last-Event-ID")

	s.server.CreateStream(name)
	s.server.ServeHTTP(out, request)
	out.finish()
	cancel()
	c.hub.mu.Lock()
	c.ending = true
	c.hub.mu.Unlock()
	// Only now: removing a stream with a reader on it would leave the reader's goroutine behind.
	s.server.RemoveStream(name)
	c.work.Wait()
}

// outlet is one stream's way out: frames enter by push, pushLast and offer, and leave through r3labs, which writes to
// it as to a ResponseWriter. It flushes once for frames that wait together, and bounds how long a write may take.
type outlet struct {
	http.ResponseWriter
	control    *http.ResponseController
	server     *sse.Server
	name       string
	cancel     context.CancelFunc
	timeout    time.Duration // of a frame's writes
	registered func()        // called once r3labs has the reader: frames sent earlier would vanish
	begun      bool          // registered has been called; of the serving goroutine

	queued atomic.Int64 // frames handed to r3labs and not yet written
	last   atomic.Bool  // no frame comes after those

	mu       sync.Mutex
	finished bool // the ResponseWriter is no longer ours
	dead     bool // the write deadline stays in the past
	armed    bool // a write deadline is set
}

// push queues a frame, waiting for room; it gives up when the stream has ended.
func (o *outlet) push(f *frame) {
	o.queued.Add(1)
	o.server.Publish(o.name, f)
}

// pushLast is push for a frame after which the stream ends.
func (o *outlet) pushLast(f *frame) {
	o.queued.Add(1)
	o.last.Store(true) // after counting: whoever sees it counts this frame, too
	o.server.Publish(o.name, f)
}

// offer queues a frame if there is room.
func (o *outlet) offer(f *frame) bool {
	o.queued.Add(1)
	if o.server.TryPublish(o.name, f) {
		return true
	}
	o.queued.Add(-1)
	return false
}

// cut ends the response even if a write is blocked, which the request's context alone would not.
func (o *outlet) cut() {
	if o == nil {
		return // not serving yet: serve looks at ending
	}
	o.cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dead = true
	if !o.finished {
		_ = o.control.SetWriteDeadline(time.Unix(1, 0))
	}
}

func (o *outlet) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished = true
}

// deadline arms or clears the time a write may take. It is cleared after each flush: on HTTP/2 a deadline also ends a
// stream that is merely quiet.
func (o *outlet) deadline(arm bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead || o.armed == arm {
		return
	}
	o.armed = arm
	var t time.Time
	if arm {
		t = time.Now().Add(o.timeout)
	}
	_ = o.control.SetWriteDeadline(t)
}

// rearm has the next write set a new deadline.
func (o *outlet) rearm() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed = false
}

// Write implements http.ResponseWriter. r3labs takes no notice of errors and would go on writing, so one ends the stream
// here.
func (o *outlet) Write(p []byte) (int, error) {
	o.deadline(true)
	n, err := o.ResponseWriter.Write(p)
	if err != nil {
		o.cancel()
	}
	return n, err
}

// Flush implements http.Flusher. r3labs calls it once after the headers and once after each frame.
func (o *outlet) Flush() {
	if !o.begun {
		o.begun = true
		_ = o.control.Flush()
		o.registered()
		return
	}
	if o.queued.Add(-1) > 0 {
		// The next frame is on its way and will flush this one too. It has a time-out of its own: a slow reader who gets
		// on is not stalled.
		o.rearm()
		return
	}
	if err := o.control.Flush(); err != nil {
		o.cancel()
	}
	o.deadline(false)
	if o.last.Load() && o.queued.Load() == 0 {
		o.cancel()
	}
}
