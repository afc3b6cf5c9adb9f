package live

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"letstalk/store"
)

// maxPending is how many live frames may wait for a stream that is busy with its past or whose queue is full; one that is
// further behind is cut and comes back by its cursor.
const maxPending = 256

// conn is one open stream. Its fields below the line are guarded by the hub's mutex.
type conn struct {
	hub     *Hub
	reader  Reader
	number  uint64         // of the stream, for its name and its turn at the heartbeat
	out     *outlet        // where frames go; set before the stream starts
	work    sync.WaitGroup // start and catchUp; none begins once ending is set
	reached store.Seq      // up to where changes have been sent; of that goroutine while behind, else guarded
	// ──
	attached bool // takes part in its room
	behind   bool // a goroutine is at work, and live frames wait in pending
	pending  []*frame
	ending   bool   // nothing more is taken
	goodbye  string // the event of the last frame, if there shall be one
	term     int    // its place among the hub's terms, if it has one
}

// start brings the stream up once it can take frames: hello, then what the page has missed, then what happens. It runs
// beside the writing of the response and ends with ctx.
func (c *conn) start(ctx context.Context) {
	position, told := c.attach()
	c.reached = position
	if c.reader.Cursor != nil {
		c.reached = *c.reader.Cursor
	}
	c.out.push(c.hello(position, told))
	// Even if nothing is missed: a reader who lost the room since the request was let in is found out here, and one who
	// loses it from now on by EndMember.
	if c.reached != position || c.reader.Replay != nil {
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
	c.reader.Replay = nil // is not needed again, nor what it holds
	c.catchUp()
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

// attach joins the room and returns the position from which on live frames are collected, and what the reader has been told
// of until then, all in one step.
func (c *conn) attach() (position, told store.Seq) {
	c.hub.arrange(func() (tell *room) {
		c.attached = true
		c.behind = true
		position, told = c.hub.position, c.hub.toldOf(c.reader.Person.ID)
		return c.hub.enter(c)
	})
	return position, told
}

func (c *conn) replay(ctx context.Context, after, upTo store.Seq) ([]Delivery, error) {
	if after > upTo {
		// The page was drawn from a commit that is about to be handed out: all of it follows live. A cursor the store
		// does not know either is from before a backup was restored.
		head, err := c.hub.opts.Head(ctx)
		if err == nil && after > head {
			err = store.ErrGap
		}
		if err != nil {
			return nil, err
		}
		after = upTo
	}
	if c.reader.Replay == nil {
		return nil, nil
	}
	return c.reader.Replay(ctx, after, upTo)
}

// catchUp queues what is waiting until nothing is left, so that frames can be let through directly, or says goodbye.
func (c *conn) catchUp() {
	for {
		c.hub.mu.Lock()
		waiting := c.pending
		c.pending = nil
		ending, goodbye := c.ending, c.goodbye
		c.behind = len(waiting) > 0 || ending
		c.hub.mu.Unlock()
		switch {
		case goodbye != "":
			c.out.pushLast(c.lastFrame(goodbye))
			return
		case ending || len(waiting) == 0:
			return
		}
		for _, f := range waiting {
			c.out.push(f)
			c.reached = f.id
		}
	}
}

// send hands over a frame; the hub's order and mutex are held. A stream whose queue is full gets it as soon as it can; one
// that is too far behind is cut: its page comes back with the cursor of the last frame it got.
func (c *conn) send(f *frame) {
	switch {
	case c.ending:
	case c.behind && len(c.pending) >= maxPending:
		c.cut()
	case c.behind:
		c.pending = append(c.pending, f)
	case c.out.offer(f):
		c.reached = f.id
	default:
		c.pending = append(c.pending, f)
		c.fallBehind()
	}
}

// fallBehind leaves the queueing to a goroutine; the hub's mutex is held.
func (c *conn) fallBehind() {
	c.behind = true
	c.work.Go(c.catchUp)
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

// sayGoodbye ends the stream with a last frame; the hub's mutex is held. What still waits is left out. A stream that has
// not begun is told by the answer to its next request.
func (c *conn) sayGoodbye(event string) {
	switch {
	case c.ending:
	case !c.attached:
		c.cut()
	default:
		c.ending, c.goodbye = true, event
		if !c.behind {
			c.fallBehind()
		}
	}
}

// lastFrame is how a stream ends. After a resync whose page fails to load, the browser must not come back with a cursor
// that looks complete: from 0 it is either replayed everything or told again.
func (c *conn) lastFrame(event string) *frame {
	switch event {
	case "resync":
		return newFrame(event, 0, []byte("{}"), 0)
	case "bye":
		return newFrame(event, c.reached, []byte("{}"), byeDelay())
	default:
		return newFrame(event, c.reached, []byte("{}"), 0)
	}
}

// cut ends the stream at once; the hub's mutex is held.
func (c *conn) cut() {
	c.ending, c.goodbye = true, ""
	c.out.cut()
}

// hello is the first frame. What follows up to upTo happened before the stream began. A page that has not seen as high a
// number as told may have missed what TellUser told, and one of another login is not this reader's.
func (c *conn) hello(upTo, told store.Seq) *frame {
	data, err := json.Marshal(struct {
		Seq   store.Seq     `json:"seq"`
		UpTo  store.Seq     `json:"upTo"`
		Told  store.Seq     `json:"told"`
		Login store.LoginID `json:"login"`
		Boot  string        `json:"boot"`
		Time  time.Time     `json:"time"`
	}{c.reached, upTo, told, c.reader.Login, c.hub.opts.Boot, time.Now().UTC()})
	if err != nil {
		panic(err) // plain fields always marshal
	}
	return newFrame("hello", c.reached, data, time.Second)
}
