package e2e

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	chaosSeeds = flag.Int("chaos.seeds", 0, "how many seeds of chaos to run at full size; 0 for one that is small")
	chaosSeed  = flag.Uint64("chaos.seed", 1, "the first of them")
)

const (
	accounts = 4 // writers
	lines    = 4 // the first one is the pages'
	tabs     = 3 // of one person; one more page is a typist's
)

var names = [accounts]string{"alice", "bob", "carol", "mallory"}

// TestChaos is the promise that nothing which was acknowledged is lost and nothing shows twice, against whatever can go
// wrong: a program that crashes, stops and stands still, networks that fail in every way, people who come and go.
func TestChaos(t *testing.T) {
	seeds, size := *chaosSeeds, large
	if seeds == 0 {
		seeds, size = 1, small
	}
	for i := range seeds {
		seed := *chaosSeed + uint64(i)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			story(t)
			p := draw(seed, size)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("To do this again: make chaos SEED=%d SEEDS=%d. What went wrong on purpose:\n%s", seed, min(1, *chaosSeeds), p)
				}
			})
			begin := time.Now()
			c := newChaos(t, p)
			c.open()
			c.storm()
			base := c.lull()
			c.settle()
			pages := c.readPages()
			c.close()
			rest := c.backTo(base)
			c.site.stop()
			c.compare(c.kept(), pages)
			t.Log(c.figures(base, rest, time.Since(begin)))
		})
	}
}

// chaos is one run of a plan.
type chaos struct {
	*testing.T
	plan    *plan
	site    *site
	debug   string // where the program tells about itself
	lines   [lines]*line
	callers [accounts]*caller // past all lines
	writers [accounts]*writer
	typist  *typist
	readers []*reader
	pages   [tabs + 1]*openPage

	work    sync.WaitGroup // readers
	leave   context.CancelFunc
	writing sync.WaitGroup
}

func newChaos(t *testing.T, p *plan) *chaos {
	t.Helper()
	c := &chaos{T: t, plan: p, debug: freeAddress(t)}
	var at [lines]string
	for i := range at {
		at[i] = freeAddress(t)
	}
	base := "http://" + strings.Replace(at[0], "127.0.0.1", "localhost", 1)
	c.site = start(t, "BASE_URL="+base, "DEBUG_LISTEN="+c.debug)
	t.Cleanup(c.thaw) // or it could not stop
	for i := range c.lines {
		c.lines[i] = newLine(t, at[i], c.site.listen)
	}
	for i, name := range names {
		c.callers[i] = c.site.caller(name)
		c.writers[i] = &writer{number: i, seed: p.seed, base: base, client: c.client(i, i), posts: map[int]*posted{}}
	}
	for i := range p.size.readers {
		room := "General"
		if i%8 == 7 {
			room = "Music"
		}
		c.readers = append(c.readers, newReader(fmt.Sprint("reader ", i), room, base, c.client(i, i/accounts), uint64(i)))
	}
	return c
}

// client is a person's HTTP client that goes over one of the lines.
func (c *chaos) client(account, l int) *http.Client {
	address := c.lines[l%lines].address
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	c.Cleanup(transport.CloseIdleConnections)
	person := c.callers[account%accounts].client
	return &http.Client{Jar: person.Jar, CheckRedirect: person.CheckRedirect, Transport: transport}
}

// open writes some history and has everybody come in.
func (c *chaos) open() {
	c.Helper()
	for i, w := range c.writers {
		if err := w.perform(c.Context(), time.Now(), c.plan.writers[i].before); err != nil {
			c.Fatal(err)
		}
	}
	alice := c.site.visitor("alice", true)
	c.pages[0] = &openPage{person: alice}
	c.expectTrouble(alice)
	alice.signIn("alice", "/chat/General").live()
	for i := 1; i < tabs; i++ {
		tab := alice.tab()
		tab.name = fmt.Sprintf("alice in tab %d", i)
		c.expectTrouble(tab)
		tab.open("/chat/General")
		tab.live()
		c.pages[i] = &openPage{person: tab}
	}
	bob := c.site.visitor("bob", true)
	c.expectTrouble(bob)
	c.pages[tabs] = &openPage{person: bob.signIn("bob", "/chat/General").live()}
	c.typist = &typist{openPage: c.pages[tabs]}

	ctx, cancel := context.WithCancel(c.Context())
	c.leave = cancel
	for _, r := range c.readers {
		c.work.Go(func() { r.follow(ctx) })
	}
	c.Cleanup(func() { cancel(); c.work.Wait() })
}

