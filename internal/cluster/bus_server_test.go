package cluster_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"letstalk/internal/cluster"
	"letstalk/store"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// eventually waits until something nobody tells us about is so.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline, look := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// startNATS starts a server on a port of 127.0.0.1, a free one if that is -1, and returns it and its address.
func startNATS(t testing.TB, port int, set ...func(*server.Options)) (s *server.Server, address string) {
	t.Helper()
	opts := &server.Options{Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true}
	for _, f := range set {
		f(opts)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { stopNATS(s) })
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS does not start")
	}
	return s, s.Addr().String()
}

func stopNATS(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func portOf(t testing.TB, address string) (port int) {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(text, &port); err != nil {
		t.Fatal(err)
	}
	return port
}

// freeAddress is one at which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// node is a bus and what it heard and logged.
type node struct {
	*cluster.Bus
	log *journal

	mu        sync.Mutex
	committed []store.Seq
	ended     []store.LoginID
	beaten    int
	connected int
}

// join connects a node of the workspace WS, or as set says, until the test ends.
func join(t testing.TB, url string, set ...func(*cluster.BusConfig)) *node {
	t.Helper()
	n := &node{log: &journal{}}
	cfg := cluster.BusConfig{
		URL: url, Workspace: "WS", Node: "node",
		Logger: slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Hints: cluster.Hints{
			Committed:  func(s store.Seq) { n.note(func() { n.committed = append(n.committed, s) }) },
			LoginEnded: func(id store.LoginID) { n.note(func() { n.ended = append(n.ended, id) }) },
			Beaten:     func() { n.note(func() { n.beaten++ }) },
			Connected:  func() { n.note(func() { n.connected++ }) },
		},
	}
	for _, f := range set {
		f(&cfg)
	}
	bus, err := cluster.Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.Bus = bus
	t.Cleanup(bus.Close)
	return n
}

func (n *node) note(what func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	what()
}

// heard waits for something about what the node heard to be so.
func (n *node) heard(t testing.TB, what string, holds func() bool) {
	t.Helper()
	eventually(t, what, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return holds()
	})
}

func (n *node) connects(t testing.TB, times int) {
	t.Helper()
	n.heard(t, fmt.Sprintf("connected %d times", times), func() bool { return n.connected >= times })
}

func (n *node) hearsCommitted(t testing.TB, upTo store.Seq) {
	t.Helper()
	n.heard(t, fmt.Sprintf("heard of commits up to %d", upTo), func() bool {
		return len(n.committed) > 0 && n.committed[len(n.committed)-1] == upTo
	})
}

// journal is a log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) count(words string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), words)
}

// says waits for words in the log.
func (j *journal) says(t testing.TB, words string) {
	t.Helper()
	eventually(t, "the log says "+words, func() bool { return j.count(words) > 0 })
}

// wants checks how often the log has said something by now.
func (j *journal) wants(t testing.TB, words string, times int) {
	t.Helper()
	if got := j.count(words); got != times {
		t.Errorf("the log says %q %d times, want %d:\n%s", words, got, times, j.text.String())
	}
}
