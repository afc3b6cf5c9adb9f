package sqlstore

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"letstalk/internal/pgtest"
)

// gate stands between the store and a PostgreSQL server and loses commits.
type gate struct {
	server string // socket
	lose   atomic.Int32
}

// What a gate does with the next commits.
const (
	letThrough int32 = iota
	loseAnswer       // the server commits, nobody hears of it
	loseCommit       // the server never hears of it
)

// newGate returns a gate and the URL of the database behind it.
func newGate(t *testing.T) (*gate, string) {
	t.Helper()
	server := pgtest.Shared(t)
	u, err := url.Parse(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, filepath.Base(server.Socket())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g := &gate{server: server.Socket()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go g.pass(conn)
		}
	}()
	q := u.Query()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return g, u.String()
}

func (g *gate) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", g.server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte("commit\x00")) && g.commit(client, server, buf[:n]) {
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// commit reports whether a commit was lost, and the connection with it.
func (g *gate) commit(client, server net.Conn, message []byte) bool {
	switch g.lose.Load() {
	case loseAnswer:
		g.lose.Store(letThrough)
		client.Close() // before the server can answer
		_, _ = server.Write(message)
		// The server ends the connection once it is done, because it is told to.
		_, _ = server.Write([]byte{'X', 0, 0, 0, 4})
		_, _ = io.Copy(io.Discard, server)
		return true
	case loseCommit:
		g.lose.Store(letThrough)
		return true
	}
	return false
}
