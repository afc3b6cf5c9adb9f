package live

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/r3labs/sse/v2"
)

// outlet is one stream's way out: frames enter by push, pushLast and offer, and leave through r3labs, which writes to it
// as to a ResponseWriter. Frames that wait together leave together, and each write has a time limit.
type outlet struct {
	line
	server  *sse.Server
	name    string
	timeout time.Duration // of a write

	registered func()  // called once r3labs has the reader: frames sent earlier would vanish
	skip       int     // how much of the next frame has left already
	waiting    *[]byte // what leaves with the next flush, from buffers; of the serving goroutine
	written    int64   // bytes; of the serving goroutine, and of offer while nothing is queued

	queued atomic.Int64 // frames handed to r3labs and not yet flushed
	last   atomic.Bool  // no frame comes after those

	mu     sync.Mutex
	cancel context.CancelFunc // set by begin
	over   bool               // cut or finished: the line is no longer to be touched
}

// fullBuffer is how many bytes leave without waiting for frames that are on their way.
const fullBuffer = 64 << 10

// buffers are what frames wait in. A stream has one only while it writes, so that thousands of quiet ones have none.
var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, 4<<10)) }}

func (o *outlet) begin(cancel context.CancelFunc, registered func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cancel, o.registered = cancel, registered
	if o.over {
		cancel() // cut between open and here
	}
}

// push queues a frame, waiting for room; it gives up when the stream has ended.
func (o *outlet) push(f *frame) {
	o.queued.Add(1)
	o.server.Publish(o.name, f.sse)
}

// pushLast is push for a frame after which the stream ends.
func (o *outlet) pushLast(f *frame) {
	o.queued.Add(1)
	o.last.Store(true) // after counting: whoever sees it counts this frame, too
	o.server.Publish(o.name, f.sse)
}

// offer sends a frame without waiting, if there is room. To a stream where nothing is on its way it goes straight to the
// line, which spares r3labs' two goroutines being woken; what the line does not take at once r3labs writes.
func (o *outlet) offer(f *frame) bool {
	if o.queued.Load() == 0 {
		n := o.line.try(f.wire)
		o.written += int64(n)
		if n == len(f.wire) {
			return true
		}
		o.skip = n
	}
	o.queued.Add(1)
	if o.server.TryPublish(o.name, f.sse) {
		return true
	}
	o.queued.Add(-1)
	return false
}

// cut ends the response even if a write is blocked, which a context alone would not.
func (o *outlet) cut() {
	if o == nil {
		return // not open yet: open reports it
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return
	}
	o.over = true
	if o.cancel != nil {
		o.cancel()
	}
	o.line.cut()
}

// finish lets go of the line after the last write.
func (o *outlet) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	if o.waiting != nil {
		o.free()
	}
}

// deadline sets the time until which a write must be done, or none, unless the stream is over.
func (o *outlet) deadline(t time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.over {
		o.line.deadline(t)
	}
	return !o.over
}

// Write implements http.ResponseWriter. What r3labs writes waits for its Flush.
func (o *outlet) Write(p []byte) (int, error) {
	if o.waiting == nil {
		o.waiting = buffers.Get().(*[]byte)
	}
	gone := min(o.skip, len(p))
	o.skip -= gone
	*o.waiting = append(*o.waiting, p[gone:]...)
	return len(p), nil
}

// Flush implements http.Flusher. r3labs calls it once after the headers and once after each frame.
func (o *outlet) Flush() {
	if o.registered != nil {
		o.send()
		o.registered()
		o.registered = nil
		return
	}
	if o.queued.Load() > 1 && (o.waiting == nil || len(*o.waiting) < fullBuffer) {
		o.queued.Add(-1)
		return // the next frame is on its way and takes this one along
	}
	o.send()
	// Counted off only now: with nothing queued, offer may write by itself.
	if o.queued.Add(-1) == 0 && o.last.Load() {
		o.end()
	}
}

// send writes what waits. r3labs takes no notice of errors and would go on writing, so one ends the stream here.
func (o *outlet) send() {
	var p []byte
	if o.waiting != nil {
		p = *o.waiting
		defer o.free()
	}
	if !o.deadline(time.Now().Add(o.timeout)) {
		return
	}
	n, err := o.line.send(p)
	o.written += int64(n)
	if err != nil {
		o.end()
		return
	}
	o.deadline(time.Time{}) // on HTTP/2 it would also end a stream that is merely quiet, and no frame could go by itself
}

func (o *outlet) free() {
	if cap(*o.waiting) <= 2*fullBuffer {
		*o.waiting = (*o.waiting)[:0]
		buffers.Put(o.waiting)
	}
	o.waiting = nil
}

// end ends the stream; what is written is not lost.
func (o *outlet) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cancel()
	if !o.over {
		o.line.hangUp()
	}
}

var _ http.Flusher = (*outlet)(nil)