func (c *chaos) expectTrouble(p *person) {
	p.expectCuts()
	p.expect("status of 500")
}

// storm lets things go wrong until the plan has come to its end. The writers go on beyond that.
func (c *chaos) storm() {
	c.Helper()
	begin := time.Now()
	write := func(perform func(context.Context, time.Time, []op) error, ops ...[]op) {
		c.writing.Go(func() {
			for _, ops := range ops {
				if err := perform(c.Context(), begin, ops); err != nil {
					if c.Context().Err() == nil {
						c.Error(err)
					}
					return
				}
			}
		})
	}
	for i, w := range c.writers {
		write(w.perform, c.plan.writers[i].during, c.plan.writers[i].after)
	}
	write(c.typist.perform, c.plan.typed)
	c.Cleanup(c.writing.Wait)
	for _, e := range c.plan.events {
		if err := wait(c.Context(), begin.Add(e.at)); err != nil {
			c.Fatal(err)
		}
		e.do(c)
	}
}

func (c *chaos) kill() { c.site.kill() }
func (c *chaos) stop() { c.site.stop() }
func (c *chaos) run()  { c.site.run() }

func (c *chaos) freeze() { _ = c.site.cmd.Process.Signal(syscall.SIGSTOP) }
func (c *chaos) thaw()   { _ = c.site.cmd.Process.Signal(syscall.SIGCONT) }

// lull starts the program once more and measures it: somebody was there once, nobody is now. Then it lets everybody come
// back.
func (c *chaos) lull() usage {
	c.Helper()
	for _, l := range c.lines {
		l.cut()
	}
	c.site.restart()
	visitor := c.site.caller("carol")
	response, err := visitor.client.Get(c.site.base + "/chat/General")
	if err != nil {
		c.Fatal(err)
	}
	text(c.T, response)
	visitor.client.CloseIdleConnections()
	base := c.atRest()
	for _, l := range c.lines {
		l.mend()
	}
	for _, p := range c.pages {
		p.online(true) // if the plan's end did not reach it
	}
	return base
}

// settle waits until everything is written and everybody has it.
func (c *chaos) settle() {
	c.Helper()
	c.writing.Wait()
	if c.Failed() {
		c.FailNow()
	}
	c.untilPage(c.typist.openPage, "has sent everything", func(g glance) bool { return g.Unsent == 0 })
	last := map[string]string{} // the number of the last message of each room
	for i, room := range []string{"Music", "General"} {
		o := op{kind: "post", room: room, on: -1 - i, body: "the end", patience: patience}
		if err := c.writers[0].do(c.Context(), o); err != nil {
			c.Fatal(err)
		}
		last[room] = c.writers[0].posts[o.on].id
	}
	for _, r := range c.readers {
		c.until(r.name+" has everything", func() bool { return r.shows(last[r.room]) })
		if r.err != nil {
			c.Fatal(r.report(r.err))
		}
	}
	for _, p := range c.pages {
		p.front()
		c.untilPage(p, "has everything", func(g glance) bool { return g.Live && p.has(c.Context(), last["General"]) })
	}
}

// untilPage waits for a page that is whole and at its end.
func (c *chaos) untilPage(p *openPage, what string, holds func(glance) bool) {
	c.Helper()
	var g glance
	defer func() {
		if c.Failed() {
			c.Logf("%s was last seen as %+v", p.name, g)
		}
	}()
	c.until(p.name+" "+what, func() bool {
		var whole bool
		if g, whole = p.glance(c.Context()); !whole {
			return false
		}
		p.toEnd(c.Context(), g)
		return g.Listing && holds(g)
	})
}

// until waits for something to become true.
func (c *chaos) until(what string, holds func() bool) {
	c.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-again.C {
		if time.Now().After(deadline) {
			c.Fatalf("it never came to this: %s", what)
		}
	}
}

// close has everybody leave.
func (c *chaos) close() {
	c.Helper()
	c.leave()
	c.work.Wait()
	for _, p := range c.pages {
		p.close()
	}
	for _, caller := range c.callers {
		caller.client.CloseIdleConnections()
	}
	for _, l := range c.lines {
		l.cut()
	}
}
