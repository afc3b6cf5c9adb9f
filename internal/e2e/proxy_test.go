package e2e

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// wire is what is between the browsers and the program, and can fail.
type wire struct {
	mu       sync.Mutex
	fails    func(*http.Request) bool // which requests come to nothing
	deaf     func(*http.Request) bool // which requests arrive and are answered, but the answer is lost
	held     func(*http.Request) bool // which requests wait
	posed    func(*http.Request) bool // which requests something else answers
	pose     string                   // what it says
	release  chan struct{}
	muted    map[*http.Request]bool // answers that go on, but nothing of them comes through any more
	requests map[*http.Request]context.CancelFunc
}

func everything(*http.Request) bool { return true }
func nothing(*http.Request) bool    { return false }
func streams(r *http.Request) bool  { return strings.HasSuffix(r.URL.Path, "/events") }
func posts(r *http.Request) bool    { return r.Method == http.MethodPost }

// startBehind runs the program behind a network that can be cut.
func startBehind(t *testing.T) (*site, *wire) {
	t.Helper()
	n := newWire()
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	return n.leadTo(t, server), n
}

// startBehindTLS runs the program behind a proxy that speaks HTTP/2, as browsers know it only with TLS.
func startBehindTLS(t *testing.T) *site {
	t.Helper()
	n := newWire()
	server := httptest.NewUnstartedServer(n)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of browsers that find the certificate strange
	server.StartTLS()
	t.Cleanup(server.Close)
	return n.leadTo(t, server)
}

func newWire() *wire {
	return &wire{fails: nothing, deaf: nothing, held: nothing, posed: nothing, muted: map[*http.Request]bool{}, requests: map[*http.Request]context.CancelFunc{}}
}

// leadTo starts the program and has the server pass everything on to it.
func (n *wire) leadTo(t *testing.T, server *httptest.Server) *site {
	t.Helper()
	at := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	s := start(t, "BASE_URL="+at)
	n.mu.Lock()
	defer n.mu.Unlock()
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: s.listen})
			r.Out.Host = r.In.Host
		},
		FlushInterval: -1,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server.Config.Handler = n.through(proxy)
	return s
}

// aliceBehind is Alice in General, with a network that can be cut.
func aliceBehind(t *testing.T) (*site, *wire, *person) {
	t.Helper()
	s, net := startBehind(t)
	alice := s.visitor("alice", true)
	alice.expectCuts()
	alice.signIn("alice", "/chat/General").live()
	return s, net, alice
}

// ServeHTTP answers while there is no program yet.
func (n *wire) ServeHTTP(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func (n *wire) through(proxy http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		n.mu.Lock()
		fails, deaf, posed, pose := n.fails(r), n.deaf(r), n.posed(r), n.pose
		if n.held(r) {
			release := n.release
			n.mu.Unlock()
			<-release
			n.mu.Lock()
		}
		n.requests[r] = cancel
		n.mu.Unlock()
		defer func() {
			n.mu.Lock()
			delete(n.requests, r)
			delete(n.muted, r)
			n.mu.Unlock()
		}()
		switch {
		case fails:
			panic(http.ErrAbortHandler)
		case deaf:
			proxy.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
			panic(http.ErrAbortHandler)
		case posed:
			_, _ = io.WriteString(w, pose)
			return
		}
		proxy.ServeHTTP(&muffler{w, n, r}, r.WithContext(ctx))
	})
}

// muffler is a way back that can fall silent without an end.
type muffler struct {
	http.ResponseWriter
	wire    *wire
	request *http.Request
}

func (m *muffler) Unwrap() http.ResponseWriter { return m.ResponseWriter }

func (m *muffler) Write(b []byte) (int, error) {
	m.wire.mu.Lock()
	muted := m.wire.muted[m.request]
	m.wire.mu.Unlock()
	if muted {
		return len(b), nil
	}
	return m.ResponseWriter.Write(b)
}

// mute leaves such answers open that are under way, and loses all that is still to come of them: what a network does that
// has forgotten a connection. It returns how many there are.
func (n *wire) mute(which func(*http.Request) bool) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for r := range n.requests {
		if which(r) {
			n.muted[r] = true
		}
	}
	return len(n.muted)
}

// cut breaks off such requests and lets no more through.
func (n *wire) cut(which func(*http.Request) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fails = which
	for r, cancel := range n.requests {
		if which(r) {
			cancel()
		}
	}
}

// lose lets such requests through and loses the answers.
func (n *wire) lose(which func(*http.Request) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.deaf = which
}

// answer has something else answer such requests, with success.
func (n *wire) answer(which func(*http.Request) bool, page string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.posed, n.pose = which, page
}

func (n *wire) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fails, n.deaf, n.posed = nothing, nothing, nothing
}

// hold keeps such requests waiting until release is called.
func (n *wire) hold(which func(*http.Request) bool) (release func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	held := make(chan struct{})
	n.held, n.release = which, held
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.held = nothing
		close(held)
	}
}
