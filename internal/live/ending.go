package live

import (
	"context"

	"letstalk/store"
)

// EndLogin ends the streams of a login, telling their pages to go and sign in.
func (h *Hub) EndLogin(id store.LoginID) {
	h.end("auth", func(c *conn) bool { return c.reader.Login == id })
}

// EndMember ends a person's streams of a room they may no longer read.
func (h *Hub) EndMember(room store.RoomID, user store.UserID) {
	h.end("resync", func(c *conn) bool { return c.reader.Room == room && c.reader.Person.ID == user })
}

// EndRoom ends all streams of a room, because it asks something else of its readers now, and has their pages load themselves
// anew.
func (h *Hub) EndRoom(room store.RoomID) {
	h.end("resync", func(c *conn) bool { return c.reader.Room == room })
}

// Resync ends all streams and has their pages load themselves anew, because some of what led to the position is lost.
func (h *Hub) Resync() {
	h.mu.Lock()
	h.unknown = h.position
	h.mu.Unlock()
	h.end("resync", func(*conn) bool { return true })
}

func (h *Hub) end(event string, which func(*conn) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		if which(c) {
			c.sayGoodbye(event)
		}
	}
}

// Close tells every page that the server is stopping and waits until the streams have ended. Those that have not by the
// end of ctx are cut.
func (h *Hub) Close(ctx context.Context) {
	h.mu.Lock()
	if h.closing {
		h.mu.Unlock()
		return
	}
	h.closing = true
	h.stop()
	h.terms.wind()
	for c := range h.conns {
		c.sayGoodbye("bye")
	}
	if len(h.conns) == 0 {
		close(h.drained)
	}
	for _, room := range h.rooms {
		room.stopTimers()
	}
	h.mu.Unlock()

	select {
	case <-h.drained:
	case <-ctx.Done():
		h.mu.Lock()
		for c := range h.conns {
			c.cut()
		}
		h.mu.Unlock()
		<-h.drained
	}
}
