package e2e

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"letstalk/internal/pgtest"
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
func TestChaos(t *testing.T) { torment(t, "chaos", small, large) }

// TestChaosOnACluster is the same promise of three nodes behind nginx: any of them may fail in these ways, and so may
// PostgreSQL and NATS; they are restarted one after the other, and nginx reloads.
func TestChaosOnACluster(t *testing.T) { torment(t, "chaos-cluster", smallCluster, largeCluster) }

func torment(t *testing.T, target string, small, large size) {
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
					t.Logf("To do this again: make %s SEED=%d SEEDS=%d. What went wrong on purpose:\n%s", target, seed, min(1, *chaosSeeds), p)
				}
			})
			newChaos(t, p).play()
		})
	}
}

// chaos is one run of a plan.
type chaos struct {
	*testing.T
	plan     *plan
	site     *door
	programs []*program
	url      string   // of the database
	cluster  *cluster // what stands around the programs; nil for one alone
	lines    [lines]*line
	callers  [accounts]*caller // past all lines
	writers  [accounts]*writer
	typist   *typist
	readers  []*reader
	pages    [tabs + 1]*openPage

	work    sync.WaitGroup // readers
	leave   context.CancelFunc
	writing sync.WaitGroup

	hands  [hands]chan func() error // what each is told to do next
	orders sync.WaitGroup           // that are not carried out
}

func newChaos(t *testing.T, p *plan) *chaos {
	t.Helper()
	c := &chaos{T: t, plan: p}
	var at [lines]string
	for i := range at {
		at[i] = freeAddress(t)
	}
	if p.size.nodes == 1 {
		base := "http://" + strings.Replace(at[0], "127.0.0.1", "localhost", 1)
		s := launch(t, &program{env: []string{"RATE_LIMIT=off", "BASE_URL=" + base}, debug: freeAddress(t)})
		c.site, c.programs, c.url = s.door, []*program{s.program}, "sqlite:"+filepath.Join(s.dir, "letstalk.db")
	} else {
		c.cluster = startCluster(t, pgtest.New(t), at[0])
		c.site, c.programs, c.url = c.cluster.door, c.cluster.nodes, c.cluster.url
	}
	c.employ()
	for i := range c.lines {
		c.lines[i] = newLine(t, at[i], c.site.listen)
	}
	for i, name := range names {
		c.callers[i] = c.site.caller(name)
		c.writers[i] = &writer{number: i, seed: p.seed, base: c.site.base, client: c.client(i, i), posts: map[int]*posted{}}
	}
	for i := range p.size.readers {
		room := "General"
		if i%8 == 7 {
			room = "Music"
		}
		c.readers = append(c.readers, newReader(fmt.Sprint("reader ", i), room, c.site.base, c.client(i, i/accounts), uint64(i)))
	}
	return c
}

// play is the whole run.
func (c *chaos) play() {
	c.Helper()
	begin := time.Now()
	c.open()
	c.storm()
	base := c.lull()
	c.settle()
	pages := c.readPages()
	c.close()
	rest := c.backTo(base)
	for _, p := range c.programs {
		if err := p.stop(); err != nil {
			c.Error(err)
		}
	}
	c.compare(c.kept(), pages)
	c.Log(c.figures(base, rest, time.Since(begin)))
}

// client is a person's HTTP client that goes over one of the lines. Where there is TLS every other one speaks HTTP/2.
func (c *chaos) client(account, l int) *http.Client {
	transport := c.site.transport(c.lines[l%lines].address)
	if transport.ForceAttemptHTTP2 = account%2 == 0; transport.ForceAttemptHTTP2 {
		// As browsers do: many requests share a connection, and its death must not be all of theirs.
		transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 5 * time.Second}
	}
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
	// On nginx's own page, that nobody could be asked, no icon is named.
	p.expect("status of 500", "status of 504", "/favicon.ico")
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
	if c.cluster != nil {
		c.cluster.nginx.stop()
	}
}
