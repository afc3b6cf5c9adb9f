// Package live keeps the open streams: it hands each committed change to the browsers that may see it, knows who is in
// which room, and ends streams whose reader may no longer read.
//
// The hub's position is the number of the last change it has handed out. Each frame carries the position at which it
// was queued as its id, and whatever its stream may see up to there has been queued before it; a browser that comes back
// with that id is continued without a hole and without a double.
package live

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"letstalk/store"
)

// Options are the hub's needs and limits. Zero durations and limits mean the defaults of the comments.
type Options struct {
	// Position is the newest change the store has committed when the hub starts.
	Position store.Seq
	// Boot names this run of the process, so that a page can tell a restart.
	Boot string
	// Head returns the newest change the store has committed; the hub may not have handed it out yet.
	Head func(context.Context) (store.Seq, error)
	// Presence draws what a change of presence shows in the room.
	Presence func(PresenceChange) []byte
	// LiveLogins returns those of the logins that still hold; it is asked every Recheck.
	LiveLogins func(context.Context, []store.LoginID) ([]store.LoginID, error)
	Logger     *slog.Logger

	Heartbeat  time.Duration // between two hb frames of a stream: 20 s
	Recheck    time.Duration // between two looks at the streams' logins: 8 s, so that a login ends its streams within 10 s
	Linger     time.Duration // from a person's last stream in a room to "has left": 15 s
	Settle     time.Duration // least time between two presence frames of a room: 1 s, or 1 ms a stream if that is longer
	Write      time.Duration // for a frame to leave before its reader counts as stalled: 10 s
	MaxStreams int           // open at once: 20,000
	MaxPerUser int           // open at once by one person, the oldest give way: 32
}

// Reader is somebody about to read a stream.
type Reader struct {
	Login  store.LoginID
	Person store.Person
	// Room is the room whose messages and presence the stream carries; zero for pages that are not a room.
	Room store.RoomID
	// Cursor is the change up to which the page is complete; nil for a page that wants only what comes.
	Cursor *store.Seq
	// Replay returns the frames for the changes in (after, upTo] that the reader may see, oldest first.
	// An error that is store.ErrGap asks the page to load itself anew.
	Replay func(ctx context.Context, after, upTo store.Seq) ([]Delivery, error)
	// Until is when the reader has to confirm who they are before reading on; zero for never.
	Until time.Time
	// Ended, if not nil, is told the number of bytes written once a stream has ended that went on by itself.
	Ended func(written int64)
}

// Delivery is one frame for the streams of one room.
type Delivery struct {
	Room store.RoomID
	// UpTo is the newest change in Data; nothing older for this room comes after it.
	UpTo store.Seq
	// Data is the HTML of the frame, not empty.
	Data []byte
}

// Hub is where changes and streams meet. Make it with New and end it with Close.
type Hub struct {
	opts    Options
	streams *streams
	open    context.Context // ends with Close, and with it the timekeepers
	stop    context.CancelFunc

	// order is held while frames are handed out, so that they reach every stream in the order of their ids, and by a
	// stream that takes its place among them. It is taken before mu.
	order sync.Mutex
	batch []*conn // whom a frame is handed to; of whoever holds order

	mu       sync.Mutex // never held for long
	position store.Seq  // changes with order held, too
	conns    map[*conn]struct{}
	users    map[store.UserID][]*conn // oldest first
	rooms    map[store.RoomID]*room
	told     map[store.UserID]store.Seq // see TellUser
	unknown  store.Seq                  // what it was about up to here is not known; see toldOf
	terms    terms
	closing  bool
	drained  chan struct{} // closed when closing and the last stream has gone

	others others                    // what other nodes told
	untold map[store.RoomID]struct{} // rooms whose people on this node changed since TakeChanged
	news   chan struct{}             // see Changed
}

// New returns a hub that is running.
func New(opts Options) *Hub {
	defaults(&opts.Heartbeat, 20*time.Second)
	defaults(&opts.Recheck, 8*time.Second)
	defaults(&opts.Linger, 15*time.Second)
	defaults(&opts.Settle, time.Second)
	defaults(&opts.Write, 10*time.Second)
	defaults(&opts.MaxStreams, 20_000)
	defaults(&opts.MaxPerUser, 32)
	h := &Hub{
		opts:     opts,
		streams:  newStreams(),
		position: opts.Position,
		unknown:  opts.Position,
		conns:    map[*conn]struct{}{},
		users:    map[store.UserID][]*conn{},
		rooms:    map[store.RoomID]*room{},
		told:     map[store.UserID]store.Seq{},
		drained:  make(chan struct{}),
		untold:   map[store.RoomID]struct{}{},
		news:     make(chan struct{}, 1),
	}
	h.terms.hub = h
	h.open, h.stop = context.WithCancel(context.Background())
	// Apart, so that a store that is slow to tell about logins holds up no heartbeat.
	go h.every(opts.Heartbeat/turns, h.beat)
	go h.every(opts.Recheck, h.recheck)
	return h
}

