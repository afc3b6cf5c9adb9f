package cluster_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"letstalk/internal/cluster"
	"letstalk/internal/live"
	"letstalk/store"
)

var _ cluster.Hub = (*live.Hub)(nil)

var (
	alice = store.Person{ID: 1, Name: "Alice"}
	bob   = store.Person{ID: 2, Name: `Bob "<&` + "\u2028"}
)

func TestNodesKnowOfEachOthersPeople(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	a, b := start(t, db, "a", often, often, time.Hour), start(t, db, "b", often, often, time.Hour)
	a.set(1, alice, bob)
	a.set(2, bob)
	b.set(1, bob)
	b.knows(t, a, 1, alice, bob)
	b.knows(t, a, 2, bob)
	a.knows(t, b, 1, bob)
	a.set(1, bob)
	a.set(2)
	b.knows(t, a, 1, bob)
	b.knows(t, a, 2)
	late := start(t, db, "late", often, often, time.Hour)
	late.knows(t, a, 1, bob)
	late.knows(t, b, 1, bob)
	if len(a.elsewhere["a"])+len(b.elsewhere["b"]) > 0 {
		t.Error("a node hears of itself")
	}
}

func TestNodesKnowWhatOthersCount(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	a, b := start(t, db, "a", often, often, time.Second), start(t, db, "b", often, often, time.Second)
	counts := func(what string, holds func(n int) bool) {
		t.Helper()
		eventually(t, what, func() bool {
			minute := time.Now().UTC().Truncate(time.Minute)
			n, _, err := b.tally.Get("alice", minute, minute.Add(-time.Minute))
			return err == nil && holds(n)
		})
	}
	if err := a.tally.IncrementBy("alice", time.Now().UTC().Truncate(time.Minute), 1000); err != nil {
		t.Fatal(err)
	}
	counts("b counts what a does", func(n int) bool { return n > 0 }) // some of it, if a minute ends now
	a.stop()
	counts("b forgets what a did", func(n int) bool { return n == 0 })
}

func TestHintIsEnoughToLook(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	a, b := start(t, db, "a", time.Hour, time.Hour, time.Hour), start(t, db, "b", time.Hour, time.Hour, time.Hour)
	for _, people := range [][]store.Person{{alice}, {alice, bob}, nil} {
		before := a.told.Load()
		a.set(1, people...)
		eventually(t, "told", func() bool { return a.told.Load() > before })
		b.Look()
		b.Look()
		b.knows(t, a, 1, people...)
	}
	if b.told.Load() > 0 {
		t.Error("a node tells that it has nothing to tell")
	}
}

func TestNodeThatStopsIsForgottenLaterAndNotAtOnce(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	a := start(t, db, "a", often, often, time.Hour)
	a.set(1, alice)
	b, c := start(t, db, "b", often, often, 200*time.Millisecond), start(t, db, "c", often, often, 200*time.Millisecond)
	b.knows(t, a, 1, alice)
	c.knows(t, a, 1, alice)
	a.stop()
	beats, err := db.Beats(t.Context())
	if err != nil || beats["a"] == 0 {
		t.Errorf("a node that stops takes its people away: %v, %v", beats, err)
	}
	for _, m := range []*member{b, c} {
		eventually(t, "forgotten", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return slices.Contains(m.forgotten, "a") && m.elsewhere["a"] == nil
		})
	}
	b.stop()
	c.stop()
	if n := b.log.count("count as gone\" node=a") + c.log.count("count as gone\" node=a"); n != 1 {
		t.Errorf("that it is gone is logged %d times", n)
	}
}

// isRemoved takes a node out of the store as others would if it stood still.
func isRemoved(t testing.TB, db store.Nodes, name string) {
	t.Helper()
	eventually(t, "removed between two beats", func() bool {
		beats, err := db.Beats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		removed, err := db.RemoveNode(t.Context(), name, beats[name])
		if err != nil {
			t.Fatal(err)
		}
		return removed
	})
}

func TestNodeThatWasTakenForGoneTellsAnew(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	a, b := start(t, db, "a", often, often, time.Hour), start(t, db, "b", often, often, time.Hour)
	a.set(1, alice)
	a.set(2, bob)
	b.knows(t, a, 1, alice)
	b.knows(t, a, 2, bob)
	for i, name := range []string{"a", "a.2"} {
		isRemoved(t, db, name)
		if i == 0 {
			a.set(2)
		}
		eventually(t, "said so", func() bool { return a.log.count("taken this one for gone") == i+1 })
		again := &member{name: fmt.Sprintf("a.%d", i+2)}
		b.knows(t, again, 1, alice)
		b.knows(t, again, 2)
		eventually(t, "forgotten", func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.Contains(b.forgotten, name) && b.elsewhere[name] == nil
		})
		eventually(t, "goes on beating, under this name only", func() bool {
			beats, err := db.Beats(t.Context())
			_, known := beats[name]
			return err == nil && beats[again.name] > 5 && !known
		})
	}
	a.stop()
	a.log.wants(t, "taken this one for gone", 2)
	if len(a.elsewhere["a"])+len(a.elsewhere["a.2"]) > 0 {
		t.Error("a node takes its former self for another")
	}
}

func TestStoreThatIsAwayDelaysAndForgetsNobody(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	f := &flaky{Store: db}
	a, b := start(t, f, "a", often, often, time.Hour), start(t, db, "b", often, often, time.Hour)
	b.set(1, bob)
	a.knows(t, b, 1, bob)
	f.noBeat.Store(true)
	f.noBeats.Store(true)
	a.set(1, alice)
	b.set(2, bob)
	f.isAsked(t, 10)
	f.noBeat.Store(false)
	f.noBeats.Store(false)
	b.knows(t, a, 1, alice)
	a.knows(t, b, 1, bob)
	a.knows(t, b, 2, bob)
	a.stop()
	if a.forgotten != nil {
		t.Errorf("forgotten are %q", a.forgotten)
	}
	a.log.wants(t, `level=WARN msg="the store fails; what nodes know of each other's people stays as it is" to=`, 2)
	a.log.wants(t, "the store works again", 2)
	a.log.wants(t, "level=WARN", 2)
}

func TestNodeThatCannotShowItselfTakesNobodyForGone(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	if _, err := db.Beat(t.Context(), "gone", map[string]string{"room:1": "[]"}); err != nil {
		t.Fatal(err)
	}
	f := &flaky{Store: db}
	f.noBeat.Store(true)
	a := start(t, f, "a", often, often, 60*often)
	f.isAsked(t, 150)
	a.log.wants(t, "count as gone", 0)
	a.log.wants(t, "database on fire", 1)
	f.noBeat.Store(false)
	a.log.says(t, "count as gone")
}

func TestNewsOfAnotherVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	db := openStore(t)
	a := start(t, db, "a", often, often, time.Hour)
	news := map[string]string{
		"room:1": `[{"id":1,"name":"Alice","mood":"fine"}]`,
		"room:2": `nobody`, "room:x": `[]`, "typing:1": `{}`, "": "",
	}
	if _, err := db.Beat(t.Context(), "new", news); err != nil {
		t.Fatal(err)
	}
	a.knows(t, &member{name: "new"}, 1, alice)
	a.log.says(t, `msg="what another node left in the store can't be read" node=new key=room:2`)
	a.stop()
	a.log.wants(t, "level=WARN", 1)
	if rooms := slices.Collect(maps.Keys(a.elsewhere["new"])); len(rooms) != 1 {
		t.Errorf("it knows of rooms %d", rooms)
	}
}
