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

	sorted  []store.Person // people by name, and
	present *frame         // the frame that shows them; both nil until they are asked for again

	entered, left []store.Person // not yet announced
	announcing    *time.Timer    // runs while announcements settle
}

// visitor is a person in a room, with or, for a while after the last one closed, without a stream.
type visitor struct {
	person  store.Person
	streams int
	leaving *time.Timer
}

// People returns who is in a room, by name. The list is shared; it is not to be changed.
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
	r := h.rooms[id]
	if r == nil {
		r = &room{hub: h, id: id, conns: map[*conn]struct{}{}, people: map[store.UserID]*visitor{}}
		h.rooms[id] = r
	}
	r.conns[c] = struct{}{}

	v := r.people[c.reader.Person.ID]
	if v == nil {
		r.people[c.reader.Person.ID] = &visitor{person: c.reader.Person, streams: 1}
		r.changed()
		r.entered = append(r.entered, c.reader.Person)
		return r.announce()
	}
	v.streams++
	if v.person != c.reader.Person {
		v.person = c.reader.Person // each sign-in may bring another name
		r.changed()
	}
	if v.leaving != nil {
		v.leaving.Stop()
		v.leaving = nil
	}
	// The page was drawn a moment ago; since then somebody may have come or gone.
	c.send(r.here())
	return nil
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
			delete(r.people, v.person.ID)
			r.changed()
			r.left = append(r.left, v.person)
			return r.announce()
		})
	})
	v.leaving = leaving
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

// announce returns the room if it is to be told at once who came and went, because it was quiet; else it will be later, of
// all of them together. The hub's mutex is held.
func (r *room) announce() (tell *room) {
	if r.announcing != nil {
		return nil
	}
	r.announcing = time.AfterFunc(r.settle(), func() {
		r.hub.arrange(func() (tell *room) {
			if r.hub.closing {
				return nil
			}
			r.announcing = nil
			if len(r.entered)+len(r.left) > 0 {
				tell = r.announce()
			}
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
	change := PresenceChange{People: r.list()}
	if len(r.entered) <= maxNotices {
		change.Entered = r.entered
	}
	if len(r.left) <= maxNotices {
		change.Left = r.left
	}
	r.entered, r.left = nil, nil
	f := r.frame(change)
	h.mu.Unlock()
	h.handOut(f, r.each)
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
		r.sorted = make([]store.Person, 0, len(r.people))
		for _, v := range r.people {
			r.sorted = append(r.sorted, v.person)
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
