package e2e

import (
	"fmt"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
)

// drawProgram has a program crash, stop and stand still.
func (p *plan) drawProgram(d dice, n int, name string) {
	hit := func(at time.Duration, do func(*program) error, what string) {
		p.add(at, func(c *chaos) { c.order(n, func() error { return do(c.programs[n]) }) }, "%s %s", name, what)
	}
	for at := d.within(500*time.Millisecond, 2*time.Second); at < p.size.span; at += d.within(300*time.Millisecond, p.size.calm) {
		switch d.IntN(5) {
		case 0, 1:
			hit(at, (*program).kill, "is killed")
			at += d.within(10*time.Millisecond, 2*time.Second)
			hit(at, (*program).run, "runs again")
		case 2:
			hit(at, (*program).stop, "is stopped")
			at += d.within(10*time.Millisecond, time.Second)
			hit(at, (*program).run, "runs again")
		default:
			hit(at, (*program).freeze, "stands still")
			at += d.mostlyShort(p.size.freeze/30, p.size.freeze)
			hit(at, (*program).thaw, "goes on")
		}
	}
}

// drawLine has a line fail in every way it can.
func (p *plan) drawLine(d dice, l int, name string) {
	for at := d.within(500*time.Millisecond, 3*time.Second); at < p.size.span; at += d.within(300*time.Millisecond, 4*time.Second) {
		var up, down toxics.Toxic
		what, end := "", func(c *chaos) { c.line(l).calm() }
		switch d.IntN(8) {
		case 0, 1:
			p.add(at, func(c *chaos) { c.line(l).cut() }, "%s is cut", name)
			end = func(c *chaos) { c.line(l).mend() }
		case 2:
			p.add(at, func(c *chaos) { c.line(l).reset() }, "%s resets what is sent", name)
			end = func(c *chaos) { c.line(l).mend() }
		case 3:
			what, up, down = "goes dark", &toxics.TimeoutToxic{}, &toxics.TimeoutToxic{}
		case 4:
			what, up = "goes dark on the way there", &toxics.TimeoutToxic{}
		case 5:
			what, down = "goes dark on the way back", &toxics.TimeoutToxic{}
		case 6:
			lag := d.Int64N(400)
			what = fmt.Sprintf("has %d ms of lag", lag)
			up, down = &toxics.LatencyToxic{Latency: lag, Jitter: lag / 2}, &toxics.LatencyToxic{Latency: lag, Jitter: lag / 2}
		default:
			slice := 40 + d.IntN(400)
			what = fmt.Sprintf("carries %d bytes at a time", slice)
			up = &toxics.BandwidthToxic{Rate: 10 + d.Int64N(100)}
			down = &toxics.SlicerToxic{AverageSize: slice, SizeVariation: slice / 4, Delay: 500}
			end = func(c *chaos) { c.line(l).mend() } // a bandwidth may lose something when it is lifted
		}
		if what != "" {
			p.add(at, func(c *chaos) { c.line(l).turn(up, down) }, "%s %s", name, what)
		}
		at += d.within(50*time.Millisecond, p.size.span/4)
		p.add(at, end, "%s is well", name)
	}
}

// drawReaders has readers go away, stop reading, and reload their page.
func (p *plan) drawReaders(d dice) {
	// In each plan there is somebody who has missed too much to be replayed it.
	p.add(p.size.span/5, func(c *chaos) { c.readers[0].leave() }, "reader 0 goes away")
	p.add(p.size.span+time.Second, func(c *chaos) { c.readers[0].goOn() }, "reader 0 is back")
	for r := 1; r < p.size.readers; r++ {
		at := d.within(0, p.size.span)
		left := p.size.span + time.Second - at
		switch d.IntN(6) {
		case 0, 1:
			p.add(at, func(c *chaos) { c.readers[r].leave() }, "reader %d goes away", r)
			p.add(at+d.within(time.Millisecond, left), func(c *chaos) { c.readers[r].goOn() }, "reader %d is back", r)
		case 2:
			p.add(at, func(c *chaos) { c.readers[r].hold() }, "reader %d stops reading", r)
			p.add(at+d.within(time.Millisecond, left), func(c *chaos) { c.readers[r].goOn() }, "reader %d reads on", r)
		case 3, 4:
			p.add(at, func(c *chaos) { c.readers[r].renew() }, "reader %d reloads", r)
		}
	}
}

// drawPages has tabs hidden and shown, pages reloaded, and a browser lose its network.
func (p *plan) drawPages(d dice) {
	for at := d.within(200*time.Millisecond, time.Second); at < p.size.span; at += d.within(200*time.Millisecond, 2*time.Second) {
		switch n := d.IntN(8); {
		case n < 4:
			tab := d.IntN(tabs)
			p.add(at, func(c *chaos) { c.pages[tab].show() }, "tab %d is shown", tab)
		case n < 7:
			page := d.IntN(tabs + 1)
			p.add(at, func(c *chaos) { c.pages[page].renew() }, "page %d is reloaded", page)
		default:
			page := d.IntN(tabs + 1)
			p.add(at, func(c *chaos) { c.pages[page].connect(false) }, "page %d has no network", page)
			at += d.within(100*time.Millisecond, 2*time.Second)
			p.add(at, func(c *chaos) { c.pages[page].connect(true) }, "page %d has one again", page)
		}
	}
}
