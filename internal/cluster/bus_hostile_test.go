package cluster_test

import (
	"bytes"
	"log/slog"
	"math"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"letstalk/internal/cluster"
)

// stranger is somebody else on the same NATS.
func stranger(t testing.TB, address string) *nats.Conn {
	t.Helper()
	c, err := nats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestHintsThatMakeNoSenseAreIgnored(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, -1)
	n := join(t, "nats://"+address)
	n.connects(t, 1)
	c := stranger(t, address)
	huge := bytes.Repeat([]byte("9"), 900_000)
	ignored := 0
	for kind, payloads := range map[string][]string{
		"committed":               {"", "0", "-1", "1.5", "nine", "\x00\xff", "9223372036854775808", "{}", string(huge)},
		"login-ended":             {"", "0", "-1", "everybody", string(huge)},
		"beaten":                  {"yes", string(huge)},
		"typing":                  {"", "1"},
		strings.Repeat("x", 2000): {"", "1"},
		"\"><script>\x1b[31m":     {"1"},
	} {
		for _, p := range payloads {
			if err := c.Publish("letstalk.WS."+kind, []byte(p)); err != nil {
				t.Fatal(kind, err)
			}
			if err := c.Flush(); err != nil {
				t.Fatal(kind, err)
			}
			ignored++
		}
	}
	// Headers are of no interest, and neither is who asks for an answer.
	ask := nats.NewMsg("letstalk.WS.committed")
	ask.Header.Set("Nats-Msg-Id", "x")
	ask.Reply, ask.Data = "letstalk.WS.committed", []byte("5")
	if err := c.PublishMsg(ask); err != nil {
		t.Fatal(err)
	}
	n.hearsCommitted(t, 5)
	n.log.wants(t, "a hint over NATS makes no sense", ignored)
	n.log.wants(t, "level=WARN", 0)
	if len(n.committed) != 1 || n.ended != nil || n.beaten != 0 || n.connected != 1 {
		t.Errorf("heard %d, %d, %d beats, connected %d times", n.committed, n.ended, n.beaten, n.connected)
	}

	// The largest number there is may come, and later ones are heard all the same.
	for _, p := range []string{"9223372036854775807", "6"} {
		if err := c.Publish("letstalk.WS.committed", []byte(p)); err != nil {
			t.Fatal(err)
		}
		if p == "6" {
			n.hearsCommitted(t, 6)
		} else {
			n.hearsCommitted(t, math.MaxInt64)
		}
	}
	n.log.wants(t, strings.Repeat("9", 41), 0)
	n.log.wants(t, strings.Repeat("x", 41), 0)
	n.log.wants(t, "\x1b", 0)
}

// slowLog takes its time with what makes no sense.
type slowLog struct {
	journal
	patient chan struct{}
}

// Write implements io.Writer.
func (l *slowLog) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("makes no sense")) {
		<-l.patient
	}
	return l.journal.Write(p)
}

func TestFloodDoesNotDeafen(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, -1)
	log := &slowLog{patient: make(chan struct{})}
	n := join(t, "nats://"+address, func(c *cluster.BusConfig) {
		c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	n.connects(t, 1)
	c := stranger(t, address)
	publish := func(payload []byte) {
		if err := c.Publish("letstalk.WS.committed", payload); err != nil {
			t.Fatal(err)
		}
	}
	for range 16 {
		publish(bytes.Repeat([]byte("9"), 1<<20))
	}
	n.connects(t, 2) // more came than may wait, and who missed hints by that is told
	close(log.patient)
	eventually(t, "heard again", func() bool {
		publish([]byte("5"))
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.committed) > 0
	})
	log.wants(t, "level=WARN", 0)
}

// ours counts the goroutines of buses and of NATS clients.
func ours() int {
	stacks := make([]byte, 1<<22)
	n := 0
	for stack := range bytes.SplitSeq(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		if bytes.Contains(stack, []byte("cluster.(*Bus)")) || bytes.Contains(stack, []byte("nats-io/nats.go")) {
			n++
		}
	}
	return n
}

// It does not run beside the others, or it would count their goroutines.
func TestCloseLeavesNothingBehind(t *testing.T) {
	before := ours()
	s, address := startNATS(t, -1)
	n := join(t, "nats://"+address)
	n.connects(t, 1)
	stopNATS(s)
	n.log.says(t, sayLost)
	startNATS(t, portOf(t, address))
	n.connects(t, 2)
	away := join(t, "nats://"+freeAddress(t))
	away.log.says(t, sayUnreachable)
	silent := join(t, "nats://"+listen(t, func(net.Conn) {}))
	if ours() <= before {
		t.Error("the goroutines of a bus are not recognised")
	}
	for _, n := range []*node{n, away, silent} {
		n.Close()
	}
	eventually(t, "the goroutines have ended", func() bool { return ours() <= before })
}
