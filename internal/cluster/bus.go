// Package cluster is how the nodes that serve one workspace know of each other. What is so stands in the store; nodes find
// it there within a second by themselves, and at once by the hints of a [Bus].
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"letstalk/store"
)

// lastWords is how long Close waits for NATS to take what was told before.
const lastWords = 500 * time.Millisecond

// Hints is what a node does when another tells it something. All of them are set. They are called one at a time, from one
// goroutine, and must not block long. None of them is certain to come, and anybody who may use the NATS server can make
// them come, with any number: they are reasons to look into the store, no more.
type Hints struct {
	Committed  func(store.Seq)     // another node has committed changes up to here
	Beaten     func()              // another node has left word of itself in the store
	LoginEnded func(store.LoginID) // another node has ended a login
	Connected  func()              // from now on hints arrive; some may have been missed until now
}

// BusConfig is what a Bus needs to know.
type BusConfig struct {
	URL         string // nats:// or tls:// URLs with commas between; a user and password or a token before the host
	Credentials string // path of a .creds file, empty for none; read again at each connection
	CA          string // path of PEM certificates that sign the servers', empty for the machine's; read again, too
	Workspace   string // id of the workspace: nodes of others hear nothing
	Node        string // by which name NATS shows this node's connection
	Hints       Hints
	Logger      *slog.Logger
}

// Bus carries hints between the nodes of a workspace, over NATS. It connects and reconnects by itself for as long as it is
// open. A nil Bus is none: telling it something does nothing.
type Bus struct {
	cfg     BusConfig
	access  access
	subject string // of all hints of this workspace, up to the kind

	out, in *pile
	conn    atomic.Pointer[nats.Conn] // nil while there is none

	closing chan struct{} // closed by Close
	closed  sync.Once
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Connect returns a bus that connects to NATS in the background; a server that can't be reached is no error. Errors are
// about settings that can never work, each in one line for the person who set them, without secrets.
func Connect(cfg BusConfig) (*Bus, error) {
	access, err := readAccess(cfg.URL)
	if err != nil {
		return nil, err
	}
	if _, err := cfg.options(); err != nil {
		return nil, err
	}
	if !isToken(cfg.Workspace) {
		return nil, fmt.Errorf("the workspace id %q can't be part of a NATS subject", cfg.Workspace)
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Bus{
		cfg: cfg, access: access, subject: "letstalk." + cfg.Workspace + ".",
		out: newPile(), in: newPile(), closing: make(chan struct{}), stop: stop,
	}
	b.running.Go(func() { b.stayConnected(ctx) })
	b.running.Go(func() { b.tell(ctx) })
	b.running.Go(func() { b.hear(ctx) })
	return b, nil
}

// isToken reports whether s can stand between two dots of a subject and mean only itself.
func isToken(s string) bool {
	for _, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && r != '-' && r != '_' {
			return false
		}
	}
	return 0 < len(s) && len(s) <= 64
}

// Committed tells the other nodes that this one has committed changes up to a number. Like all telling it never blocks; what
// is told while there is no connection is lost.
func (b *Bus) Committed(upTo store.Seq) {
	if b != nil {
		b.out.committed(upTo)
	}
}

// Beaten tells the other nodes that this one has left word of itself in the store.
func (b *Bus) Beaten() {
	if b != nil {
		b.out.beaten()
	}
}

// LoginEnded tells the other nodes that this one has ended a login.
func (b *Bus) LoginEnded(id store.LoginID) {
	if b != nil {
		b.out.loginEnded(id)
	}
}

// Ping reports whether NATS answers now, within 2 seconds. No bus is no error.
func (b *Bus) Ping(ctx context.Context) error {
	if b == nil {
		return nil
	}
	conn := b.conn.Load()
	if conn == nil {
		return errors.New("NATS is not connected")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer := make(chan error, 1)
	// Apart, because it waits for the connection's mutex, which whoever writes to a stalled server holds.
	go func() { answer <- conn.FlushWithContext(ctx) }()
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("NATS does not answer: %w", err)
	}
	return nil
}

// Close lets go of NATS, after half a second at most for what was told last. After it returned no hint is called; it must not
// be called by one.
func (b *Bus) Close() {
	if b == nil {
		return
	}
	b.closed.Do(func() { close(b.closing) })
	enough := time.AfterFunc(lastWords, b.stop)
	defer enough.Stop()
	b.running.Wait()
}
