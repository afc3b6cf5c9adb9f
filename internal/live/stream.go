package live

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/r3labs/sse/v2"

	"letstalk/store"
)

// This file is the only one that knows r3labs/sse. One r3labs stream serves one browser, because r3labs waits for the
// slowest reader of a stream.

// frame is an event ready to be written; it is never changed, so all streams may share it.
type frame struct {
	id   store.Seq
	sse  *sse.Event
	wire []byte // as r3labs writes it
}

// newFrame makes a frame. An empty event is a batch of changes; data must not be empty, or r3labs would end the response.
func newFrame(event string, id store.Seq, data []byte, retry time.Duration) *frame {
	return assemble(event, id, encode(data), retry)
}

// withID returns the frame with another id.
func (f *frame) withID(id store.Seq) *frame { return assemble(string(f.sse.Event), id, f.sse.Data, 0) }

func assemble(event string, id store.Seq, data []byte, retry time.Duration) *frame {
	e := &sse.Event{ID: strconv.AppendInt(nil, int64(id), 10), Data: data, Event: []byte(event)}
	wire := append([]byte("id: "), e.ID...)
	wire = append(append(wire, "\ndata: "...), data...)
	if event != "" {
		wire = append(append(wire, "\nevent: "...), event...)
	}
	if retry > 0 {
		e.Retry = strconv.AppendInt(nil, retry.Milliseconds(), 10)
		wire = append(append(wire, "\nretry: "...), e.Retry...)
	}
	return &frame{id: id, sse: e, wire: append(wire, "\n\n"...)}
}

// encode writes data as the lines of a "data" field, after "data: " of the first: r3labs would do it for each stream anew.
func encode(data []byte) []byte {
	// A bare CR ends a line in SSE: people's text could forge fields with it.
	data = bytes.ReplaceAll(data, []byte{'\r'}, nil)
	data = bytes.ReplaceAll(data, []byte{'\n'}, []byte("\ndata: "))
	if bytes.HasPrefix(data, []byte{':'}) {
		data = append([]byte{' '}, data...) // r3labs would take it for a comment
	}
	return data
}

// byeDelay spreads the return of many pages after a restart, so that all are back within 10 seconds: the pages' script
// takes the delay up to 30 % longer or shorter.
func byeDelay() time.Duration {
	return time.Second + rand.N(6500*time.Millisecond)
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
	server.SplitData = false // newFrame has done it
	server.BufferSize = 16
	// r3labs sets no-cache, which lets a shared cache keep a copy; a proxy must also not collect frames.
	server.Headers = map[string]string{"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
	return &streams{server: server}
}

// open gives c its outlet, and reports false if c was ended before it had one.
func (s *streams) open(c *conn, line line) bool {
	number := s.last.Add(1)
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.number = number
	c.out = &outlet{
		line: line, server: s.server, name: strconv.FormatUint(number, 10), timeout: c.hub.opts.Write,
	}
	return !c.ending
}

// stay is the context r3labs waits for the end of, in a goroutine of its own. The goroutine spends that time looking after
// the line, or a quiet stream would need one more.
type stay struct {
	context.Context
	out *outlet
}

// Done implements context.Context, but returns only once the browser has gone or the stream has ended.
func (s stay) Done() <-chan struct{} {
	if s.out.line.watch() {
		s.out.end()
	}
	return s.Context.Done()
}

// serve writes c's frames until ctx ends, the stream is cut, or its last frame is written.
func (s *streams) serve(ctx context.Context, c *conn) {
	out := c.out
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out.begin(cancel, func() { c.work.Go(func() { c.start(ctx) }) })

	// The stream's name is ours, never the browser's, and r3labs must not see a cursor it would answer 400 to.
	request := (&http.Request{URL: &url.URL{RawQuery: "stream=" + out.name}}).WithContext(stay{ctx, out})

	s.server.CreateStream(out.name)
	s.server.ServeHTTP(out, request)
	out.finish()
	cancel()
	c.hub.mu.Lock()
	c.ending = true
	c.hub.mu.Unlock()
	// Only now: removing a stream with a reader on it would leave the reader's goroutine behind.
	s.server.RemoveStream(out.name)
	c.work.Wait()
}
