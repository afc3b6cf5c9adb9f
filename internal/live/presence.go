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
	hub       *Hub
	id        store.RoomID
	conns     map[*conn]struct{}
	people    map[store.UserID]*visitor // on this node
	elsewhere map[store.UserID]guest    // on other nodes; nil until there is one

	sorted  []store.Person // all of them by name, and
	present *frame         // the frame that shows them; both nil until they are asked for again

	entered, left []store.Person // not yet announced
	announcing    *time.Timer    // runs while announcements settle
}

// visitor is a person in a room on this node, with or, for a while after the last one closed, without a stream.
type visitor struct {
	person  store.Person
	streams int
	leaving *time.Timer
}

// People returns who is in a room, on whichever node, by name. The list is shared; it is not to be changed.
func (h *Hub) People(id store.RoomID) []store.Person {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.rooms[id]; r != nil {
		return r.list()
	}
	return nil
}

// enter adds a stream to its room and returns the room if it is to be told; order and mutex are held.
func (h *Hub) enter(c *conn) (tell *room) {
	id := c.reader.Room
	if id == 0 {
		return nil
	}
	r := h.room(id)
	r.conns[c] = struct{}{}
	person := c.reader.Person
	if was := r.shift(person.ID, func() { r.visit(person) }); !was {
		return r.announce()
	}
	// The page was drawn a moment ago; since then somebody may have come or gone.
	c.send(r.here())
	return nil
}

// room returns the room, which is new if nothing was known of it; the hub's mutex is held.
func (h *Hub) room(id store.RoomID) *room {
	r := h.rooms[id]
	if r == nil {
		r = &room{hub: h, id: id, conns: map[*conn]struct{}{}, people: map[store.UserID]*visitor{}}
		h.rooms[id] = r
	}
	return r
}

// visit gives a person one more stream.
func (r *room) visit(person store.Person) {
	v := r.people[person.ID]
	switch {
	case v == nil:
		v = &visitor{person: person}
		r.people[person.ID] = v
		r.hub.noteChange(r.id)
	case v.person != person:
		v.person = person // each sign-in may bring another name
		r.hub.noteChange(r.id)
	}
	v.streams++
	if v.leaving != nil {
		v.leaving.Stop()
		v.leaving = nil
	}
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
		h.arrange(func() *room {
			if v.leaving != leaving || h.closing {
				return nil // came back while this was waiting for the mutex, and may even have gone again
			}
			r.shift(v.person.ID, func() { delete(r.people, v.person.ID) })
			h.noteChange(r.id)
			return r.announce()
		})
	})
	v.leaving = leaving
}

// shift changes where a person is, and notes what of it those in the room are to know. It reports whether the person was
// in the room before, on any node.
func (r *room) shift(id store.UserID, change func()) (was bool) {
	before, was := r.find(id)
	change()
	after, is := r.find(id)
	if before != after {
		r.changed()
	}
	switch {
	case is && !was:
		r.entered = append(r.entered, after)
	case was && !is:
		r.left = append(r.left, before)
	}
	return was
}

// find returns a person in the room as they are listed.
func (r *room) find(id store.UserID) (store.Person, bool) {
	if v := r.people[id]; v != nil {
		return v.person, true
	}
	g, ok := r.elsewhere[id]
	return g.person, ok
}

// arrange changes who is where, in its place among the frames, and tells the room that change returns, if any.
func (h *Hub) arrange(change func() (tell *room)) {
	h.order.Lock()
	defer h.order.Unlock()
	h.mu.Lock()
	tell := change()
	h.mu.Unlock()
	if tell != nil {
		tell.tell()
	}
}

// announce returns the room if somebody came or went and it is to be told at once, because it was quiet; else it will be
// later, of all of them together. The hub's mutex is held.
func (r *room) announce() (tell *room) {
	if r.announcing != nil || r.hub.closing || len(r.entered)+len(r.left) == 0 {
		return nil
	}
	r.announcing = time.AfterFunc(r.settle(), func() {
		r.hub.arrange(func() (tell *room) {
			r.announcing = nil
			tell = r.announce()
			r.forget()
			return tell
		})
	})
	return r
}

// settle is how long a room is quiet about presence after it was told: longer in a large one, so that thousands who come
// back at the same time are not each told of all the others.
func (r *room) settle() time.Duration {
	return max(r.hub.opts.Settle, time.Duration(len(r.conns))*time.Millisecond)
}

// tell sends the room who came and went; order is held.
func (r *room) tell() {
	h := r.hub
	h.mu.Lock()
	entered, left := r.entered, r.left
	r.entered, r.left = nil, nil
	if len(r.conns) == 0 {
		h.mu.Unlock()
		return // all are on other nodes, or have gone
	}
	change := PresenceChange{People: r.list()}
	if len(entered) <= maxNotices {
		change.Entered = entered
	}
	if len(left) <= maxNotices {
		change.Left = left
	}
	f := r.frame(change)
	h.mu.Unlock()
	h.handOut(f, r.each)
}

// forget drops a room in which nobody is and nothing is to be told.
func (r *room) forget() {
	if len(r.people)+len(r.elsewhere) == 0 && r.announcing == nil {
		delete(r.hub.rooms, r.id)
	}
}

func (r *room) frame(change PresenceChange) *frame {
	return newFrame("", r.hub.position, r.hub.opts.Presence(change), 0)
}

func (r *room) each(yield func(*conn)) {
	for c := range r.conns {
		yield(c)
	}
}

// here returns the frame that shows who is here and tells of nobody coming or going.
func (r *room) here() *frame {
	if r.present == nil {
		r.present = r.frame(PresenceChange{People: r.list()})
	}
	return r.present.withID(r.hub.position)
}

// changed forgets how people were listed.
func (r *room) changed() { r.sorted, r.present = nil, nil }

func (r *room) list() []store.Person {
	if r.sorted == nil {
		r.sorted = make([]store.Person, 0, len(r.people)+len(r.elsewhere))
		for _, v := range r.people {
			r.sorted = append(r.sorted, v.person)
		}
		for id, g := range r.elsewhere {
			if r.people[id] == nil {
				r.sorted = append(r.sorted, g.person)
			}
		}
		slices.SortFunc(r.sorted, ByName)
	}
	return r.sorted
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
