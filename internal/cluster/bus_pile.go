package cluster

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"letstalk/store"
)

const (
	// maxEnded is how many ended logins wait to be told or passed on. Of more the other nodes learn when they next look.
	maxEnded = 1000
	// breath is how long hints are gathered after some were passed on. The first one after a quiet moment does not wait.
	breath = 5 * time.Millisecond
)

// The kinds of hints, as they end a subject. Other kinds are those of a later version, and ignored.
const (
	kindCommitted  = "committed"
	kindBeaten     = "beaten"
	kindLoginEnded = "login-ended"
)

// batch is hints, each once however often it was said.
type batch struct {
	committed store.Seq // the newest of them, 0 for none
	beaten    bool
	ended     map[store.LoginID]struct{}
	missed    bool // others may have got lost
}

// pile collects hints until somebody has time for them. A number that nobody could have meant stays until the pile is taken
// and no longer: it does not hide those that come later.
type pile struct {
	mu   sync.Mutex
	b    batch
	wake chan struct{} // receives after something was added, once for all that is there
}

func newPile() *pile { return &pile{wake: make(chan struct{}, 1)} }

func (p *pile) committed(upTo store.Seq) {
	p.add(func(b *batch) { b.committed = max(b.committed, upTo) })
}

func (p *pile) beaten() { p.add(func(b *batch) { b.beaten = true }) }

func (p *pile) missed() { p.add(func(b *batch) { b.missed = true }) }

func (p *pile) loginEnded(id store.LoginID) {
	p.add(func(b *batch) {
		switch {
		case b.ended == nil:
			b.ended = map[store.LoginID]struct{}{id: {}}
		case len(b.ended) < maxEnded:
			b.ended[id] = struct{}{}
		default:
			b.missed = true
		}
	})
}

func (p *pile) add(change func(*batch)) {
	p.mu.Lock()
	change(&p.b)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *pile) take() batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.b
	p.b = batch{}
	return b
}

// tell publishes what is to be told until the bus closes, then stops the bus. It alone waits for a slow server.
func (b *Bus) tell(ctx context.Context) {
	defer b.stop()
	for open := true; open; {
		select {
		case <-b.out.wake:
		case <-b.closing:
			open = false
		}
		b.publish(b.out.take())
	}
	_ = b.Ping(ctx) // its answer comes once NATS has taken all before it
}

// publish hands hints to NATS. Failures are of no interest here: the connection is then lost, and that is noticed elsewhere.
func (b *Bus) publish(hints batch) {
	conn := b.conn.Load()
	if conn == nil {
		return
	}
	for id := range hints.ended {
		_ = conn.Publish(b.subject+kindLoginEnded, strconv.AppendInt(nil, int64(id), 10))
	}
	if hints.committed > 0 {
		_ = conn.Publish(b.subject+kindCommitted, strconv.AppendInt(nil, int64(hints.committed), 10))
	}
	if hints.beaten {
		_ = conn.Publish(b.subject+kindBeaten, nil)
	}
}

// receive takes in what came from NATS. Whoever may publish there may have sent it.
func (b *Bus) receive(m *nats.Msg) {
	n, isNumber := readNumber(m.Data)
	switch kind := strings.TrimPrefix(m.Subject, b.subject); {
	case kind == kindCommitted && isNumber:
		b.in.committed(store.Seq(n))
	case kind == kindLoginEnded && isNumber:
		b.in.loginEnded(store.LoginID(n))
	case kind == kindBeaten && len(m.Data) == 0:
		b.in.beaten()
	default:
		b.cfg.Logger.Debug("a hint over NATS makes no sense", "kind", kind[:min(len(kind), 40)],
			"bytes", len(m.Data), "begins", string(m.Data[:min(len(m.Data), 40)]))
	}
}

// readNumber reads a decimal number above 0.
func readNumber(text []byte) (n int64, ok bool) {
	if len(text) > len("9223372036854775807") {
		return 0, false
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil && n > 0
}

// hear passes hints on until ctx ends.
func (b *Bus) hear(ctx context.Context) {
	for {
		select {
		case <-b.in.wake:
		case <-ctx.Done():
			return
		}
		b.pass(b.in.take())
		if !wait(ctx, breath) {
			return
		}
	}
}

func (b *Bus) pass(hints batch) {
	if hints.missed {
		b.cfg.Hints.Connected()
	}
	if hints.committed > 0 {
		b.cfg.Hints.Committed(hints.committed)
	}
	if hints.beaten {
		b.cfg.Hints.Beaten()
	}
	for id := range hints.ended { // last: there may be many of them, made up
		b.cfg.Hints.LoginEnded(id)
	}
}

// wait waits that long and reports true, or false as soon as ctx ends.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
