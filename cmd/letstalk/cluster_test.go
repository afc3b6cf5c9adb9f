package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"letstalk/internal/auth"
	"letstalk/internal/devidp"
	"letstalk/internal/pgtest"
)

// workspace is several nodes on one database, as people reach them through one address, with a provider beside them.
type workspace struct {
	t      *testing.T
	env    []string
	origin string // under which people know all of them
	idp    *devidp.Provider
	told   atomic.Pointer[program] // the node that the provider reaches under that address
}

// newWorkspace makes a provider and a database for nodes; env is added to their environment.
func newWorkspace(t *testing.T, env ...string) *workspace {
	t.Helper()
	folder(t)
	server := httptest.NewUnstartedServer(nil)
	c := &workspace{t: t, origin: "http://localhost:" + port(freePort(t))}
	issuer := "http://" + server.Listener.Addr().String()
	var err error
	c.idp, err = devidp.New(devidp.Config{
		Issuer: issuer,
		Clients: []devidp.Client{{
			ID: "letstalk", Secret: "secret", RedirectURIs: []string{c.origin + auth.CallbackPath}, PostLogoutRedirectURIs: []string{c.origin + "/"},
			BackchannelLogoutURI: c.origin + "/users/backchannel-logout",
		}},
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, c.told.Load().at)
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = c.idp
	server.Start()
	t.Cleanup(server.Close)
	c.env = append([]string{
		"LISTEN=127.0.0.1:0", "BASE_URL=" + c.origin, "DATABASE_URL=" + pgtest.Shared(t).Database(t),
		"OIDC_ISSUER=" + issuer, "OIDC_CLIENT_ID=letstalk", "OIDC_CLIENT_SECRET=secret", "SESSION_KEY=" + strings.Repeat("k", 40),
	}, env...)
	return c
}

// node starts one more node.
func (c *workspace) node() *program {
	c.t.Helper()
	p := launch(c.t, nil, c.env...)
	_, at, _ := strings.Cut(strings.TrimSuffix(p.says, "."), "It listens on ")
	p.base, p.at = c.origin, at
	c.told.Store(p)
	return p
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// bus starts a NATS server.
func bus(t *testing.T) (url string) {
	t.Helper()
	s, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS does not start")
	}
	return s.ClientURL()
}

// moveTo has a visitor's next requests answered by another node, as a proxy that knows no sessions does.
func (v *visitor) moveTo(p *program) {
	v.CloseIdleConnections()
	v.program = p
}

// post sends a message to General.
func (v *visitor) post(words, nonce string) page {
	v.t.Helper()
	return v.got(v.PostForm(v.program.base+"/chat/General/messages", url.Values{"body": {words}, "nonce": {nonce}}))
}

// stream opens the stream of General at the visitor's node and reads its hello.
func (v *visitor) stream() *bufio.Reader {
	v.t.Helper()
	stream, _ := v.leavableStream()
	return stream
}

// leavableStream is a stream that can be left.
func (v *visitor) leavableStream() (stream *bufio.Reader, leave func()) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	v.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.program.base+"/chat/General/events", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := v.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.t.Fatalf("%v, %v\n%s", resp, err, v.program.log)
	}
	v.t.Cleanup(func() { resp.Body.Close() })
	in := bufio.NewReader(resp.Body)
	event(v.t, in, "hello")
	return in, cancel
}

// says reads a stream up to a line with a text.
func says(t *testing.T, stream *bufio.Reader, text string) {
	t.Helper()
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			t.Fatalf("it never says %q: %v", text, err)
		}
		if strings.Contains(line, text) {
			return
		}
	}
}

func TestNodes(t *testing.T) {
	everyNode(t, func(t *testing.T, c *workspace) {
		one, two := c.node(), c.node()
		alice, bob := one.visitor(), two.visitor()
		alice.signIn("alice", "/chat/General")
		bob.signIn("bob", "/chat/General")
		stream := bob.stream()

		alice.post("from one to the other", "1")
		says(t, stream, "from one to the other")

		// The same form to another node is the same post.
		alice.moveTo(two)
		again := alice.post("from one to the other", "1")
		if n := strings.Count(again.Find("#messages").Text(), "from one to the other"); n != 1 {
			t.Errorf("it is there %d times", n)
		}

		// A login is ended at one node, its stream is on the other.
		bob.moveTo(one)
		bob.got(bob.PostForm(one.base+"/users/logout", nil))
		event(t, stream, "auth")
	})
}

