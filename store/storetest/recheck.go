package storetest

import (
	"time"

	"letstalk/store"
)

// rechecked is a sign-in whose provider is to be asked again after fifteen minutes.
func (w *world) rechecked(name string) store.Login {
	w.Helper()
	n := login(name)
	n.Recheck = 15 * time.Minute
	l, err := w.CreateLogin(w.ctx, n)
	w.ok(err)
	return l
}

// due is the same, fifteen minutes later.
func (w *world) due(name string) store.Login {
	w.Helper()
	l := w.rechecked(name)
	w.clock.pass(15 * time.Minute)
	return l
}

func (w *world) lease(l store.Login) store.Lease {
	w.Helper()
	lease, err := w.LeaseLogin(w.ctx, l.ID, time.Minute)
	w.ok(err)
	return lease
}

// noLease expects that nobody may ask the provider about a login now.
func (w *world) noLease(l store.Login) {
	w.Helper()
	_, err := w.LeaseLogin(w.ctx, l.ID, time.Minute)
	w.fails(err, store.ErrNotFound)
}

func refresh(name string) store.Refresh {
	return store.Refresh{Identity: identity(name), Tokens: []byte("refreshed"), Recheck: 15 * time.Minute}
}

// isVoid expects a lease to give no right any more.
func (w *world) isVoid(lease store.Lease) {
	w.Helper()
	r := refresh(lease.Login.User.Identity.Name)
	r.Identity.Name = "Mallory"
	r.Access = &store.Access{Admin: "c", Rooms: []store.Grant{{Room: "Stolen", Role: store.Moderator, Claim: "c"}}}
	w.notes(func() {
		w.unchanged(func() {
			_, err := w.RefreshLogin(w.ctx, lease, r)
			w.fails(err, store.ErrNotFound)
			w.fails(w.RefuseLogin(w.ctx, lease, store.Ending{Cause: store.Refused}), store.ErrNotFound)
			w.fails(w.DelayRecheck(w.ctx, lease, time.Hour), store.ErrNotFound)
		})
	})
	u, err := w.User(w.ctx, lease.Login.User.ID)
	w.ok(err)
	w.same([]string{u.Identity.Name, u.AdminClaim}, []string{lease.Login.User.Identity.Name, ""})
}

var leasePromises = []promise{
	{"is to be had once it is due", func(w *world) {
		l := w.rechecked("alice")
		w.same(l.RecheckAt, w.clock.now().Add(15*time.Minute))
		w.clock.pass(15*time.Minute - time.Millisecond)
		w.noLease(l)
		w.clock.pass(time.Millisecond)
		got := w.lease(l)
		w.same(got, store.Lease{Login: l, Until: w.clock.now().Add(time.Minute)})
		w.isLive(l, true)
	}},
	{"is never to be had of a login that is not to be checked", func(w *world) {
		n := login("alice")
		n.Idle = 0
		l, err := w.CreateLogin(w.ctx, n)
		w.ok(err)
		w.same(l.RecheckAt.IsZero(), true)
		w.clock.pass(11 * time.Hour)
		w.noLease(l)
	}},
	{"is not to be had of a login that is over", func(w *world) {
		over, locked := w.rechecked("alice"), w.rechecked("bob")
		idle := w.due("carol")
		w.end(over.ID)
		w.lockOut(locked.User)
		w.clock.pass(45 * time.Minute)
		for _, l := range []store.Login{over, locked, idle, {ID: 99}, {}} {
			w.noLease(l)
		}
	}},
	{"is one process's at a time", func(w *world) {
		l, bob, other := w.rechecked("alice"), w.rechecked("bob"), w.beside()
		w.clock.pass(15 * time.Minute)
		errs := w.atOnce(32, func(i int) error {
			_, err := []*world{w, other}[i%2].LeaseLogin(w.ctx, l.ID, time.Minute)
			return err
		})
		w.same([]int{count(errs, nil), count(errs, store.ErrNotFound)}, []int{1, 31})
		w.clock.pass(time.Minute - time.Millisecond)
		other.noLease(l)
		other.lease(bob)
	}},
	{"falls to another once its time is over", func(w *world) {
		l, other := w.due("alice"), w.beside()
		lost := w.lease(l)
		w.clock.pass(time.Minute)
		taken := other.lease(l)
		w.isVoid(lost)
		_, err := other.RefreshLogin(w.ctx, taken, refresh("alice"))
		w.ok(err)
		w.isVoid(lost)
	}},
	{"whose time is over still counts as long as nobody took it", func(w *world) {
		l := w.due("alice")
		lease := w.lease(l)
		w.clock.pass(2 * time.Minute)
		_, err := w.RefreshLogin(w.ctx, lease, refresh("alice"))
		w.ok(err)
	}},
	{"is void once the login is over", func(w *world) {
		for i, end := range []func(l store.Login){
			func(l store.Login) { w.end(l.ID) },
			func(l store.Login) { w.lockOut(l.User); w.letIn(l.User) },
			func(l store.Login) { w.clock.pass(time.Hour) },
		} {
			l := w.due([]string{"alice", "bob", "carol"}[i])
			lease := w.lease(l)
			end(l)
			w.isVoid(lease)
			w.isLive(l, false)
		}
	}},
	{"is void once the login was renewed, which may be leased anew", func(w *world) {
		l := w.due("alice")
		lease, err := w.LeaseLogin(w.ctx, l.ID, time.Hour)
		w.ok(err)
		n := login("alice")
		n.Tokens, n.Recheck = []byte("new"), time.Minute
		renewed, err := w.RenewLogin(w.ctx, l.ID, n)
		w.ok(err)
		w.isVoid(lease)
		kept, err := w.Login(w.ctx, l.ID)
		w.ok(err)
		w.same(kept, renewed)
		w.noLease(l)
		w.clock.pass(time.Minute)
		w.lease(l)
		w.isVoid(lease)
	}},
}

