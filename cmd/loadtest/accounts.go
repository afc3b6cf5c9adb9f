package main

import (
	"context"
	"fmt"
	"time"
)

// usage is what something takes of the nodes and of PostgreSQL.
type usage struct {
	transactions    float64
	wal             float64 // bytes
	nodes, postgres float64 // nanoseconds of CPU
}

func (u usage) over(n float64) usage {
	return usage{u.transactions / n, u.wal / n, u.nodes / n, u.postgres / n}
}

func (u usage) without(v usage, seconds, counted float64) usage {
	return usage{u.transactions - v.transactions*counted, u.wal - v.wal*seconds,
		u.nodes - v.nodes*seconds, u.postgres - v.postgres*seconds}
}

func (u usage) String() string {
	return fmt.Sprintf("%.2f transactions, %s bytes of WAL, %.0f + %.0f µs of CPU", u.transactions, thousands(u.wal),
		u.nodes/1000, u.postgres/1000)
}

// accounts are kept of a site on PostgreSQL.
type accounts struct {
	b    *bench
	s    *running
	idle usage // of a second in which nobody asks anything
}

// settle finds what a second costs in which nobody asks anything.
func (a *accounts) settle(ctx context.Context) (usage, error) {
	if err := rest(ctx, a.b.scale.flush); err != nil {
		return usage{}, err
	}
	used, busy, _, err := a.watch(ctx, func() error { return rest(ctx, a.b.scale.alone) }, 0)
	a.idle = used.over(busy)
	return a.idle, err
}

// bill finds what each of n things costs that f does, more than if it did nothing.
func (a *accounts) bill(ctx context.Context, f func() (n int, err error)) (usage, error) {
	var n int
	used, busy, counted, err := a.watch(ctx, func() (err error) { n, err = f(); return err }, a.b.scale.flush)
	return used.without(a.idle, busy, counted).over(float64(max(n, 1))), err
}

// watch finds what is used during f, which took busy seconds. A connection that has nothing to do tells what it did only
// after a while, so transactions are counted later; those are of counted seconds.
func (a *accounts) watch(ctx context.Context, f func() error, later time.Duration) (used usage, busy, counted float64, err error) {
	p := a.b.backing.postgres
	before, err := p.counters(ctx)
	if err != nil {
		return used, 0, 0, err
	}
	cpu, err := spent(f, a.s, p)
	if err != nil {
		return used, 0, 0, err
	}
	done, err := p.counters(ctx)
	if err != nil {
		return used, 0, 0, err
	}
	if err := rest(ctx, later); err != nil {
		return used, 0, 0, err
	}
	after, err := p.counters(ctx)
	return usage{
		transactions: float64(after.transactions - before.transactions), wal: float64(done.wal - before.wal),
		nodes: float64(cpu[0]), postgres: float64(cpu[1]),
	}, done.at.Sub(before.at).Seconds(), after.at.Sub(before.at).Seconds(), err
}