func TestPeopleOfAllNodesAreHere(t *testing.T) {
	c := newWorkspace(t, "NATS_URL="+bus(t))
	one, two := c.node(), c.node()
	alice, bob := one.visitor(), two.visitor()
	alice.signIn("alice", "/chat/General")
	bob.signIn("bob", "/chat/General")
	stream := bob.stream()
	_, leave := alice.leavableStream()
	says(t, stream, "Alice Adams")
	if here := bob.open("/chat/General").Find(".room__people").Text(); !strings.Contains(here, "Alice Adams") || !strings.Contains(here, "Bob") {
		t.Errorf("on the page are %q", here)
	}
	// She moves to the other node; that she left the first one is nobody's business.
	leave()
	alice.moveTo(two)
	alice.stream()
	bob.post("still here", "1")
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "has left") {
			t.Errorf("it says %s", line)
		}
		if strings.Contains(line, "still here") {
			return
		}
	}
}

func TestRateLimitHoldsForAllNodesTogether(t *testing.T) {
	c := newWorkspace(t, "NATS_URL="+bus(t))
	one, two := c.node(), c.node()
	alice := one.visitor()
	alice.signIn("alice", "/chat/General")
	for i := range 119 {
		if refused := alice.post("much to say", fmt.Sprint(i)); refused.StatusCode != http.StatusOK {
			t.Fatalf("%s after %d", refused.Status, i)
		}
	}
	alice.moveTo(two)
	pace := time.NewTicker(20 * time.Millisecond) // what one node counts reaches the other a moment later
	defer pace.Stop()
	for i := range 118 {
		if alice.post("and more", fmt.Sprint("more ", i)).StatusCode == http.StatusTooManyRequests {
			return
		}
		<-pace.C
	}
	t.Error("two nodes let through what one would not")
}

func TestBusThatCanNotBe(t *testing.T) {
	c := newWorkspace(t)
	for setting, want := range map[string]string{
		"NATS_URL=http://nats.example.org": "NATS_URL",
		"NATS_CA=/nowhere/ca.pem":          "NATS_CA",
		"NATS_CREDENTIALS=/nowhere/creds":  "NATS_CREDENTIALS",
	} {
		text := refused(t, nil, append(c.env, "NATS_URL=nats://me:hunter2@127.0.0.1:1", setting)...)
		if !strings.Contains(text, want) || strings.Contains(text, "\n") || strings.Contains(text, "hunter2") {
			t.Errorf("%s: %q is not one line about it", setting, text)
		}
	}
}

func TestSignInBeginsAtOneNodeAndEndsAtAnother(t *testing.T) {
	c := newWorkspace(t)
	one, two := c.node(), c.node()
	alice := one.visitor()
	alice.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == auth.CallbackPath {
			alice.moveTo(two)
		}
		return nil
	}
	room := alice.signIn("alice", "/chat/General")
	if alice.program != two || room.Find(".header__who").Length() != 1 {
		t.Errorf("she came to %s", room.Request.URL)
	}
}

func TestDatabaseRestartsWhilePeopleTalk(t *testing.T) {
	c := newWorkspace(t)
	server := pgtest.New(t) // its own, to stop it
	c.env = append(c.env, "DATABASE_URL="+server.Database(t))
	one, two := c.node(), c.node()
	alice, bob := one.visitor(), two.visitor()
	alice.signIn("alice", "/chat/General")
	bob.signIn("bob", "/chat/General")
	stream := bob.stream()
	for _, mode := range []string{"fast", "immediate"} {
		if err := server.Stop(mode); err != nil {
			t.Fatal(err)
		}
		posted := make(chan int, 1)
		go func() {
			resp, err := alice.PostForm(one.base+"/chat/General/messages", url.Values{"body": {"while it is away: " + mode}, "nonce": {mode}})
			if err != nil {
				t.Error(err)
				posted <- 0
				return
			}
			resp.Body.Close()
			posted <- resp.StatusCode
		}()
		if err := server.Run(); err != nil {
			t.Fatal(err)
		}
		if status := <-posted; status != http.StatusOK {
			t.Errorf("the post that waited is answered with %d\n%s", status, one.log)
		}
		says(t, stream, "while it is away: "+mode)
	}
}

func TestDatabaseThatStaysAwayIsToldOf(t *testing.T) {
	c := newWorkspace(t)
	server := pgtest.New(t) // its own, to stop it
	c.env = append(c.env, "DATABASE_URL="+server.Database(t))
	one := c.node()
	alice := one.visitor()
	alice.signIn("alice", "/chat/General")
	if err := server.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	answer := alice.post("nobody is there to keep this", "1")
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" ||
		!strings.Contains(answer.Text(), "nobody is there to keep this") {
		t.Errorf("%s, Retry-After %q: %s", answer.Status, answer.Header.Get("Retry-After"), answer.Text())
	}
}
