package live

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"letstalk/store"
)

// maxNotices is how many people one presence frame names as entered or left; in a room where more come and go at once
// the lines would push the talk away.
const maxNotices = 5

// PresenceChange is what is new about who is in a room.
type PresenceChange struct {
	Entered, Left []store.Person // to be told by name
	People        []store.Person // everybody here now, by name
}

// room is the streams and people of one room; the hub's mutex guards it.
type room struct {
	hub    *Hub
	id     store.RoomID
	conns  map[*conn]struct{}
	people map[store.UserID]*visitor

	entered, left []store.Person // not yet announced
	announcing    *time.Timer    // runs while announcements settle
}

// visitor is a person in a room, with or, for a while after the last one closed, without a stream.
type visitor struct {
	person  store.Person
	streams int
	leaving *time.Timer
}

// People returns who is in a room, by name.
func (h *Hub) People(id store.RoomID) []store.Person {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[id]; r != nil {
		return r.list()
	}
	return nil
}

// enter adds a stream to its room; the hub's mutex is held.
func (h *Hub) enter(c *conn) {
	id := c.reader.Room
	if id == 0 {
		return
	}
	r := h.rooms[id]
	if r == nil {
		r = &room{hub: h, id: id, conns: map[*conn]struct{}{}, people: map[store.UserID]*visitor{}}
		h.rooms[id] = r
	}
	r.conns[c] = struct{}{}

	v := r.people[c.reader.Person.ID]
	if v == nil {
		r.people[c.reader.Person.ID] = &visitor{person: c.reader.Person, streams: 1}
		r.entered = append(r.entered, c.reader.Person)
		r.announce()
		return
	}
	v.streams++
	v.person = c.reader.Person // each sign-in may bring another name
	if v.leaving != nil {
		v.leaving.Stop()
		v.leaving = nil
	}
	// The page was drawn a moment ago; since then somebody may have come or gone.
	c.send(r.frame(PresenceChange{People: r.list()}))
}

// leave takes a stream out of its room; the hub's mutex is held.
func (h *Hub) leave(c *conn) {
	r := h.rooms[c.reader.Room]
	if r == nil || !c.attached {
		return
	}
	delete(r.conns, c)
	v := r.people[c.reader.Person.ID]
	v.streams--
	if v.streams > 0 || h.closing {
		return
	}
	var leaving *time.Timer
	leaving = time.AfterFunc(h.opts.Linger, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if v.leaving != leaving || h.closing {
			return // came back while this was waiting for the mutex, and may even have gone again
		}
		delete(r.people, v.person.ID)
		r.left = append(r.left, v.person)
		r.announce()
	})
	v.leaving = leaving
}

// announce tells the room who came and went: at once when the room is quiet, collected when it is not.
func (r *room) announce() {
	if r.announcing != nil {
		return
	}
	r.tell()
	r.announcing = time.AfterFunc(r.hub.opts.Settle, func() {
		r.hub.mu.Lock()
		defer r.hub.mu.Unlock()
		r.announcing = nil
		if len(r.entered)+len(r.left) > 0 && !r.hub.closing {
			r.announce()
		}
		r.forget()
	})
}

func (r *room) tell() {
	change := PresenceChange{People: r.list()}
	if len(r.entered) <= maxNotices {
		change.Entered = r.entered
	}
	if len(r.left) <= maxNotices {
		change.Left = r.left
	}
	r.entered, r.left = nil, nil
	r.send(r.frame(change))
}

// forget drops a room in which nobody is and nothing is to be told.
func (r *room) forget() {
	if len(r.people) == 0 && r.announcing == nil {
		delete(r.hub.rooms, r.id)
	}
}

func (r *room) frame(change PresenceChange) *frame {
	return newFrame("", r.hub.position, r.hub.opts.Presence(change), 0)
}

func (r *room) send(f *frame) {
	for c := range r.conns {
		c.send(f)
	}
}

func (r *room) list() []store.Person {
	people := make([]store.Person, 0, len(r.people))
	for _, v := range r.people {
		people = append(people, v.person)
	}
	slices.SortFunc(people, ByName)
	return people
}

// ByName is the order in which people are listed.
func ByName(a, b store.Person) int {
	return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
}

func (r *room) stopTimers() {
	if r.announcing != nil {
		r.announcing.Stop()
	}
	for _, v := range r.people {
		if v.leaving != nil {
			v.leaving.Stop()
		}
	}
}
