package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/cluster"
	"letstalk/store"
)

const (
	sayLost        = "the connection to NATS is lost; until then new messages of other nodes take up to a second"
	sayConnected   = "NATS is connected"
	sayUnreachable = "NATS can't be reached;"
)

func inWorkspace(id string) func(*cluster.BusConfig) {
	return func(c *cluster.BusConfig) { c.Workspace = id }
}

func TestHintsReachTheOtherNodesOfTheWorkspaceAndNotTheSender(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, -1)
	a, b, c := join(t, "nats://"+address), join(t, "nats://"+address), join(t, "nats://"+address)
	foreign, neighbour := join(t, "nats://"+address, inWorkspace("WS2")), join(t, "nats://"+address, inWorkspace("WS2"))
	for _, n := range []*node{a, b, c, foreign, neighbour} {
		n.connects(t, 1)
	}
	a.Committed(7)
	a.Beaten()
	a.LoginEnded(3)
	for _, n := range []*node{b, c} {
		n.hearsCommitted(t, 7)
		n.heard(t, "heard all", func() bool { return n.beaten == 1 && slices.Equal(n.ended, []store.LoginID{3}) })
	}
	// What is said next is heard by those who heard nothing yet, so nothing is on the way to them.
	b.Committed(8)
	a.hearsCommitted(t, 8)
	foreign.Committed(9)
	neighbour.hearsCommitted(t, 9)
	for n, want := range map[*node][]store.Seq{a: {8}, b: {7}, c: {7, 8}, foreign: nil, neighbour: {9}} {
		n.heard(t, fmt.Sprint(want), func() bool { return slices.Equal(n.committed, want) })
		if n != b && n != c && (n.beaten > 0 || n.ended != nil) {
			t.Errorf("a node heard what was not for it: %d beats, %d logins", n.beaten, n.ended)
		}
	}
}

func TestServerThatComesBackIsFoundAgain(t *testing.T) {
	t.Parallel()
	s, address := startNATS(t, -1)
	a, b := join(t, "nats://"+address), join(t, "nats://"+address)
	a.connects(t, 1)
	b.connects(t, 1)
	stopNATS(s)
	a.log.says(t, sayLost)
	b.log.says(t, sayLost)
	if err := a.Ping(t.Context()); err == nil {
		t.Error("the server is away and answers")
	}
	a.Committed(1)
	a.LoginEnded(1)

	startNATS(t, portOf(t, address))
	a.connects(t, 2)
	b.connects(t, 2)
	if err := a.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	a.Committed(2)
	b.hearsCommitted(t, 2)
	b.Committed(3)
	a.hearsCommitted(t, 3)
	if diff := cmp.Diff([]store.Seq{2}, b.committed); diff != "" || b.ended != nil {
		t.Errorf("told while there was no connection, and heard: %s %d", diff, b.ended)
	}
	if diff := cmp.Diff([]store.Seq{3}, a.committed); diff != "" {
		t.Errorf("a node heard itself after it connected again: %s", diff)
	}
	a.log.wants(t, sayLost, 1)
	a.log.wants(t, sayConnected, 2)
	a.log.wants(t, sayUnreachable, 0)
}

func TestServerThatIsAwayAtTheStartIsFoundLater(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	// Of several servers one is enough.
	url := "nats://" + freeAddress(t) + ", nats://" + address
	a, b := join(t, url), join(t, url)
	a.log.says(t, sayUnreachable)
	a.Committed(1)
	if err := a.Ping(t.Context()); err == nil {
		t.Error("there is no server and it answers")
	}
	startNATS(t, portOf(t, address))
	a.connects(t, 1)
	b.connects(t, 1)
	a.Committed(2)
	b.hearsCommitted(t, 2)
	a.log.wants(t, sayUnreachable, 1)
	a.log.wants(t, sayLost, 0)
}

func TestServerThatNeverSpeaksHoldsNothingUp(t *testing.T) {
	t.Parallel()
	accepted := make(chan struct{}, 100)
	address := listen(t, func(net.Conn) { accepted <- struct{}{} })
	n := join(t, "nats://"+address)
	<-accepted
	n.Committed(1)
	n.Beaten()
	n.LoginEnded(1)
	if err := n.Ping(t.Context()); err == nil {
		t.Error("it answers")
	}
	<-accepted // the first try has ended
	<-accepted
	n.log.wants(t, sayUnreachable, 1)
	n.Close()
}

func TestServerThatStallsHoldsNothingUpAndIsNoticed(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, -1)
	p, through := startProxy(t, address)
	a, b := join(t, "nats://"+through), join(t, "nats://"+address)
	a.connects(t, 1)
	b.connects(t, 1)

	p.flows.Lock()
	for i := range store.Seq(100_000) {
		a.Committed(i)
		a.Beaten()
		a.LoginEnded(store.LoginID(i))
	}
	a.log.wants(t, sayLost, 0) // whoever waited for the server would have waited until now
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Ping(ctx); err == nil {
		t.Error("a stalled server answers")
	}
	a.log.says(t, sayLost)
	p.flows.Unlock()

	a.connects(t, 2)
	a.Committed(100_001)
	b.hearsCommitted(t, 100_001)
}

func TestCloseTellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, -1)
	a, b := join(t, "nats://"+address), join(t, "nats://"+address)
	a.connects(t, 1)
	b.connects(t, 1)
	a.LoginEnded(5)
	a.Committed(6)
	a.Close()
	a.Close()
	b.hearsCommitted(t, 6)
	if diff := cmp.Diff([]store.LoginID{5}, b.ended); diff != "" {
		t.Error(diff)
	}
	a.Committed(7)
	if err := a.Ping(t.Context()); err == nil {
		t.Error("a closed bus is connected")
	}
}

func TestCloseDoesNotWaitForAStalledServer(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, -1)
	p, through := startProxy(t, address)
	n := join(t, "nats://"+through)
	n.connects(t, 1)
	p.flows.Lock()
	defer p.flows.Unlock()
	n.Committed(1)
	n.Close()
	n.log.wants(t, sayLost, 0) // which would be logged after four seconds
}

func TestWithoutABusTellingDoesNothing(t *testing.T) {
	var b *cluster.Bus
	b.Committed(1)
	b.Beaten()
	b.LoginEnded(1)
	if err := b.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	b.Close()
}

func TestLogShowsNoSecretsThatTheServerRepeats(t *testing.T) {
	t.Parallel()
	address := listen(t, func(conn net.Conn) {
		fmt.Fprint(conn, `INFO {"server_id":"x","max_payload":1000,"proto":1}`+"\r\n")
		line, _ := bufio.NewReader(conn).ReadString('\n')
		fmt.Fprintf(conn, "-ERR 'what is this: %.500s'\r\n", line)
	})
	for _, who := range []string{"bob:s3cret", "s3cret"} {
		n := join(t, "nats://"+who+"@"+address)
		n.log.says(t, "what is this")
		n.log.wants(t, "s3cret", 0)
	}
}
