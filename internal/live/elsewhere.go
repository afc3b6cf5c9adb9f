package live

import (
	"sync"

	"letstalk/store"
)

// guest is a person in a room on other nodes.
type guest struct {
	person store.Person // as the node that told last calls them
	nodes  int          // how many have them
}

// others is what other nodes told of their people, so that only what is new about them needs the hub.
type others struct {
	mu    sync.Mutex // taken before the hub's order
	nodes map[string]map[store.RoomID]people
}

type people map[store.UserID]store.Person

// SetElsewhere replaces what is known of another node's people in those rooms; an empty list is nobody. Whoever that brings
// into a room or takes out of it is announced: the other node is trusted to have waited for people to come back.
func (h *Hub) SetElsewhere(node string, rooms map[store.RoomID][]store.Person) {
	h.others.mu.Lock()
	defer h.others.mu.Unlock()
	for id, list := range rooms {
		now := make(people, len(list))
		for _, p := range list {
			now[p.ID] = p
		}
		h.hear(id, h.others.replace(node, id, now), now)
	}
}

// ForgetNode is told that another node is gone, and its people with it.
func (h *Hub) ForgetNode(node string) {
	h.others.mu.Lock()
	defer h.others.mu.Unlock()
	for id, before := range h.others.nodes[node] {
		h.hear(id, before, nil)
	}
	delete(h.others.nodes, node)
}

// replace keeps what a node tells of a room, and returns what it told before.
func (o *others) replace(node string, id store.RoomID, now people) (before people) {
	rooms := o.nodes[node]
	before = rooms[id]
	switch {
	case len(now) == 0:
		delete(rooms, id)
	case rooms != nil:
		rooms[id] = now
	default:
		if o.nodes == nil {
			o.nodes = map[string]map[store.RoomID]people{}
		}
		o.nodes[node] = map[store.RoomID]people{id: now}
	}
	return before
}

// hear brings a room up to date with what a node told of it before and tells now.
func (h *Hub) hear(id store.RoomID, before, now people) {
	came, went := now.without(before), before.without(now)
	if len(came)+len(went) == 0 {
		return
	}
	h.arrange(func() (tell *room) {
		r := h.room(id)
		// Those who came first: whoever only has another name is among both, and has never been away.
		for _, p := range came {
			r.shift(p.ID, func() { r.receive(p) })
		}
		for _, p := range went {
			r.shift(p.ID, func() { r.release(p.ID) })
		}
		return r.announce()
	})
}

// without returns those of p who are not in q, or under another name.
func (p people) without(q people) []store.Person {
	var rest []store.Person
	for id, person := range p {
		if other, ok := q[id]; !ok || other != person {
			rest = append(rest, person)
		}
	}
	return rest
}

// receive notes that one more node has a person.
func (r *room) receive(p store.Person) {
	if r.elsewhere == nil {
		r.elsewhere = map[store.UserID]guest{}
	}
	r.elsewhere[p.ID] = guest{person: p, nodes: r.elsewhere[p.ID].nodes + 1}
}

// release notes that one node less has a person.
func (r *room) release(id store.UserID) {
	g := r.elsewhere[id]
	g.nodes--
	if g.nodes > 0 {
		r.elsewhere[id] = g
	} else {
		delete(r.elsewhere, id)
	}
}

// Changed receives a value after the people with streams on this node changed in some room, one for many changes if they
// are not waited for. TakeChanged tells which.
func (h *Hub) Changed() <-chan struct{} { return h.news }

// TakeChanged returns the people on this node, in no order, of each room where they changed since it was last called. Those
// who linger after their last stream are still here, and so are those who were when the hub closed; nobody is an empty list.
func (h *Hub) TakeChanged() map[store.RoomID][]store.Person {
	h.mu.Lock()
	untold := h.untold
	h.untold = map[store.RoomID]struct{}{}
	h.mu.Unlock()
	rooms := make(map[store.RoomID][]store.Person, len(untold))
	for id := range untold {
		rooms[id] = h.visitors(id)
	}
	return rooms
}

func (h *Hub) visitors(id store.RoomID) []store.Person {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[id]
	if r == nil {
		return nil
	}
	list := make([]store.Person, 0, len(r.people))
	for _, v := range r.people {
		list = append(list, v.person)
	}
	return list
}

// Retell makes all rooms with people on this node count as changed, for when what was told of them is lost.
func (h *Hub) Retell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, r := range h.rooms {
		if len(r.people) > 0 {
			h.untold[id] = struct{}{}
		}
	}
	h.signal()
}

// noteChange notes that the people of a room on this node changed; the hub's mutex is held.
func (h *Hub) noteChange(id store.RoomID) {
	h.untold[id] = struct{}{} // if nobody takes it, it grows no larger than there are rooms
	h.signal()
}

func (h *Hub) signal() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}
