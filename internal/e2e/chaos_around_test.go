package e2e

import (
	"fmt"
	"time"
)

// Who carries out orders: the programs by their numbers, and then those that only a cluster has.
const (
	databaseHand = nodes + iota
	busHand
	nginxHand
	hands
)

// busLine is the number of the line between the nodes and NATS, after those of people.
const busLine = lines

// drawCluster has everything go wrong that a cluster has more of than a program.
func (p *plan) drawCluster(numbers func() dice) {
	for n := range p.size.nodes {
		p.drawProgram(numbers(), n, fmt.Sprint("node ", n))
	}
	p.drawDatabase(numbers())
	p.drawLine(numbers(), busLine, "the line to NATS")
	p.drawBus(numbers())
	p.drawNginx(numbers())
	d := numbers()
	p.add(d.within(p.size.span/4, p.size.span*3/4), (*chaos).roll, "every node is restarted, one after the other")
	if d.IntN(2) == 0 {
		at := d.within(p.size.span/4, p.size.span*3/4)
		p.add(at, func(c *chaos) { c.all((*program).kill) }, "every node is killed")
		p.add(at+d.within(10*time.Millisecond, time.Second), func(c *chaos) { c.all((*program).run) }, "every node runs again")
	}
}

// drawDatabase has PostgreSQL stop, in order or as in a crash, and run again: mostly before anybody is told that it is away,
// now and then later.
func (p *plan) drawDatabase(d dice) {
	for at := d.within(time.Second, p.size.span/2); at < p.size.span; at += d.within(2*time.Second, 8*time.Second) {
		mode := []string{"fast", "immediate"}[d.IntN(2)]
		p.add(at, func(c *chaos) {
			c.order(databaseHand, func() error { return c.cluster.database.Stop(mode) })
		}, "PostgreSQL is stopped: %s", mode)
		if d.IntN(3) > 0 {
			at += d.mostlyShort(10*time.Millisecond, 2*time.Second)
		} else {
			at += d.within(p.size.span/5, p.size.span/2)
		}
		p.add(at, func(c *chaos) { c.order(databaseHand, c.cluster.database.Run) }, "PostgreSQL runs again")
	}
}

// drawBus has NATS end and run again.
func (p *plan) drawBus(d dice) {
	for at := d.within(time.Second, p.size.span/2); at < p.size.span; at += d.within(time.Second, 8*time.Second) {
		p.add(at, func(c *chaos) {
			c.order(busHand, func() error { c.cluster.nats.kill(); return nil })
		}, "NATS is killed")
		at += d.within(10*time.Millisecond, 4*time.Second)
		p.add(at, func(c *chaos) { c.order(busHand, c.cluster.nats.run) }, "NATS runs again")
	}
}

// drawNginx has nginx read its configuration again.
func (p *plan) drawNginx(d dice) {
	for at := d.within(time.Second, p.size.span/2); at < p.size.span; at += d.within(time.Second, 8*time.Second) {
		p.add(at, func(c *chaos) { c.order(nginxHand, func() error { return c.cluster.nginx.reload() }) }, "nginx reloads")
	}
}

// roll restarts the nodes one after the other, each as soon as the one before it serves.
func (c *chaos) roll() { c.rollFrom(0) }

func (c *chaos) rollFrom(n int) {
	if n == len(c.programs) {
		return
	}
	c.order(n, func() error {
		defer c.rollFrom(n + 1)
		return c.programs[n].restart()
	})
}
