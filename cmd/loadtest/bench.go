package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// options are what the command line says about a run.
type options struct {
	binary   string // letstalk
	socketIO string // folder of the Socket.IO server
	only     []string
	rounds   int
	ours     bool   // leave Socket.IO out
	profiles string // folder, or empty
	quick    bool   // scale is the small one
	scale    scale
}

// scale is how much load the measures make, and for how long.
type scale struct {
	window   time.Duration // of one round of a measure
	warm     time.Duration // of the same load before it, not measured
	people   int           // who sign in; those who read more than one stream share them
	fanout   int           // readers of the saturated room
	inFlight int           // messages on their way at once there
	steady   int           // readers of the measure of CPU time
	rate     float64       // messages a second there
	latency  int           // readers
	pace     float64       // messages a second
	idle     int           // readers whose memory is measured
	quiet    time.Duration // in which servers may tidy up before it is
	crowds   []int         // readers between which the cost of a delivery is to be flat
	flow     float64       // deliveries a second there
	restart  int           // readers who come back after a restart
	posters  int
	rooms    []int           // messages in the room whose page is fetched
	visitors int             // connections that fetch it
	alone    time.Duration   // in which nobody asks nodes for anything
	flush    time.Duration   // after which PostgreSQL has counted what an idle connection did
	away     []time.Duration // round trips to a PostgreSQL that is not on the same machine
}

var full = scale{
	window: 4 * time.Second, warm: time.Second, people: 1000,
	fanout: 1000, inFlight: 64, steady: 2000, rate: 8, latency: 1000, pace: 10, idle: 5000, quiet: 15 * time.Second,
	crowds: []int{100, 1000, 10_000}, flow: 64_000, restart: 10_000,
	posters: 64, rooms: []int{100, 1_000_000}, visitors: 16, alone: 20 * time.Second, flush: 11 * time.Second,
	away: []time.Duration{500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond},
}

// quick shows in a few seconds that everything works; its numbers say little.
var quick = scale{
	window: 300 * time.Millisecond, warm: 100 * time.Millisecond, people: 20,
	fanout: 40, inFlight: 8, steady: 40, rate: 20, latency: 40, pace: 20, idle: 40,
	crowds: []int{10, 40}, flow: 400, restart: 40,
	posters: 4, rooms: []int{60, 1000}, visitors: 4, alone: 100 * time.Millisecond, away: []time.Duration{time.Millisecond},
}

// measure is one thing that is measured.
type measure struct {
	name string
	run  func(context.Context, *bench) ([]row, error)
}

func measures() []measure {
	return []measure{
		{"start", measureStart},
		{"posts", measurePosts},
		{"page", measurePage},
		{"fanout", measureFanout},
		{"cpu", measureSteady},
		{"latency", measureLatency},
		{"memory", measureMemory},
		{"flat", measureFlat},
		{"restart", measureRestart},
		{"nodes-posts", measureNodesPosts},
		{"nodes-seen", measureNodesSeen},
		{"nodes-units", measureNodesUnits},
		{"nodes-away", measureNodesAway},
	}
}

func measureNames() []string {
	var names []string
	for _, m := range measures() {
		names = append(names, m.name)
	}
	return names
}

// bench is a run.
type bench struct {
	options
	site    *site
	backing backing   // of the measures with several nodes
	log     io.Writer // progress
}

// runBench measures what the options ask for and writes a table in Markdown to w.
func runBench(ctx context.Context, opts options, w, log io.Writer) (err error) {
	if err := supported(); err != nil {
		return err
	}
	for _, name := range opts.only {
		if !slices.Contains(measureNames(), name) {
			return fmt.Errorf("-only %s: there is no such measure; there are %s", name, strings.Join(measureNames(), ", "))
		}
	}
	dir, err := os.MkdirTemp("", "letstalk-loadtest-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{options: opts, log: log}
	began, others := time.Now(), otherCPU()
	if b.site, err = newSite(ctx, opts.binary, dir, &files{dir: dir}, opts.scale.people, opts.profiles != ""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.backing.close(), b.site.close()) }()
	fmt.Fprintf(log, "%d people signed in within %v\n", opts.scale.people, round(time.Since(began)))
	var rows []row
	for _, m := range measures() {
		if len(opts.only) > 0 && !slices.Contains(opts.only, m.name) {
			continue
		}
		began := time.Now()
		more, err := m.run(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintf(log, "%s took %v\n", m.name, round(time.Since(began)))
		rows = append(rows, more...)
	}
	if err := b.introduce(ctx, w, time.Since(began), otherCPU()-others); err != nil {
		return err
	}
	return writeTables(w, rows)
}
