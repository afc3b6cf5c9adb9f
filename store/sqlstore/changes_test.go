package sqlstore

import (
	"testing"
	"time"

	"letstalk/store"
)

func TestPruningTakesSmallSteps(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	user, room := furnish(t, s)
	writes := make([]func(*tx) error, maxBatch)
	for n := range 20 {
		for i := range writes {
			writes[i] = func(t *tx) error { t.record(store.MemberSet, room, 0, user); return nil }
		}
		for i, err := range batch(t, s, writes...) {
			if err != nil {
				t.Fatalf("change %d: %v", n*maxBatch+i, err)
			}
		}
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		if err := s.readers.QueryRow(`SELECT count(*) FROM changes`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for steps, before, more := 0, left(), true; more; steps++ {
		if more, err = write(t.Context(), s, "", func(t *tx) (bool, error) { return t.prune(time.Now(), 10) }); err != nil {
			t.Fatal(err)
		}
		now := left()
		if before-now > 2000 || before == now || steps > int(head) {
			t.Fatalf("step %d left %d of %d changes", steps, now, before)
		}
		before = now
	}
	if n := left(); n > 10 {
		t.Errorf("%d changes are left", n)
	}
}
