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
	hub    *Hub
	reader Reader
	number uint64  // of the stream, for its name and its turn at the heartbeat
	out    *outlet // where frames go; set before the stream starts
	// ──
	attached  bool // takes part in its room
	replaying bool // live frames wait in pending
	pending   []*frame
	ending    bool // the last frame has been queued
}

// start brings the stream up once it can take frames: hello, then what the page has missed, then what happens. It runs
// beside the writing of the response and ends with ctx.
func (c *conn) start(ctx context.Context) {
	position := c.attach()
	cursor := position
	if c.reader.Cursor != nil {
		cursor = *c.reader.Cursor
	}
	c.out.push(c.hello(cursor))

	if cursor != position {
		deliveries, err := c.replay(ctx, cursor, position)
		switch {
		case errors.Is(err, store.ErrGap), errors.Is(err, store.ErrNotFound):
			c.hub.mu.Lock()
			defer c.hub.mu.Unlock()
			c.replaying = false
			c.sayGoodbye(newFrame("resync", c.lastCursor("resync"), []byte("{}"), 0))
			return
		case err != nil:
			if ctx.Err() == nil {
				c.hub.opts.Logger.Error("replaying a stream", "error", err)
			}
			c.hub.mu.Lock()
			defer c.hub.mu.Unlock()
			c.cut()
			return
		}
		for i, d := range deliveries {
			id := d.UpTo
			if i == len(deliveries)-1 {
				id = position
			}
			c.out.push(newFrame("", id, d.Data, 0))
		}
	}
	c.goLive()
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

// goLive queues what happened during the replay until nothing is left, then lets frames through directly.
func (c *conn) goLive() {
	for {
		c.hub.mu.Lock()
		waiting := c.pending
		c.pending = nil
		if len(waiting) == 0 {
			c.replaying = false
			c.hub.mu.Unlock()
			return
		}
		c.hub.mu.Unlock()
		for _, f := range waiting {
			c.out.push(f)
		}
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

// sayGoodbye queues a last frame and ends the stream when it has been written; the hub's mutex is held. A stream that is
// busy with its past is cut instead, and its page learns from the answer to its next request.
func (c *conn) sayGoodbye(f *frame) {
	if c.ending {
		return
	}
	c.ending = true
	if !c.attached || c.replaying || !c.out.offerLast(f) {
		c.cut()
	}
}

// cut ends the stream at once; the hub's mutex is held.
func (c *conn) cut() {
	c.ending = true
	c.out.cut()
}

// lastCursor is the id of a closing frame. After a resync whose page fails to load, the browser must not come back with a
// cursor that looks complete: from 0 it is either replayed everything or told again.
func (c *conn) lastCursor(event string) store.Seq {
	if event == "resync" {
		return 0
	}
	return c.hub.position
}

func (c *conn) hello(cursor store.Seq) *frame {
	data, err := json.Marshal(struct {
		Seq  store.Seq `json:"seq"`
		Boot string    `json:"boot"`
		Time time.Time `json:"time"`
	}{cursor, c.hub.opts.Boot, time.Now().UTC()})
	if err != nil {
		panic(err) // three plain fields always marshal
	}
	return newFrame("hello", cursor, data, time.Second)
}
