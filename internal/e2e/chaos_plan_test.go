package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// size says how much chaos there is.
type size struct {
	span    time.Duration // in which things go wrong
	readers int
	posts   int           // by writers at their own pace
	burst   int           // by one writer at once; more than a stream is replayed, so that those away then must reload
	freeze  time.Duration // the longest time the program stands still

	nodes    int           // how many programs there are; more than one are a cluster
	patience time.Duration // the longest time a writer waits for an answer
	calm     time.Duration // the longest time in which nothing happens to a program
}

var (
	small = size{span: 7 * time.Second, readers: 24, posts: 80, burst: 310, freeze: time.Second,
		nodes: 1, patience: 4 * time.Second, calm: 3 * time.Second}
	large = size{span: 14 * time.Second, readers: 64, posts: 240, burst: 330, freeze: 30 * time.Second,
		nodes: 1, patience: 4 * time.Second, calm: 3 * time.Second}
	// In a cluster people wait longer, so that nginx finds another node for them.
	smallCluster = size{span: 7 * time.Second, readers: 24, posts: 80, burst: 310, freeze: 2 * time.Second,
		nodes: nodes, patience: 12 * time.Second, calm: 6 * time.Second}
	largeCluster = size{span: 20 * time.Second, readers: 64, posts: 240, burst: 330, freeze: 30 * time.Second,
		nodes: nodes, patience: 12 * time.Second, calm: 8 * time.Second}
)

// plan is what one seed stands for: who does what and what goes wrong when. How the two fall together differs from run to
// run; the plan does not.
type plan struct {
	seed    uint64
	size    size
	writers [accounts]script
	typed   []op // by a person in a browser
	events  []event
}

// script is what a writer does, in this order.
type script struct {
	before []op // while all is well
	during []op // while things go wrong
	after  []op // as everybody comes back
}

// op is one thing a writer does, not before its time.
type op struct {
	at       time.Duration
	kind     string // post, edit or delete
	room     string // of a post
	on       int    // which of the writer's posts it is, or changes
	body     string
	script   bool          // asks as the page's script does, not as a plain form
	twice    bool          // posts twice at the same time, as an impatient finger does
	patience time.Duration // after which the answer is no longer waited for
}

// event is something that goes wrong, or ends.
type event struct {
	at   time.Duration
	text string
	do   func(*chaos)
}

func (p *plan) String() string {
	var b strings.Builder
	for _, e := range p.events {
		fmt.Fprintf(&b, "%6.2fs %s\n", e.at.Seconds(), e.text)
	}
	return b.String()
}

func (p *plan) add(at time.Duration, do func(*chaos), format string, a ...any) {
	p.events = append(p.events, event{at, fmt.Sprintf(format, a...), do})
}

// draw makes the plan of a seed.
func draw(seed uint64, s size) *plan {
	p := &plan{seed: seed, size: s}
	// Each part has numbers of its own, so that a change to one leaves the others as they were.
	part := uint64(0)
	numbers := func() dice { part++; return dice{rand.New(rand.NewPCG(seed, part))} }
	bursting := numbers().IntN(accounts)
	for w := range p.writers {
		p.drawWriter(numbers(), w, w == bursting)
	}
	d := numbers()
	for i := range s.posts / 20 {
		p.typed = append(p.typed, op{at: d.within(0, s.span), body: fmt.Sprintf("typed %d of seed %d", i, seed)})
	}
	slices.SortStableFunc(p.typed, byTime)
	if s.nodes == 1 {
		p.drawProgram(numbers(), 0, "the program")
	}
	for l := range lines {
		p.drawLine(numbers(), l, fmt.Sprint("line ", l))
	}
	p.drawReaders(numbers())
	p.drawPages(numbers())
	if s.nodes > 1 {
		p.drawCluster(numbers)
	}
	slices.SortStableFunc(p.events, func(a, b event) int { return int(a.at - b.at) })
	return p
}

func TestASeedIsAlwaysTheSamePlan(t *testing.T) {
	for _, size := range []size{large, largeCluster} {
		a, b, other := draw(17, size), draw(17, size), draw(18, size)
		if a.String() != b.String() || !reflect.DeepEqual(a.writers, b.writers) || !reflect.DeepEqual(a.typed, b.typed) {
			t.Error("a seed stands for two plans")
		}
		if a.String() == other.String() || reflect.DeepEqual(a.writers, other.writers) {
			t.Error("two seeds stand for one plan")
		}
	}
}

func byTime(a, b op) int { return int(a.at - b.at) }

// dice is where a plan's numbers come from.
type dice struct{ *rand.Rand }

func (d dice) within(least, most time.Duration) time.Duration {
	return least + time.Duration(d.Int64N(int64(most-least))).Round(10*time.Millisecond)
}

// mostlyShort is between the two, each tenfold time as rare as the one before.
func (d dice) mostlyShort(least, most time.Duration) time.Duration {
	f := math.Pow(float64(most)/float64(least), math.Pow(d.Float64(), 3))
	return time.Duration(float64(least) * f).Round(10 * time.Millisecond)
}

func (d dice) body(author, n int, seed uint64) string {
	return fmt.Sprintf("%d.%d of *seed* %d", author, n, seed) + []string{
		"", "", "", " 👩🏽‍🚀 ünï", " <b>not bold</b> &amp;", "\n\n- a list\n- of two", " `code`", "\n> a quote\n\nand more",
		strings.Repeat(" and on", d.IntN(400)),
	}[d.IntN(9)]
}

func (p *plan) drawWriter(d dice, author int, bursting bool) {
	var alive []int // posts that are not deleted
	posts := 0
	post := func() op {
		o := op{kind: "post", on: posts, room: "General", body: d.body(author, posts, p.seed), twice: d.IntN(8) == 0}
		if d.IntN(8) == 0 {
			o.room = "Music"
		}
		alive = append(alive, posts)
		posts++
		return o
	}
	change := func() op {
		i := d.IntN(len(alive))
		o := op{kind: "edit", on: alive[i], body: "changed: " + d.body(author, alive[i], p.seed) + fmt.Sprint(" ", d.IntN(1000))}
		if d.IntN(3) == 0 {
			o.kind, o.body = "delete", ""
			alive = slices.Delete(alive, i, i+1)
		}
		return o
	}
	draw := func(n int, span time.Duration) (ops []op) {
		times := make([]time.Duration, n)
		for i := range times {
			times[i] = d.within(0, span)
		}
		slices.Sort(times)
		for _, at := range times {
			o := post()
			if d.IntN(3) == 0 && len(alive) > 1 {
				alive = alive[:len(alive)-1] // the post that is not to be
				posts--
				o = change()
			}
			o.at, o.script, o.patience = at, d.IntN(2) == 0, d.within(300*time.Millisecond, p.size.patience)
			ops = append(ops, o)
		}
		return ops
	}
	s := &p.writers[author]
	s.before = draw(15, time.Millisecond*10)
	s.during = draw(p.size.posts/accounts, p.size.span)
	if bursting {
		at := d.within(p.size.span/4, p.size.span*3/4)
		for range p.size.burst {
			o := post()
			o.at, o.script, o.patience = at, true, 5*time.Second
			s.during = append(s.during, o)
		}
		slices.SortStableFunc(s.during, byTime)
	}
	s.after = draw(8, time.Millisecond*10)
}
