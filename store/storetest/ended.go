package storetest

import (
	"fmt"
	"sync"
	"time"

	"letstalk/store"
)

// watcher asks which logins ended, as a process does all the time.
type watcher struct {
	w    *world
	next time.Time
	seen map[store.LoginID]bool
}

func (w *world) watch() *watcher {
	w.Helper()
	x := &watcher{w: w, seen: map[store.LoginID]bool{}}
	x.look()
	w.same(len(x.seen), 0)
	return x
}

func (x *watcher) look() {
	x.w.Helper()
	got, next, err := x.w.EndedLogins(x.w.ctx, x.next)
	x.w.ok(err)
	if next.IsZero() {
		x.w.Error("there is no moment to ask from next time")
	}
	x.next = next
	for _, id := range got {
		x.seen[id] = true
	}
}

var endedLoginsPromises = []promise{
	{"are none at first, only a moment", func(w *world) {
		w.end(w.signIn("alice").ID)
		got, next, err := w.EndedLogins(w.ctx, time.Time{})
		w.ok(err)
		w.same(got, []store.LoginID{})
		w.same(next.IsZero(), false)
	}},
	{"are those that ended by whatever way, in another process", func(w *world) {
		x, other := w.watch(), w.beside()
		stays, recheck := w.signIn("stays"), login("alice")
		recheck.Recheck = 20 * time.Minute
		ending := func(name string, end func(l store.Login)) {
			w.Helper()
			l, err := w.CreateLogin(w.ctx, recheck)
			w.ok(err)
			end(l)
			w.isLive(l, false)
			x.look()
			if !x.seen[l.ID] {
				w.Errorf("%s is not among them", name)
			}
		}
		e := store.Ending{Cause: store.SignedOut}
		ending("EndLogin", func(l store.Login) { w.ok(other.EndLogin(w.ctx, l.ID, e)) })
		ending("EndUserLogin", func(l store.Login) { w.ok(other.EndUserLogin(w.ctx, l.User.ID, l.User.ID, l.ID, e)) })
		ending("EndUserLogins", func(l store.Login) {
			_, err := other.EndUserLogins(w.ctx, l.User.ID, l.User.ID, 0, e)
			w.ok(err)
		})
		ending("EndProviderLogins", func(l store.Login) {
			_, err := other.EndProviderLogins(w.ctx, w.logout(1, "sub-alice", ""))
			w.ok(err)
		})
		ending("SetUserActive", func(l store.Login) { other.lockOut(l.User); other.letIn(l.User) })
		ending("RefuseLogin", func(l store.Login) {
			w.clock.pass(20 * time.Minute)
			lease, err := other.LeaseLogin(w.ctx, l.ID, time.Minute)
			w.ok(err)
			w.ok(other.RefuseLogin(w.ctx, lease, e))
		})
		w.ok(w.TouchLogin(w.ctx, stays.ID))
		ending("ExpireLogins", func(store.Login) {
			w.clock.pass(50 * time.Minute)
			w.ok(w.TouchLogin(w.ctx, stays.ID))
			w.clock.pass(10 * time.Minute)
			_, err := other.ExpireLogins(w.ctx)
			w.ok(err)
		})
		w.same(x.seen[stays.ID], false)
	}},
	{"are not those that were renewed", func(w *world) {
		x, l := w.watch(), w.signIn("alice")
		_, err := w.RenewLogin(w.ctx, l.ID, login("alice"))
		w.ok(err)
		x.look()
		w.same(x.seen[l.ID], false)
	}},
	{"are not missed at the very moment of the question", func(w *world) {
		x := w.watch()
		for range 5 {
			l := w.signIn("alice")
			w.end(l.ID)
			x.look()
			w.same(x.seen[l.ID], true)
		}
	}},
	{"are not missed while two processes end them and time passes", func(w *world) {
		x, other := w.watch(), w.beside()
		var all []store.LoginID
		for i := range 60 {
			all = append(all, w.signIn(fmt.Sprint("person ", i%6)).ID)
		}
		var enders sync.WaitGroup
		for i, in := range []*world{w, other} {
			enders.Go(func() {
				for k := i; k < len(all); k += 2 {
					w.clock.pass(time.Millisecond)
					if err := in.EndLogin(w.ctx, all[k], store.Ending{Cause: store.SignedOut}); err != nil {
						w.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { enders.Wait(); close(done) }()
		for busy := true; busy; {
			select {
			case <-done:
				busy = false
			default:
			}
			x.look()
		}
		for _, id := range all {
			if !x.seen[id] {
				w.Errorf("login %d was missed", id)
			}
		}
	}},
	{"are soon not named any more", func(w *world) {
		x, l := w.watch(), w.signIn("alice")
		w.end(l.ID)
		x.look()
		for range 3 {
			w.clock.pass(time.Hour)
			clear(x.seen)
			x.look()
		}
		w.same(x.seen[l.ID], false)
	}},
}
