package live

import (
	"container/heap"
	"time"
)

// terms are the streams that end at a time, the first to end in front. One timer is enough for all: it runs until that
// one's time. The hub's mutex guards them.
type terms struct {
	hub   *Hub
	conns []*conn
	timer *time.Timer // nil while there is none to end
}

// add has a stream end when its reader's time is up.
func (t *terms) add(c *conn) {
	if c.reader.Until.IsZero() {
		return
	}
	heap.Push(t, c)
	if c.term == 0 {
		t.wind()
	}
}

// remove forgets a stream that has ended.
func (t *terms) remove(c *conn) {
	if c.reader.Until.IsZero() || c.term < 0 {
		return
	}
	first := c.term == 0
	heap.Remove(t, c.term)
	if first {
		t.wind()
	}
}

// wind sets the timer to the first stream's time.
func (t *terms) wind() {
	if t.timer != nil {
		t.timer.Stop() // one that is too late to stop finds nothing to end
		t.timer = nil
	}
	if len(t.conns) > 0 && !t.hub.closing {
		t.timer = time.AfterFunc(time.Until(t.conns[0].reader.Until), t.ring)
	}
}

// ring ends the streams whose time is up.
func (t *terms) ring() {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	now := time.Now()
	for len(t.conns) > 0 && !now.Before(t.conns[0].reader.Until) {
		heap.Pop(t).(*conn).sayGoodbye("confirm")
	}
	t.wind()
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (t *terms) Len() int           { return len(t.conns) }
func (t *terms) Less(i, j int) bool { return t.conns[i].reader.Until.Before(t.conns[j].reader.Until) }

func (t *terms) Swap(i, j int) {
	t.conns[i], t.conns[j] = t.conns[j], t.conns[i]
	t.conns[i].term, t.conns[j].term = i, j
}

func (t *terms) Push(c any) {
	t.conns = append(t.conns, c.(*conn))
	t.conns[len(t.conns)-1].term = len(t.conns) - 1
}

func (t *terms) Pop() any {
	last := len(t.conns) - 1
	c := t.conns[last]
	t.conns[last], t.conns = nil, t.conns[:last]
	c.term = -1
	return c
}
