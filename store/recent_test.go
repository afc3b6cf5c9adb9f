package store

import (
	"errors"
	"testing"
	"time"
)

func TestRecent(t *testing.T) {
	var epoch uint64
	now := time.Unix(1_000_000, 0)
	r := Recent[string, int]{Epoch: func() uint64 { return epoch }, Life: time.Second, Size: 2, Now: func() time.Time { return now }}
	reads := 0
	get := func(key string) int {
		t.Helper()
		v, err := r.Get(key, func() (int, error) { reads++; return reads, nil })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"the first time it is read", func() {}, 1},
		{"the second time it is remembered", func() {}, 1},
		{"just before its time it is remembered", func() { now = now.Add(time.Second - 1) }, 1},
		{"when its time is over it is read", func() { now = now.Add(1) }, 2},
		{"with another epoch it is read", func() { epoch++ }, 3},
		{"with a clock that went back it is read", func() { now = now.Add(-1) }, 4},
		{"after one too many it is read", func() { get("b"); get("c") }, 7},
	} {
		step.do()
		if got := get("a"); got != step.want {
			t.Errorf("%s: read %d, want %d", step.name, got, step.want)
		}
	}
	t.Run("a write during a read makes its answer an old one", func(t *testing.T) {
		_, _ = r.Get("d", func() (int, error) { epoch++; return 0, nil })
		before := reads
		if get("d"); reads != before+1 {
			t.Error("it was remembered")
		}
	})
	t.Run("an error is not remembered", func(t *testing.T) {
		wrong := errors.New("wrong")
		if _, err := r.Get("e", func() (int, error) { return 0, wrong }); err != wrong {
			t.Errorf("%v", err)
		}
		before := reads
		if get("e"); reads != before+1 {
			t.Error("it was")
		}
	})
}