var dueLoginsPromises = []promise{
	{"are those to be asked about now, and nobody else's", func(w *world) {
		never, later, other := w.signIn("never"), w.rechecked("later"), w.beside()
		over, locked, leased, due := w.rechecked("over"), w.rechecked("locked"), w.rechecked("leased"), w.rechecked("due")
		all := ids(leased, due, store.Login{ID: 99}, locked, over, later, never)
		n := login("later")
		n.Recheck = 20 * time.Minute
		_, err := w.RenewLogin(w.ctx, later.ID, n)
		w.ok(err)
		is := func(want ...store.Login) {
			w.Helper()
			got, err := w.DueLogins(w.ctx, all)
			w.ok(err)
			w.sameSet(got, ids(want...))
		}
		w.end(over.ID)
		w.lockOut(locked.User)
		w.clock.pass(15*time.Minute - time.Millisecond)
		is()
		w.clock.pass(time.Millisecond)
		is(leased, due)
		lease := other.lease(leased)
		is(due)
		w.clock.pass(time.Minute)
		is(leased, due)
		w.ok(other.DelayRecheck(w.ctx, lease, time.Hour))
		is(due)
		w.clock.pass(4 * time.Minute)
		is(later, due)
		w.ok(w.TouchLogin(w.ctx, later.ID))
		w.clock.pass(40 * time.Minute)
		is(later)
	}},
	{"of none are none", func(w *world) {
		w.due("alice")
		got, err := w.DueLogins(w.ctx, nil)
		w.ok(err)
		w.same(got, []store.LoginID{})
	}},
	{"of thousands are all", func(w *world) {
		alice, bob := w.rechecked("alice"), w.due("bob")
		all := ids(alice)
		for i := range 1000 {
			all = append(all, store.LoginID(10_000+i))
		}
		got, err := w.DueLogins(w.ctx, append(all, bob.ID))
		w.ok(err)
		w.sameSet(got, ids(alice, bob))
	}},
}

