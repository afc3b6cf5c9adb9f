package live

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"letstalk/store"
)

// maxPending is how many live frames may wait while a stream's past is replayed; one that is further behind is cut and
// comes back by its cursor.
const maxPending = 512

// conn is one open stream. Its fields below the line are guarded by the hub's mutex.
type conn struct {
	hub     *Hub
	reader  Reader
	number  uint64    // of the stream, for its name and its turn at the heartbeat
	out     *outlet   // where frames go; set before the stream starts
	reached store.Seq // up to where changes have been sent while the stream comes up; of start
	// ──
	attached  bool // takes part in its room
	replaying bool // live frames wait in pending
	pending   []*frame
	ending    bool   // nothing more is taken
	goodbye   string // the event of the last frame, once the past is done with
}

// start brings the stream up once it can take frames: hello, then what the page has missed, then what happens. It runs
// beside the writing of the response and ends with ctx.
func (c *conn) start(ctx context.Context) {
	position := c.attach()
	c.reached = position
	if c.reader.Cursor != nil {
		c.reached = *c.reader.Cursor
	}
	c.out.push(c.hello())
	if c.reached != position {
		deliveries, err := c.replay(ctx, c.reached, position)
		switch {
		case errors.Is(err, store.ErrGap), errors.Is(err, store.ErrNotFound):
			c.leave("resync")
		case err != nil:
			if ctx.Err() == nil {
				c.hub.opts.Logger.Error("replaying a stream", "error", err)
			}
			c.leave("")
		default:
			c.sendPast(deliveries, position)
		}
	}
	c.goLive()
}

// sendPast sends the changes up to position, as long as nobody wants the stream to end.
func (c *conn) sendPast(deliveries []Delivery, position store.Seq) {
	for i, d := range deliveries {
		c.hub.mu.Lock()
		ending := c.ending
		c.hub.mu.Unlock()
		if ending {
			return
		}
		c.reached = d.UpTo
		if i == len(deliveries)-1 {
			c.reached = position
		}
		c.out.push(newFrame("", c.reached, d.Data, 0))
	}
}

// attach joins the room and returns the position from which on live frames are collected, both in one step.
func (c *conn) attach() store.Seq {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	c.attached = true
	c.replaying = true
	c.hub.enter(c)
	return c.hub.position
}

func (c *conn) replay(ctx context.Context, after, upTo store.Seq) ([]Delivery, error) {
	if after > upTo {
		// The page was drawn from a commit that is about to be handed out: all of it follows live. A cursor the store
		// does not know either is from before a backup was restored.
		head, err := c.hub.opts.Head(ctx)
		if err == nil && after > head {
			err = store.ErrGap
		}
		return nil, err
	}
	if c.reader.Replay == nil {
		return nil, nil
	}
	return c.reader.Replay(ctx, after, upTo)
}

// goLive queues what happened during the replay until nothing is left, then lets frames through directly. A stream that
// was to end meanwhile says goodbye instead.
func (c *conn) goLive() {
	for {
		c.hub.mu.Lock()
		waiting, reached := c.pending, c.hub.position
		c.pending = nil
		if c.ending || len(waiting) == 0 {
			break
		}
		c.hub.mu.Unlock()
		for _, f := range waiting {
			c.out.push(f)
		}
		c.reached = reached
	}
	defer c.hub.mu.Unlock()
	c.replaying = false
	if c.goodbye != "" {
		c.sendLast(c.goodbye, c.reached)
	}
}

// send queues a frame; the hub's mutex is held. A stream that can't take it is cut: its page comes back with the cursor
// of the last frame it got.
func (c *conn) send(f *frame) {
	switch {
	case c.ending:
	case !c.replaying:
		if !c.out.offer(f) {
			c.cut()
		}
	case len(c.pending) >= maxPending:
		c.cut()
	default:
		c.pending = append(c.pending, f)
	}
}

// leave has the stream say goodbye, or end without a word if the event is empty.
func (c *conn) leave(event string) {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	if event == "" {
		c.cut()
	} else {
		c.sayGoodbye(event)
	}
}

// sayGoodbye queues a last frame and ends the stream when it has been written; the hub's mutex is held. A stream that is
// busy with its past leaves it at that. One that has not begun is told by the answer to its next request.
func (c *conn) sayGoodbye(event string) {
	switch {
	case c.ending:
	case !c.attached:
		c.cut()
	case c.replaying:
		c.ending, c.goodbye = true, event
	default:
		c.ending = true
		c.sendLast(event, c.hub.position)
	}
}

// sendLast queues the last frame; the hub's mutex is held. After a resync whose page fails to load, the browser must not
// come back with a cursor that looks complete: from 0 it is either replayed everything or told again.
func (c *conn) sendLast(event string, cursor store.Seq) {
	var retry time.Duration
	switch event {
	case "resync":
		cursor = 0
	case "bye":
		retry = byeDelay()
	}
	if !c.out.offerLast(newFrame(event, cursor, []byte("{}"), retry)) {
		c.cut()
	}
}

// cut ends the stream at once; the hub's mutex is held.
func (c *conn) cut() {
	c.ending, c.goodbye = true, ""
	c.out.cut()
}

func (c *conn) hello() *frame {
	data, err := json.Marshal(struct {
		Seq  store.Seq `json:"seq"`
		Boot string    `json:"boot"`
		Time time.Time `json:"time"`
	}{c.reached, c.hub.opts.Boot, time.Now().UTC()})
	if err != nil {
		panic(err) // three plain fields always marshal
	}
	return newFrame("hello", c.reached, data, time.Second)
}
