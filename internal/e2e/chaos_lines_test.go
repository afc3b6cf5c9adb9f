package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
)

// line is a network between some people and the program. It can be cut, go dark, become slow and break off whatever is
// sent, while the others work.
type line struct {
	t        *testing.T
	address  string // where people dial
	upstream string
	usual    *toxiproxy.Proxy
	up, down *weather
	breaking *toxiproxy.Proxy // in place of usual while each connection is reset
}

func newLine(t *testing.T, address, upstream string) *line {
	t.Helper()
	toxics.Register("weather", new(weather))
	zerolog.SetGlobalLevel(zerolog.Disabled) // a toxic or two write to the global log
	l := &line{t: t, address: address, upstream: upstream}
	l.usual = l.proxy()
	l.up = l.add(l.usual, "weather", "upstream").Toxic.(*weather)
	l.down = l.add(l.usual, "weather", "downstream").Toxic.(*weather)
	l.open(l.usual)
	t.Cleanup(l.cut)
	return l
}

func (l *line) proxy() *toxiproxy.Proxy {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	return toxiproxy.NewProxy(server, "line", l.address, l.upstream)
}

func (l *line) add(p *toxiproxy.Proxy, kind, direction string) *toxics.ToxicWrapper {
	l.t.Helper()
	toxic, err := p.Toxics.AddToxicJson(strings.NewReader(`{"type":"` + kind + `","stream":"` + direction + `"}`))
	if err != nil {
		l.t.Fatal(err)
	}
	return toxic
}

// open takes the line's port. While the line was cut, a connection of somebody else may have got that for a moment.
func (l *line) open(p *toxiproxy.Proxy) {
	l.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		err := p.Start()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatal(err)
		}
	}
}

// cut closes all connections and takes no more.
func (l *line) cut() {
	l.usual.Stop()
	if l.breaking != nil {
		l.breaking.Stop()
		l.breaking = nil
	}
}

// reset has each connection reset as soon as something is sent on it.
func (l *line) reset() {
	l.cut()
	// A proxy of its own: reset_peer must be there before the connection is.
	l.breaking = l.proxy()
	l.add(l.breaking, "reset_peer", "upstream")
	l.add(l.breaking, "reset_peer", "downstream")
	l.open(l.breaking)
}

// turn changes what becomes of what is sent, on open connections too; nil leaves it alone.
func (l *line) turn(up, down toxics.Toxic) {
	l.up.turn(up)
	l.down.turn(down)
}

// calm ends what turn began. What the line has swallowed can't be made up for: those connections are closed.
func (l *line) calm() { l.turn(nil, nil) }

// mend makes the line as good as new, with no connection from before.
func (l *line) mend() {
	l.cut()
	l.calm()
	l.open(l.usual)
}

// weather is the one toxic of a line, and behaves like whichever toxic it is told. Toxiproxy can change the toxics of open
// connections itself, but holds a lock meanwhile that a connection needs to end, and waits for ever if one just does.
type weather struct {
	mu      sync.Mutex
	present toxics.Toxic
	turned  chan struct{} // closed when present is no longer so
}

func (w *weather) turn(toxic toxics.Toxic) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.present = toxic
	if w.turned != nil {
		close(w.turned)
		w.turned = nil
	}
}

func (w *weather) now() (toxics.Toxic, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.turned == nil {
		w.turned = make(chan struct{})
	}
	if w.present == nil {
		return new(toxics.NoopToxic), w.turned
	}
	return w.present, w.turned
}

// Pipe implements toxics.Toxic.
func (w *weather) Pipe(stub *toxics.ToxicStub) {
	for !stub.Closed() {
		toxic, turned := w.now()
		ended := make(chan struct{})
		go func() {
			select {
			case <-turned:
			case <-ended:
				return
			}
			select {
			case stub.Interrupt <- struct{}{}:
			case <-ended:
			}
		}()
		toxic.Pipe(stub)
		close(ended)
		if dark, ok := toxic.(toxics.CleanupToxic); ok {
			dark.Cleanup(stub) // closes it
		}
	}
}