var refreshPromises = []promise{
	{"keeps the new tokens and what is known of the person, and is due again later", func(w *world) {
		l := w.due("alice")
		r := refresh("alice")
		r.Identity.Name, r.Identity.Email, r.Identity.Groups = "Alice B.", "b@example.org", []string{"other"}
		got, err := w.RefreshLogin(w.ctx, w.lease(l), r)
		w.ok(err)
		want := l
		want.User.Identity, want.Tokens, want.RecheckAt = r.Identity, r.Tokens, w.clock.now().Add(15*time.Minute)
		w.same(got, want)
		kept, err := w.Login(w.ctx, l.ID)
		w.ok(err)
		w.same(kept, want)
		w.clock.pass(15*time.Minute - time.Millisecond)
		w.noLease(l)
		w.clock.pass(time.Millisecond)
		w.same(w.lease(l).Login, want)
	}},
	{"gives no time beyond the lifetime and is no use", func(w *world) {
		l := w.due("alice")
		got, err := w.RefreshLogin(w.ctx, w.lease(l), refresh("alice"))
		w.ok(err)
		w.same([]time.Time{got.ExpiresAt, got.SeenAt, got.CreatedAt}, []time.Time{l.ExpiresAt, l.SeenAt, l.CreatedAt})
		w.clock.pass(45 * time.Minute)
		w.isLive(l, false)
	}},
	{"uses the lease up", func(w *world) {
		lease := w.lease(w.due("alice"))
		_, err := w.RefreshLogin(w.ctx, lease, refresh("alice"))
		w.ok(err)
		w.isVoid(lease)
		w.clock.pass(15 * time.Minute)
		w.isVoid(lease)
	}},
	{"may be the last", func(w *world) {
		l := w.due("alice")
		r := refresh("alice")
		r.Recheck = 0
		got, err := w.RefreshLogin(w.ctx, w.lease(l), r)
		w.ok(err)
		w.same(got.RecheckAt.IsZero(), true)
		w.clock.pass(30 * time.Minute)
		w.isLive(l, true)
		w.noLease(l)
	}},
	{"that found nothing new is not in the audit log", func(w *world) {
		w.ok(w.EnsureRooms(w.ctx, []string{"Tea"}))
		n := withRooms("alice", store.Grant{Room: "Tea", Role: store.Member, Claim: "c"})
		n.Access.Admin, n.Recheck = "a", time.Minute
		l, err := w.CreateLogin(w.ctx, n)
		w.ok(err)
		w.clock.pass(time.Minute)
		r := refresh("alice")
		r.Access = n.Access
		w.notes(func() {
			w.unchanged(func() {
				_, err := w.RefreshLogin(w.ctx, w.lease(l), r)
				w.ok(err)
			})
		})
	}},
	{"by one lease at many at once is one", func(w *world) {
		lease, other := w.lease(w.due("alice")), w.beside()
		errs := w.atOnce(16, func(i int) error {
			_, err := []*world{w, other}[i%2].RefreshLogin(w.ctx, lease, refresh("alice"))
			return err
		})
		w.same([]int{count(errs, nil), count(errs, store.ErrNotFound)}, []int{1, 15})
	}},
	{"keeps its own copy of the tokens", func(w *world) {
		l, r := w.due("alice"), refresh("alice")
		_, err := w.RefreshLogin(w.ctx, w.lease(l), r)
		w.ok(err)
		clear(r.Tokens)
		kept, err := w.Login(w.ctx, l.ID)
		w.ok(err)
		w.same(string(kept.Tokens), "refreshed")
	}},
}

var refusePromises = []promise{
	{"ends the login and says why", func(w *world) {
		for i, c := range []store.Cause{store.Refused, store.NotAllowed} {
			l := w.due([]string{"alice", "bob"}[i])
			lease := w.lease(l)
			w.notes(func() { w.ok(w.RefuseLogin(w.ctx, lease, store.Ending{Cause: c})) }, ended(l, store.Person{}, "", c))
			w.isLive(l, false)
			w.isVoid(lease)
		}
	}},
	{"ends no other login of that person", func(w *world) {
		other := w.rechecked("alice")
		l := w.due("alice")
		w.ok(w.RefuseLogin(w.ctx, w.lease(l), store.Ending{Cause: store.Refused}))
		w.isLive(other, true)
	}},
}

var delayPromises = []promise{
	{"has it tried again later, by whoever comes first", func(w *world) {
		l, other := w.due("alice"), w.beside()
		lease := w.lease(l)
		w.notes(func() { w.ok(w.DelayRecheck(w.ctx, lease, 10*time.Minute)) })
		w.isVoid(lease)
		kept, err := w.Login(w.ctx, l.ID)
		w.ok(err)
		want := l
		want.RecheckAt = w.clock.now().Add(10 * time.Minute)
		w.same(kept, want)
		w.clock.pass(10*time.Minute - time.Millisecond)
		other.noLease(l)
		w.clock.pass(time.Millisecond)
		other.lease(l)
	}},
}
