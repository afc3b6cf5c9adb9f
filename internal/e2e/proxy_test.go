package e2e

import (
	"context"
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
	release  chan struct{}
	requests map[*http.Request]context.CancelFunc
}

func everything(*http.Request) bool { return true }
func nothing(*http.Request) bool    { return false }
func streams(r *http.Request) bool  { return strings.HasSuffix(r.URL.Path, "/events") }
func posts(r *http.Request) bool    { return r.Method == http.MethodPost }

// startBehind runs the program behind a network that can be cut.
func startBehind(t *testing.T) (*site, *wire) {
	t.Helper()
	n := &wire{fails: nothing, deaf: nothing, held: nothing, requests: map[*http.Request]context.CancelFunc{}}
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
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
	return s, n
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
		fails, deaf := n.fails(r), n.deaf(r)
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
			n.mu.Unlock()
		}()
		switch {
		case fails:
			panic(http.ErrAbortHandler)
		case deaf:
			proxy.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r.WithContext(ctx))
	})
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

func (n *wire) mend() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fails, n.deaf = nothing, nothing
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
