package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// setup is a way to run letstalk.
type setup struct {
	name     string
	nodes    int
	postgres bool
	nats     bool
	alike    bool // to another one; -quick leaves it out
}

// setups are those that the measures of nodes compare, as the columns of their table; the others are set against the first.
func setups() []setup {
	return []setup{
		{"SQLite", 1, false, false, false},
		{"PostgreSQL, 1 node", 1, true, false, true},
		{"PostgreSQL and NATS, 3 nodes", 3, true, true, false},
		{"PostgreSQL alone, 3 nodes", 3, true, false, true},
	}
}

// takes reports whether this run measures a setup.
func (b *bench) takes(s setup) bool { return !b.quick || !s.alike }

// backing is what several nodes share, started when first needed.
type backing struct {
	postgres *postgres
	nats     *process
	site     *site // on PostgreSQL
}

// back starts what several nodes share, unless it runs.
func (b *bench) back(ctx context.Context) (err error) {
	if b.backing.site != nil {
		return nil
	}
	began := time.Now()
	if b.backing.postgres, err = startPostgres(); err != nil {
		return err
	}
	if b.backing.nats, err = startNATS(ctx); err != nil {
		return err
	}
	if b.backing.site, err = newSite(ctx, b.binary, b.site.dir, b.backing.postgres, b.scale.people, b.profiles != ""); err != nil {
		return err
	}
	// In the middle of a measure the nodes would find out that the one where people signed in is gone.
	err = b.backing.postgres.server.Exec(peopleDatabase, "DELETE FROM nodes")
	fmt.Fprintf(b.log, "PostgreSQL, NATS and %d people who signed in took %v\n", b.scale.people, round(time.Since(began)))
	return err
}

func (k *backing) close() error {
	return errors.Join(k.site.close(), k.nats.stop(), k.postgres.close())
}

// startSetup starts letstalk in one of the ways.
func (b *bench) startSetup(ctx context.Context, s setup) (*running, error) {
	if !s.postgres {
		return b.site.start(ctx, nil)
	}
	var env []string
	if s.nats {
		env = []string{"NATS_URL=" + b.backing.nats.address}
	}
	return b.backing.site.startNodes(ctx, s.nodes, nil, env...)
}

// beside is what works for letstalk in one of the ways.
func (b *bench) beside(s setup) []spender {
	var all []spender
	if s.postgres {
		all = append(all, b.backing.postgres)
	}
	if s.nats {
		all = append(all, b.backing.nats)
	}
	return all
}

// figure is a row of the table of setups in the making: the values of each setup's rounds.
type figure struct {
	what   string
	write  func(float64) string
	ratios bool // say how many times the first setup's
	values [][]float64
}

func newFigure(what string, write func(float64) string, ratios bool) *figure {
	return &figure{what, write, ratios, make([][]float64, len(setups()))}
}

func (f *figure) add(setup int, value float64) { f.values[setup] = append(f.values[setup], value) }

// row is the figure's medians.
func (f *figure) row() row {
	r := row{what: f.what}
	for i, values := range f.values {
		cell := ""
		if len(values) > 0 {
			cell = f.write(median(values))
			if i > 0 && f.ratios {
				cell += fmt.Sprintf(" (%.2f ×)", median(values)/median(f.values[0]))
			}
		}
		r.setups = append(r.setups, cell)
	}
	return r
}

func rowsOf(figures ...*figure) []row {
	var rows []row
	for _, f := range figures {
		rows = append(rows, f.row())
	}
	return rows
}

func milliseconds(ns float64) string { return fmt.Sprintf("%.1f ms", ns/1e6) }
