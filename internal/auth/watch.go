package auth

import (
	"context"
	"sync"
	"time"

	"letstalk/store"
)

const (
	// watchEvery is how often it is looked for logins that have ended, so that they end their streams within a second.
	watchEvery = 500 * time.Millisecond
	// dueEvery is how many looks there are to one for logins that are in use by an open stream alone and due for a re-check.
	dueEvery = 20
	// toldFor is how long it is remembered that a login's end was told of; the store may name it again for some seconds.
	toldFor = time.Minute
)

// watch is what Watch knows from one look to the next.
type watch struct {
	since   time.Time // endings until then were told of
	told    map[store.LoginID]time.Time
	failing bool
}

// Watch ends logins that are too old or unused, finds out which were ended by others (another node, a command at the
// machine), tells of all of them, and re-checks logins, until ctx ends. Re-checks under way have 3 seconds to finish.
func (a *Auth) Watch(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	for range recheckers {
		workers.Go(func() { a.work(ctx) })
	}
	w := watch{told: map[store.LoginID]time.Time{}}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		err := a.look(ctx, &w)
		if err == nil && n%dueEvery == 0 {
			err = a.lookForDue(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !w.failing { // once, though it is tried twice a second
			a.log.ErrorContext(ctx, "looking for logins that have ended", "error", err)
		}
		w.failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look tells of the logins that have ended since the last look.
func (a *Auth) look(ctx context.Context, w *watch) error {
	if _, err := a.store.ExpireLogins(ctx); err != nil {
		return err
	}
	ended, next, err := a.store.EndedLogins(ctx, w.since)
	if err != nil {
		return err
	}
	w.since = next
	now := time.Now()
	for id, at := range w.told {
		if now.Sub(at) > toldFor {
			delete(w.told, id)
		}
	}
	var fresh []store.LoginID
	for _, id := range ended {
		if _, ok := w.told[id]; !ok {
			w.told[id] = now
			fresh = append(fresh, id)
		}
	}
	if len(fresh) > 0 {
		a.store.Outdate() // what is remembered of who is signed in may be from before
	}
	for _, id := range fresh {
		a.ended(id) // the other nodes look for themselves
	}
	return nil
}

// lookForDue wants those logins re-checked that are in use by a stream and due.
func (a *Auth) lookForDue(ctx context.Context) error {
	if a.cfg.Recheck == 0 || a.cfg.InUse == nil {
		return nil
	}
	due, err := a.store.DueLogins(ctx, a.cfg.InUse())
	for _, id := range due {
		a.rechecks.want(id)
	}
	return err
}
