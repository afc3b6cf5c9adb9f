package storetest

import (
	"sync"
	"sync/atomic"

	"letstalk/store"
)

var nodePromises = []promise{
	{"are counted from the first beat", func(w *world) {
		w.same(w.beats(), map[string]int64{})
		w.same(w.beat("a", nil), int64(1))
		w.same(w.beat("a", nil), int64(2))
		w.same(w.beat("b", nil), int64(1))
		w.same(w.beats(), map[string]int64{"a": 2, "b": 1})
	}},
	{"give their news, the newest of each key", func(w *world) {
		w.beat("a", map[string]string{"x": "1", "y": "1"})
		w.beat("b", map[string]string{"x": "other"})
		w.beat("a", map[string]string{"x": "2"})
		w.same(w.news("a", 0), map[string]string{"x": "2", "y": "1"})
		w.same(w.news("a", 1), map[string]string{"x": "2"})
		w.same(w.news("a", 2), map[string]string{})
		w.same(w.news("b", 0), map[string]string{"x": "other"})
		w.same(w.news("nobody", 0), map[string]string{})
	}},
	{"keep news of any text, and empty news", func(w *world) {
		w.beat("a", map[string]string{"room:1": `[{"name":"Ünï 👩🏽‍🚀 <b>"}]`, "room:2": ""})
		w.same(w.news("a", 0), map[string]string{"room:1": `[{"name":"Ünï 👩🏽‍🚀 <b>"}]`, "room:2": ""})
	}},
	{"are forgotten with their news, if they stand still", func(w *world) {
		w.beat("a", map[string]string{"x": "1"})
		w.beat("b", nil)
		w.same(w.remove("a", 1), true)
		w.same(w.beats(), map[string]int64{"b": 1})
		w.same(w.news("a", 0), map[string]string{})
	}},
	{"are not forgotten if they have beaten again", func(w *world) {
		w.beat("a", nil)
		w.beat("a", nil)
		w.same(w.remove("a", 1), false)
		w.same(w.remove("nobody", 1), false)
		w.same(w.beats(), map[string]int64{"a": 2})
	}},
	{"begin anew after they were forgotten", func(w *world) {
		w.beat("a", map[string]string{"x": "1"})
		w.same(w.remove("a", 1), true)
		w.same(w.beat("a", map[string]string{"y": "1"}), int64(1))
		w.same(w.news("a", 0), map[string]string{"y": "1"})
	}},
	{"are forgotten by one of many", func(w *world) {
		w.beat("a", nil)
		var wg sync.WaitGroup
		var did atomic.Int32
		for range 8 {
			wg.Go(func() {
				removed, err := w.RemoveNode(w.ctx, "a", 1)
				if err != nil {
					w.Error(err)
				}
				if removed {
					did.Add(1)
				}
			})
		}
		wg.Wait()
		w.same(did.Load(), int32(1))
	}},
	{"take no change number and move no epoch", func(w *world) {
		epoch := w.Epoch()
		w.unchanged(func() {
			w.beat("a", map[string]string{"x": "1"})
			w.remove("a", 1)
		})
		w.same(w.Epoch(), epoch)
	}},
}

func (w *world) beat(node string, news map[string]string) int64 {
	w.Helper()
	beat, err := w.Beat(w.ctx, node, news)
	w.ok(err)
	return beat
}

func (w *world) beats() map[string]int64 {
	w.Helper()
	beats, err := w.Beats(w.ctx)
	w.ok(err)
	return beats
}

func (w *world) news(node string, after int64) map[string]string {
	w.Helper()
	news, err := w.News(w.ctx, node, after)
	w.ok(err)
	return news
}

func (w *world) remove(node string, beat int64) bool {
	w.Helper()
	removed, err := w.RemoveNode(w.ctx, node, beat)
	w.ok(err)
	return removed
}

var workspacePromises = []promise{
	{"keeps its name", func(w *world) {
		name := w.Workspace()
		if len(name) != 26 {
			w.Errorf("it is called %q", name)
		}
		w.reopen()
		w.same(w.Workspace(), name)
	}},
	{"is called like no other", func(w *world) {
		other := w.open(w.T, w.TempDir(), w.clock.now)
		defer other.Close()
		if other.Workspace() == w.Workspace() {
			w.Errorf("both are called %q", other.Workspace())
		}
	}},
}

// noText is what a URL, a cookie or a provider may bring in the place of text.
var noText = []string{"\x00", "a\x00b", "\xff", "\xed\xa0\x80"}

var textPromises = []promise{
	{"is not found by what is no text", func(w *world) {
		alice := w.person("alice")
		w.room(alice, "General", store.Open)
		for _, bad := range noText {
			_, err := w.Room(w.ctx, alice.ID, bad)
			w.fails(err, store.ErrNotFound)
			_, err = w.RoomState(w.ctx, alice.ID, bad)
			w.fails(err, store.ErrNotFound)
			_, err = w.Session(w.ctx, bad)
			w.fails(err, store.ErrNotFound)
			_, err = w.TakeAttempt(w.ctx, bad, "browser")
			w.fails(err, store.ErrNotFound)
			_, err = w.TakeAttempt(w.ctx, "state", bad)
			w.fails(err, store.ErrNotFound)
		}
	}},
}
