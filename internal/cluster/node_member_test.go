package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letstalk/internal/cluster"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

// hub is the people of one node, and what it was told of others.
type hub struct {
	changed chan struct{}

	mu        sync.Mutex
	here      map[store.RoomID][]store.Person
	untold    map[store.RoomID]bool
	elsewhere map[string]map[store.RoomID][]store.Person
	forgotten []string
}

func (h *hub) Changed() <-chan struct{} { return h.changed }

func (h *hub) TakeChanged() map[store.RoomID][]store.Person {
	h.mu.Lock()
	defer h.mu.Unlock()
	rooms := map[store.RoomID][]store.Person{}
	for id := range h.untold {
		rooms[id] = h.here[id]
	}
	clear(h.untold)
	return rooms
}

func (h *hub) Retell() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, people := range h.here {
		if len(people) > 0 {
			h.untold[id] = true
		}
	}
	h.signal()
}

func (h *hub) SetElsewhere(node string, rooms map[store.RoomID][]store.Person) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.elsewhere[node] == nil {
		h.elsewhere[node] = map[store.RoomID][]store.Person{}
	}
	maps.Copy(h.elsewhere[node], rooms)
}

func (h *hub) ForgetNode(node string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.elsewhere, node)
	h.forgotten = append(h.forgotten, node)
}

// set says who is in a room on this node.
func (h *hub) set(id store.RoomID, people ...store.Person) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.here[id], h.untold[id] = people, true
	h.signal()
}

func (h *hub) signal() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// member is a node that runs until the test ends or stop is called.
type member struct {
	hub
	*cluster.Node
	name  string
	tally *cluster.Tally
	log   journal
	told  atomic.Int64
	stop  func()
}

// often is how often nodes beat and look in tests where that is all they have.
const often = 5 * time.Millisecond

// start sets a node going. It keeps its word to beat, look and forget that often.
func start(t testing.TB, nodes store.Nodes, name string, beat, look, gone time.Duration) *member {
	t.Helper()
	m := &member{name: name, tally: cluster.NewTally(10), hub: hub{
		changed: make(chan struct{}, 1), here: map[store.RoomID][]store.Person{},
		untold: map[store.RoomID]bool{}, elsewhere: map[string]map[store.RoomID][]store.Person{},
	}}
	m.Node = cluster.NewPacedNode(cluster.NodeConfig{
		Name: name, Nodes: nodes, Hub: m, Told: func() { m.told.Add(1) }, Tally: m.tally, Logger: slog.New(slog.NewTextHandler(&m.log, nil)),
	}, beat, look, gone)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	m.stop = func() { cancel(); running.Wait() }
	t.Cleanup(m.stop)
	return m
}

// knows waits until a node knows exactly those people of another in a room.
func (m *member) knows(t testing.TB, of *member, id store.RoomID, people ...store.Person) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s knows that %v are in room %d on %s", m.name, people, id, of.name), func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return slices.Equal(m.elsewhere[of.name][id], people)
	})
}

func openStore(t testing.TB) *sqlstore.Store {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "letstalk.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// flaky is a store that fails to do some things while it is told to.
type flaky struct {
	*sqlstore.Store
	noBeat, noBeats atomic.Bool
	asked           atomic.Int64 // for beats
}

var errFire = errors.New("database on fire")

func (f *flaky) Beat(ctx context.Context, node string, news map[string]string) (int64, error) {
	if f.noBeat.Load() {
		return 0, errFire
	}
	return f.Store.Beat(ctx, node, news)
}

func (f *flaky) Beats(ctx context.Context) (map[string]int64, error) {
	f.asked.Add(1)
	if f.noBeats.Load() {
		return nil, errFire
	}
	return f.Store.Beats(ctx)
}

// isAsked waits until the node has looked, or tried to, that often.
func (f *flaky) isAsked(t testing.TB, times int64) {
	t.Helper()
	asked := f.asked.Load() + times
	eventually(t, "asked again and again", func() bool { return f.asked.Load() > asked })
}
