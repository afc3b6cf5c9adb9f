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
	h.mu.Lock()
	seen := map[store.LoginID]bool{}
	for c := range h.conns {
		seen[c.reader.Login] = false
	}
	h.mu.Unlock()
	if len(seen) == 0 {
		return
	}
	ids := make([]store.LoginID, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
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
	for _, id := range live {
		seen[id] = true
	}
	h.end("auth", func(c *conn) bool { alive, known := seen[c.reader.Login]; return known && !alive })
}
