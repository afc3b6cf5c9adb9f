package main

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestARelayCarriesBothWaysUntilEitherEnds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	server, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	r, err := newRelay(socket, 2*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []string{"client", "server"} {
		near, err := net.Dial("tcp", r.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		long := strings.Repeat("0123456789", 10_000)
		for _, way := range []struct{ from, to net.Conn }{{near, far}, {far, near}} {
			go func() { _, _ = io.WriteString(way.from, long) }() // what is missing is noticed at the other end
			got := make([]byte, len(long))
			if _, err := io.ReadFull(way.to, got); err != nil || string(got) != long {
				t.Fatalf("%v, %d bytes", err, len(got))
			}
		}
		one, other := near, far
		if first == "server" {
			one, other = far, near
		}
		if err := one.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := other.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("after the %s has ended: %d bytes, %v", first, n, err)
		}
		_ = other.Close()
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}

func TestFiguresAreSetAgainstTheFirstSetup(t *testing.T) {
	f := newFigure("posts/s", thousands, true)
	f.add(0, 1000)
	f.add(1, 400)
	f.add(1, 500)
	f.add(1, 3000)
	var b strings.Builder
	if err := writeTables(&b, rowsOf(f)); err != nil {
		t.Fatal(err)
	}
	if want := "| posts/s | 1,000 | 500 (0.50 ×) |  |  |\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("%s\nwant at its end %s", b.String(), want)
	}
}
