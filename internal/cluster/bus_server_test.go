package cluster_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
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

// proxy passes connections on to a server until it stalls.
type proxy struct {
	to    string
	flows sync.RWMutex // held by who stalls it
	mu    sync.Mutex
	conns []net.Conn
}

// startProxy starts a proxy for a server and returns its address.
func startProxy(t testing.TB, to string) (p *proxy, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy{to: to}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", p.to)
			if err != nil {
				conn.Close()
				continue
			}
			// A small buffer, so that whoever writes to a stalled proxy soon can't.
			_ = conn.(*net.TCPConn).SetReadBuffer(4096)
			p.keep(conn, there)
			running.Go(func() { p.pass(conn, there) })
			running.Go(func() { p.pass(there, conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.drop()
		running.Wait()
	})
	return p, l.Addr().String()
}

func (p *proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conns...)
}

func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
}

func (p *proxy) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 1024)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.flows.RLock() // a stalled proxy has read this and reads no more
		_, err = to.Write(buf[:n])
		p.flows.RUnlock()
		if err != nil {
			return
		}
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string // of its own certificate
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{path: filepath.Join(t.TempDir(), "ca.pem")}
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "Test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	var der []byte
	a.cert, a.key, der = a.sign(t, template)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(a.path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(t testing.TB, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, der
}

// secure gives a server a certificate for 127.0.0.1.
func (a *authority) secure(t testing.TB) func(*server.Options) {
	t.Helper()
	_, key, der := a.sign(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	return func(o *server.Options) {
		o.TLS, o.TLSTimeout = true, patience.Seconds()
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	}
}
