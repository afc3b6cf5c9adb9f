package devidp

import (
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestTableForgetsTheOldestWhenFull(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	table := newTable[int](time.Hour)
	for i := range maxEntries {
		table.put(now, strconv.Itoa(i), i)
	}
	table.put(now, "0", 0) // put again, it is the youngest
	table.put(now, "one more", maxEntries)
	if _, ok := table.get(now, "1"); ok {
		t.Error("the oldest is still there")
	}
	for _, key := range []string{"0", "2", "one more"} {
		if _, ok := table.get(now, key); !ok {
			t.Errorf("%s is gone", key)
		}
	}
	if n, m := table.order.Len(), len(table.byKey); n != maxEntries || m != maxEntries {
		t.Errorf("%d in order and %d by key, want %d", n, m, maxEntries)
	}
}

func TestTableForgetsWhatHasExpired(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	table := newTable[string](time.Hour)
	table.put(now, "a", "a")
	table.put(now.Add(time.Minute), "b", "b")
	now = now.Add(time.Hour)
	if got := slices.Collect(table.all(now)); !slices.Equal(got, []string{"b"}) {
		t.Errorf("all: %v, want b", got)
	}
	if _, ok := table.get(now, "a"); ok {
		t.Error("a is there after an hour")
	}
	table.put(now.Add(time.Hour), "c", "c")
	if n, m := table.order.Len(), len(table.byKey); n != 1 || m != 1 {
		t.Errorf("%d in order and %d by key, want only c", n, m)
	}
}
