package pgtest

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the server of this test process; a second one would cost each package its start.
var shared struct {
	sync.Mutex
	server *Server
	err    error
	main   bool
}

// Main runs the tests of a package that uses Shared, and closes that server after them. It is for TestMain, which
// exits with the code that Main returns.
func Main(m *testing.M) int {
	shared.Lock()
	shared.main = true
	shared.Unlock()
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// Shared is the server that all tests of the process share, each with databases of its own. The first test that asks
// starts it. It must not be stopped: who wants that takes a New one.
func Shared(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if !shared.main {
		t.Fatal("pgtest.Shared wants a TestMain that calls pgtest.Main, so that somebody closes the server")
	}
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = Start()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}