func defaults[T time.Duration | int](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// Serve answers a request with the reader's stream. It returns when the stream has ended, or at once if the stream has
// taken over the connection and goes on by itself. It answers 503 with Retry-After when there is no room for one more or
// the program is stopping.
func (h *Hub) Serve(w http.ResponseWriter, r *http.Request, reader Reader) (goesOn bool) {
	c := &conn{hub: h, reader: reader}
	if !h.admit(c) {
		full(w)
		return false
	}
	line := take(w)
	if line == nil {
		defer h.detach(c)
		if h.streams.open(c, newResponse(w)) {
			h.streams.serve(r.Context(), c)
		} else {
			full(w)
		}
		return false
	}
	go h.goOn(c, line) // without the request, which need not live as long
	return true
}

// goOn serves a connection that was taken over, until it ends.
func (h *Hub) goOn(c *conn, line *taken) {
	defer h.detach(c)
	if h.streams.open(c, line) {
		h.streams.serve(context.Background(), c)
	}
	_ = line.Close()
	if c.reader.Ended != nil {
		c.reader.Ended(c.out.written)
	}
}

func full(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	http.Error(w, "Too many open pages. Please try again in a moment.", http.StatusServiceUnavailable)
}

// Position returns the number of the last change handed out.
func (h *Hub) Position() store.Seq {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position
}

// Publish hands out frames in order and moves the position to upTo.
func (h *Hub) Publish(upTo store.Seq, deliveries []Delivery) {
	h.order.Lock()
	defer h.order.Unlock()
	for _, d := range deliveries {
		h.handOut(newFrame("", d.UpTo, d.Data, 0), func(yield func(*conn)) {
			if room := h.rooms[d.Room]; room != nil {
				room.each(yield)
			}
		})
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.position = upTo
}

// handedOutTogether is how many streams get a frame before others may have the hub: each costs a system call or two
// switches of goroutines.
const handedOutTogether = 64

// handOut sends a frame to the streams that pick yields, with order held. Whoever comes meanwhile takes a place behind it.
func (h *Hub) handOut(f *frame, pick func(yield func(*conn))) {
	h.mu.Lock()
	pick(func(c *conn) { h.batch = append(h.batch, c) })
	h.mu.Unlock()
	for some := range slices.Chunk(h.batch, handedOutTogether) {
		h.mu.Lock()
		for _, c := range some {
			c.send(f)
		}
		h.mu.Unlock()
	}
	clear(h.batch)
	h.batch = h.batch[:0]
}

// TellUser sends a frame of that name to all streams of a person, in its place among the others: before the Publish that
// hands out the change it is about. So a page that has seen that change's number, or a higher one, has been told; one that
// comes back with a lower number finds in its hello that it was not.
func (h *Hub) TellUser(user store.UserID, event string, change store.Seq) {
	h.order.Lock()
	defer h.order.Unlock()
	h.mu.Lock()
	h.told[user] = change
	h.mu.Unlock()
	h.handOut(newFrame(event, h.position, []byte("{}"), 0), func(yield func(*conn)) {
		for _, c := range h.users[user] {
			if c.attached {
				yield(c)
			}
		}
	})
}

// toldOf returns the newest change that a person was told of by name, or may have been before this run of the program or
// within a gap. The hub's mutex is held.
func (h *Hub) toldOf(user store.UserID) store.Seq { return max(h.unknown, h.told[user]) }

// Logins returns the logins that have a stream open, each once.
func (h *Hub) Logins() []store.LoginID {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[store.LoginID]struct{}{}
	for c := range h.conns {
		seen[c.reader.Login] = struct{}{}
	}
	return slices.Collect(maps.Keys(seen))
}

// admit takes c in, unless the hub is full or closing. A person's oldest streams give way to the newest.
func (h *Hub) admit(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing || len(h.conns) >= h.opts.MaxStreams {
		return false
	}
	h.conns[c] = struct{}{}
	h.terms.add(c)
	mine := append(h.users[c.reader.Person.ID], c)
	h.users[c.reader.Person.ID] = mine
	for _, oldest := range mine[:max(0, len(mine)-h.opts.MaxPerUser)] {
		oldest.cut() // it may be one that has been cut and is on its way out
	}
	return true
}

// detach forgets c once its response is finished.
func (h *Hub) detach(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
	h.terms.remove(c)
	user := c.reader.Person.ID
	if mine := without(h.users[user], c); len(mine) > 0 {
		h.users[user] = mine
	} else {
		delete(h.users, user)
	}
	h.leave(c)
	if h.closing && len(h.conns) == 0 {
		close(h.drained)
	}
}

func without(conns []*conn, c *conn) []*conn {
	for i := range conns {
		if conns[i] == c {
			return append(conns[:i:i], conns[i+1:]...)
		}
	}
	return conns
}
