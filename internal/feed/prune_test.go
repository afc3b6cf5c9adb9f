package feed_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"letstalk/internal/feed"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

const day = 24 * time.Hour

// disk is a store that can be made to fail at pruning and that writes down what is asked of it.
type disk struct {
	*sqlstore.Store
	broken atomic.Bool
	tries  []time.Time
	keep   int
}

func (d *disk) PruneChanges(ctx context.Context, before time.Time, keep int) error {
	d.tries, d.keep = append(d.tries, time.Now()), keep
	if d.broken.Load() {
		return errors.New("disk on fire")
	}
	return d.Store.PruneChanges(ctx, before, keep)
}

// prune runs the job within a bubble, in which time passes as the test says.
func prune(t *testing.T, d *disk) (log *bytes.Buffer, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log = &bytes.Buffer{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		feed.New(d, newHub(), func(store.Seq) {}, slog.New(slog.NewTextHandler(log, nil))).Prune(ctx)
	}()
	synctest.Wait()
	return log, func() { cancel(); <-done }
}

// keeps expects the log to hold the changes after a number, and no others.
func (d *disk) keeps(t *testing.T, after store.Seq) {
	t.Helper()
	head, err := d.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	changes, err := d.ChangesSince(t.Context(), after, 1000)
	if err != nil || len(changes) != int(head-after) {
		t.Errorf("after %d there are %d changes up to %d, %v", after, len(changes), head, err)
	}
	if _, err := d.ChangesSince(t.Context(), after-1, 1); after > 0 && !errors.Is(err, store.ErrGap) {
		t.Errorf("after %d: %v, want a gap", after-1, err)
	}
}

func TestPruneKeepsAWeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, alice, room := open(t)
		d := &disk{Store: db}
		old := say(t, db, alice, room, "old")
		time.Sleep(time.Hour)
		say(t, db, alice, room, "an hour younger")
		time.Sleep(7*day - time.Hour + time.Minute)
		log, stop := prune(t, d)
		d.keeps(t, store.Seq(old.ID)) // at once
		young := say(t, db, alice, room, "young")
		time.Sleep(6 * day)
		synctest.Wait()
		d.keeps(t, store.Seq(young.ID)-1)
		h, err := db.Messages(t.Context(), alice, room, store.Page{})
		if err != nil || len(h.Messages) != 3 {
			t.Errorf("%d of 3 messages are left, %v", len(h.Messages), err)
		}
		if d.keep != 1_000_000 {
			t.Errorf("%d changes are kept", d.keep)
		}
		stop()
		if log.Len() > 0 {
			t.Errorf("it complains: %s", log)
		}
	})
}

func TestPruneTriesAgainEveryHourUntilItIsToldToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, alice, room := open(t)
		d := &disk{Store: db}
		d.broken.Store(true)
		old := say(t, db, alice, room, "old")
		time.Sleep(8 * day)
		begun := time.Now()
		log, stop := prune(t, d)
		d.keeps(t, 0)
		d.broken.Store(false)
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		d.keeps(t, store.Seq(old.ID))
		if n := strings.Count(log.String(), "disk on fire"); n != 1 {
			t.Errorf("%d complaints in %s", n, log)
		}
		time.Sleep(time.Hour)
		stop()
		time.Sleep(day)
		if want := []time.Time{begun, begun.Add(time.Hour), begun.Add(2 * time.Hour)}; !slices.Equal(d.tries, want) {
			t.Errorf("it tried at %v, want %v", d.tries, want)
		}
	})
}

func TestPruneThatIsStoppedInTheMiddleDoesNotComplain(t *testing.T) {
	db, _, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var log bytes.Buffer
	feed.New(db, newHub(), func(store.Seq) {}, slog.New(slog.NewTextHandler(&log, nil))).Prune(ctx)
	if log.Len() > 0 {
		t.Errorf("it complains: %s", &log)
	}
}
