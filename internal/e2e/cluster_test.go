package e2e

import (
	"fmt"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"letstalk/internal/auth"
	"letstalk/internal/devidp"
	"letstalk/internal/pgtest"
)

// nodes is how many programs serve a workspace together, as many as the documented configuration of nginx has.
const nodes = 3

// cluster is several programs on one PostgreSQL and one NATS, behind one nginx: all of it real, and all on this machine.
type cluster struct {
	*door
	nodes    []*program
	nginx    *nginx
	database *pgtest.Server
	url      string // of the database
	nats     *bus
}

// startCluster runs a cluster on a server of PostgreSQL. People find it at an address that leads to nginx's own.
func startCluster(t *testing.T, database *pgtest.Server, at string) *cluster {
	t.Helper()
	c := &cluster{door: &door{t: t}, database: database, nats: startBus(t)}
	c.url = c.database.Database(t)
	addresses := make([]string, nodes)
	for i := range addresses {
		addresses[i] = freeAddress(t)
	}
	c.base = "https://" + strings.Replace(at, "127.0.0.1", "localhost", 1)
	env := append(provide(t, c.base), "BASE_URL="+c.base, "DATABASE_URL="+c.url, "NATS_URL=nats://"+c.nats.line.address,
		"SESSION_KEY="+strings.Repeat("k", 40), "TRUSTED_PROXIES=127.0.0.1", "RATE_LIMIT=off")
	for _, address := range addresses {
		c.nodes = append(c.nodes, &program{dir: t.TempDir(), env: env, address: address, debug: freeAddress(t), insists: true})
	}
	t.Cleanup(func() { c.each((*program).stop) })
	c.each((*program).run)
	if t.Failed() {
		t.FailNow()
	}
	c.nginx = startNginx(t, c.base, addresses)
	c.listen, c.trust, c.written = c.nginx.listen, c.nginx.trust, c.logs
	return c
}

// each does something with all nodes at the same time.
func (c *cluster) each(do func(*program) error) {
	var all sync.WaitGroup
	for i, n := range c.nodes {
		all.Go(func() {
			if err := do(n); err != nil {
				c.t.Errorf("node %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

func (c *cluster) logs() string {
	var b strings.Builder
	for i, n := range c.nodes {
		fmt.Fprintf(&b, "node %d:\n%s\n", i, n.log.String())
	}
	return b.String()
}

// provide runs a development provider and returns what a program must know of it.
func provide(t *testing.T, base string) []string {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	issuer := "http://" + s.Listener.Addr().String()
	idp, err := devidp.New(devidp.Config{Issuer: issuer, Clients: []devidp.Client{{
		ID: "letstalk", Secret: "secret", RedirectURIs: []string{base + auth.CallbackPath}, PostLogoutRedirectURIs: []string{base + "/"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Handler = idp
	s.Start()
	t.Cleanup(s.Close)
	return []string{"OIDC_ISSUER=" + issuer, "OIDC_CLIENT_ID=letstalk", "OIDC_CLIENT_SECRET=secret"}
}

// bus is a NATS server at the end of a line.
type bus struct {
	t      *testing.T
	line   *line
	server *server.Server // nil while it is away
}

func startBus(t *testing.T) *bus {
	t.Helper()
	b := &bus{t: t, line: newLine(t, freeAddress(t), freeAddress(t))}
	if err := b.run(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill)
	return b
}

func (b *bus) run() error {
	host, port, err := net.SplitHostPort(b.line.upstream)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	if b.server, err = server.NewServer(&server.Options{Host: host, Port: number, NoSigs: true, NoLog: true}); err != nil {
		return err
	}
	b.server.Start()
	if !b.server.ReadyForConnections(patience) {
		return fmt.Errorf("NATS does not start at %s", b.line.upstream)
	}
	return nil
}

// kill ends the server and all its connections; it keeps nothing anyway.
func (b *bus) kill() {
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
		b.server = nil
	}
}
