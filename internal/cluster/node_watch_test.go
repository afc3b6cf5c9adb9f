package cluster

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// look is what a watch does at one look, a while after the one before.
type look struct {
	after                time.Duration
	beats                map[string]int64 // nil if the store fails
	moved, gone, removed []string
}

func TestWatch(t *testing.T) {
	const s = time.Second
	type beats = map[string]int64
	all := func(n int, l look) (looks []look) {
		for range n {
			looks = append(looks, l)
		}
		return looks
	}
	for name, looks := range map[string][][]look{
		"a node is new, moves, stands still": {{
			{beats: beats{"a": 7}, moved: []string{"a"}}, {after: s, beats: beats{"a": 7}}, {after: s, beats: beats{"a": 9}, moved: []string{"a"}},
		}},
		"gone after 15 s, and until it is removed": {
			{{beats: beats{"a": 7}, moved: []string{"a"}}},
			all(14, look{after: s, beats: beats{"a": 7}}),
			all(3, look{after: s, beats: beats{"a": 7}, gone: []string{"a"}}),
			{{after: s, beats: beats{}, removed: []string{"a"}}, {after: s, beats: beats{}}},
		},
		"a beat in the last moment": {
			{{beats: beats{"a": 7}, moved: []string{"a"}}},
			all(14, look{after: s, beats: beats{"a": 7}}),
			{{after: s, beats: beats{"a": 8}, moved: []string{"a"}}},
			all(14, look{after: s, beats: beats{"a": 8}}),
			{{after: s, beats: beats{"a": 8}, gone: []string{"a"}}},
		},
		"the store is away meanwhile": {
			{{beats: beats{"a": 7}, moved: []string{"a"}}},
			all(14, look{after: s, beats: beats{"a": 7}}),
			{{after: s}, {after: time.Hour, beats: beats{"a": 7}}},
			all(14, look{after: s, beats: beats{"a": 7}}),
			{{after: s, beats: beats{"a": 7}, gone: []string{"a"}}},
		},
		"this node is asleep meanwhile": {
			{{beats: beats{"a": 7}, moved: []string{"a"}}},
			all(7, look{after: time.Hour, beats: beats{"a": 7}}),
			{{after: s, beats: beats{"a": 7}, gone: []string{"a"}}},
		},
		"others remove it first": {{
			{beats: beats{"a": 7, "b": 1}, moved: []string{"a", "b"}}, {after: s, beats: beats{"b": 1}, removed: []string{"a"}},
		}},
		"the store has lost a little": {{
			{beats: beats{"a": 7}, moved: []string{"a"}}, {after: s, beats: beats{"a": 2}, moved: []string{"a"}}, {after: s, beats: beats{"a": 2}},
		}},
		"removed and back later": {{
			{beats: beats{"a": 7}, moved: []string{"a"}}, {after: s, beats: beats{}, removed: []string{"a"}},
			{after: s, beats: beats{"a": 1}, moved: []string{"a"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatch(usual)
			now := time.Now()
			for i, l := range slices.Concat(looks...) {
				now = now.Add(l.after)
				if l.beats == nil {
					w.blind()
					continue
				}
				moved, gone, removed := w.see(now, l.beats)
				slices.Sort(moved)
				if diff := cmp.Diff([][]string{l.moved, l.gone, l.removed}, [][]string{moved, gone, removed}); diff != "" {
					t.Errorf("at look %d (-want +got):\n%s", i, diff)
				}
				for _, name := range moved {
					w.read(name, l.beats[name])
				}
			}
		})
	}
}

func TestNewsThatCouldNotBeReadIsReadLater(t *testing.T) {
	w := newWatch(usual)
	for range 2 {
		if moved, _, _ := w.see(time.Now(), map[string]int64{"a": 7}); !slices.Equal(moved, []string{"a"}) || w.after("a") != 0 {
			t.Errorf("moved are %q", moved)
		}
	}
	w.read("a", 7)
	w.see(time.Now(), map[string]int64{"a": 8})
	if got := w.after("a"); got != 7 {
		t.Errorf("its news is read after %d, want 7", got)
	}
}
