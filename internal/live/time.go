package live

import (
	"context"
	"time"

	"letstalk/store"
)

// turns is how many groups the streams are sent their heartbeats in, spread over the interval.
const turns = 20

// every does something again and again until the hub closes, counting the times.
func (h *Hub) every(interval time.Duration, do func(n uint64)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for n := uint64(0); ; n++ {
		select {
		case <-h.open.Done():
			return
		case <-tick.C:
			do(n)
		}
	}
}

// beat sends the streams whose turn it is their heartbeat.
func (h *Hub) beat(n uint64) {
	h.order.Lock()
	defer h.order.Unlock()
	h.handOut(newFrame("hb", h.position, []byte("{}"), 0), func(yield func(*conn)) {
		for c := range h.conns {
			if c.attached && !c.behind && c.number%turns == n%turns {
				yield(c)
			}
		}
	})
}

// recheck ends the streams whose login is over, by whatever way it ended.
func (h *Hub) recheck(uint64) {
	if h.opts.LiveLogins == nil {
		return
	}
	ids := h.Logins()
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(h.open, h.opts.Recheck)
	defer cancel()
	live, err := h.opts.LiveLogins(ctx, ids)
	if err != nil {
		if h.open.Err() != nil {
			return
		}
		// A store that can't answer now is no reason to throw everybody out; the next look decides.
		h.opts.Logger.Warn("looking at the streams' logins", "error", err)
		return
	}
	over := map[store.LoginID]bool{}
	for _, id := range ids {
		over[id] = true
	}
	for _, id := range live {
		delete(over, id)
	}
	h.end("auth", func(c *conn) bool { return over[c.reader.Login] })
}
