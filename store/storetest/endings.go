package storetest

import (
	"fmt"
	"slices"
	"time"

	"letstalk/store"
)

// beside is another process on the same data.
func (w *world) beside() *world {
	w.Helper()
	other := *w
	other.Store = w.open(w.T, w.dir, w.clock.now)
	w.Cleanup(func() { other.Store.Close() })
	return &other
}

// admin is an administrator by hand.
func (w *world) admin(name string) store.User {
	w.Helper()
	u := w.person(name)
	w.ok(w.SetAdmin(w.ctx, store.Operator, u.ID, true))
	u, err := w.User(w.ctx, u.ID)
	w.ok(err)
	return u
}

// ended is the audit entry of a login's end.
func ended(l store.Login, by store.Person, address string, cause store.Cause) store.AuditEntry {
	return store.AuditEntry{
		Kind: store.AuditSignedOut, Actor: by, Subject: l.User.Person(), Login: l.ID, Address: address, Detail: string(cause),
	}
}

// ids of logins.
func ids(logins ...store.Login) []store.LoginID {
	var all []store.LoginID
	for _, l := range logins {
		all = append(all, l.ID)
	}
	return all
}

// sameSet compares without regard to order.
func (w *world) sameSet(got, want []store.LoginID) {
	w.Helper()
	w.same(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want)))
}

var endLoginPromises = []promise{
	{"says in the audit log why, by whom and from where, once", func(w *world) {
		admin, nobody := w.admin("root"), store.Person{}
		for i, c := range []store.Cause{store.SignedOut, store.EndedByOwner, store.Refused, store.NotAllowed, store.Replaced, store.Abandoned} {
			l := w.signIn(fmt.Sprint("person ", i))
			e := store.Ending{Cause: c, By: l.User.ID, Address: "198.51.100.7"}
			w.notes(func() { w.ok(w.EndLogin(w.ctx, l.ID, e)) }, ended(l, l.User.Person(), "198.51.100.7", c))
			w.isLive(l, false)
			w.notes(func() { w.ok(w.EndLogin(w.ctx, l.ID, store.Ending{Cause: store.EndedByAdmin})) })
		}
		one, two := w.signIn("one"), w.signIn("two")
		w.notes(func() {
			w.ok(w.EndLogin(w.ctx, one.ID, store.Ending{Cause: store.EndedByAdmin, By: admin.ID}))
			w.ok(w.EndLogin(w.ctx, two.ID, store.Ending{Cause: store.AtProvider}))
		}, ended(one, admin.Person(), "", store.EndedByAdmin), ended(two, nobody, "", store.AtProvider))
		w.notes(func() { w.end(99) })
	}},
	{"by many at once, in two processes, is one end", func(w *world) {
		l, other := w.signIn("alice"), w.beside()
		rows := w.noted(func() {
			for _, err := range w.atOnce(16, func(i int) error {
				return []*world{w, other}[i%2].EndLogin(w.ctx, l.ID, store.Ending{Cause: store.SignedOut})
			}) {
				w.ok(err)
			}
		})
		w.same(rows, []store.AuditEntry{ended(l, store.Person{}, "", store.SignedOut)})
	}},
	{"is seen by other processes", func(w *world) {
		l, other := w.signIn("alice"), w.beside()
		other.isLive(l, true)
		w.end(l.ID)
		other.isLive(l, false)
	}},
}

var userLoginsPromises = []promise{
	{"are the live ones of that person, those seen last first", func(w *world) {
		var all []store.Login
		for range 4 {
			all = append(all, w.signIn("alice"))
			w.clock.pass(time.Minute)
		}
		w.signIn("bob")
		w.end(all[1].ID)
		w.ok(w.TouchLogin(w.ctx, all[0].ID))
		got, err := w.UserLogins(w.ctx, all[0].User.ID, all[0].User.ID)
		w.ok(err)
		var want []store.Login
		for _, i := range []int{0, 3, 2} {
			l, err := w.Login(w.ctx, all[i].ID)
			w.ok(err)
			want = append(want, l)
		}
		w.same(got, want)
		w.clock.pass(time.Hour)
		got, err = w.UserLogins(w.ctx, all[0].User.ID, all[0].User.ID)
		w.ok(err)
		w.same(got, []store.Login{})
	}},
	{"are shown to that person, to administrators and to the operator", func(w *world) {
		l, admin := w.signIn("alice"), w.admin("root")
		for _, viewer := range []store.UserID{l.User.ID, admin.ID, store.Operator} {
			got, err := w.UserLogins(w.ctx, viewer, l.User.ID)
			w.ok(err)
			w.same(ids(got...), ids(l))
		}
	}},
	{"and their ends are forbidden to everybody else", func(w *world) {
		l, bob, gone := w.signIn("alice"), w.person("bob"), w.admin("gone")
		w.lockOut(gone)
		w.notes(func() {
			for _, viewer := range []store.UserID{bob.ID, gone.ID, 0, 99} {
				e := store.Ending{Cause: store.EndedByOwner, By: viewer}
				_, err := w.UserLogins(w.ctx, viewer, l.User.ID)
				w.fails(err, store.ErrForbidden)
				w.fails(w.EndUserLogin(w.ctx, viewer, l.User.ID, l.ID, e), store.ErrForbidden)
				_, err = w.EndUserLogins(w.ctx, viewer, l.User.ID, 0, e)
				w.fails(err, store.ErrForbidden)
			}
		})
		w.isLive(l, true)
	}},
}

var endUserLoginPromises = []promise{
	{"ends one, for that person, administrators and the operator", func(w *world) {
		one, two, three, stays := w.signIn("alice"), w.signIn("alice"), w.signIn("alice"), w.signIn("alice")
		admin, alice := w.admin("root"), one.User
		w.notes(func() {
			w.ok(w.EndUserLogin(w.ctx, alice.ID, alice.ID, one.ID, store.Ending{Cause: store.EndedByOwner, By: alice.ID, Address: "198.51.100.7"}))
			w.ok(w.EndUserLogin(w.ctx, admin.ID, alice.ID, two.ID, store.Ending{Cause: store.EndedByAdmin, By: admin.ID}))
		}, ended(one, alice.Person(), "198.51.100.7", store.EndedByOwner), ended(two, admin.Person(), "", store.EndedByAdmin))
		rows := w.noted(func() {
			w.ok(w.EndUserLogin(w.ctx, store.Operator, alice.ID, three.ID, store.Ending{Cause: store.EndedByAdmin, By: store.Operator}))
		})
		w.same(rows[0].Actor.ID, store.Operator)
		for _, l := range []store.Login{one, two, three} {
			w.isLive(l, false)
		}
		w.isLive(stays, true)
	}},
	{"of somebody else, ended or unknown is not found", func(w *world) {
		over, idle, bob := w.signIn("alice"), w.signIn("alice"), w.signIn("bob")
		alice := over.User
		w.end(over.ID)
		w.clock.pass(59 * time.Minute)
		w.ok(w.TouchLogin(w.ctx, bob.ID))
		w.clock.pass(time.Minute)
		w.notes(func() {
			for _, id := range []store.LoginID{over.ID, idle.ID, bob.ID, 0, 99} {
				for _, viewer := range []store.UserID{alice.ID, store.Operator} {
					w.fails(w.EndUserLogin(w.ctx, viewer, alice.ID, id, store.Ending{Cause: store.EndedByOwner, By: viewer}), store.ErrNotFound)
				}
			}
		})
		w.isLive(bob, true)
	}},
	{"ends all but one", func(w *world) {
		keep, one, two, over, bob := w.signIn("alice"), w.signIn("alice"), w.signIn("alice"), w.signIn("alice"), w.signIn("bob")
		alice := keep.User
		w.end(over.ID)
		e := store.Ending{Cause: store.EndedByOwner, By: alice.ID, Address: "198.51.100.7"}
		rows := w.noted(func() {
			got, err := w.EndUserLogins(w.ctx, alice.ID, alice.ID, keep.ID, e)
			w.ok(err)
			w.sameSet(got, ids(one, two))
		})
		slices.SortFunc(rows, func(a, b store.AuditEntry) int { return int(a.Login - b.Login) })
		w.same(rows, []store.AuditEntry{
			ended(one, alice.Person(), e.Address, e.Cause), ended(two, alice.Person(), e.Address, e.Cause),
		})
		w.isLive(keep, true)
		w.isLive(bob, true)
		w.notes(func() {
			got, err := w.EndUserLogins(w.ctx, alice.ID, alice.ID, keep.ID, e)
			w.ok(err)
			w.same(got, []store.LoginID{})
		})
	}},
	{"ends all where none is kept, or one of somebody else", func(w *world) {
		bob := w.signIn("bob")
		for _, keep := range []store.LoginID{0, 99, bob.ID} {
			one, two := w.signIn("alice"), w.signIn("alice")
			got, err := w.EndUserLogins(w.ctx, store.Operator, one.User.ID, keep, store.Ending{Cause: store.EndedByAdmin, By: store.Operator})
			w.ok(err)
			w.sameSet(got, ids(one, two))
			w.isLive(one, false)
			w.isLive(two, false)
		}
		w.isLive(bob, true)
	}},
}

var expirePromises = []promise{
	{"ends what is too old and what was unused, once each", func(w *world) {
		n := login("old")
		n.Idle = 0
		old, err := w.CreateLogin(w.ctx, n)
		w.ok(err)
		w.clock.pass(11*time.Hour + 30*time.Minute)
		idle, fresh := w.signIn("idle"), w.signIn("fresh")
		expire := func(want ...store.Login) {
			w.Helper()
			var rows []store.AuditEntry
			for _, l := range want {
				cause := store.Idle
				if l.ID == old.ID {
					cause = store.Expired
				}
				rows = append(rows, ended(l, store.Person{}, "", cause))
			}
			w.notes(func() {
				got, err := w.ExpireLogins(w.ctx)
				w.ok(err)
				w.sameSet(got, ids(want...))
			}, rows...)
		}
		expire()
		w.clock.pass(30*time.Minute - time.Millisecond)
		expire()
		w.isLive(old, true)
		w.clock.pass(time.Millisecond)
		expire(old)
		expire()
		w.ok(w.TouchLogin(w.ctx, fresh.ID))
		w.clock.pass(30 * time.Minute)
		expire(idle)
		expire()
		w.isLive(fresh, true)
	}},
	{"leaves what ended otherwise as it ended", func(w *world) {
		l, locked := w.signIn("alice"), w.signIn("bob")
		w.end(l.ID)
		w.lockOut(locked.User)
		w.clock.pass(24 * time.Hour)
		w.notes(func() {
			got, err := w.ExpireLogins(w.ctx)
			w.ok(err)
			w.same(got, []store.LoginID{})
		})
	}},
	{"of hundreds, by several processes at once, ends each once", func(w *world) {
		other := w.beside()
		for _, err := range w.atOnce(250, func(i int) error {
			_, err := w.CreateLogin(w.ctx, login(fmt.Sprint("person ", i%10)))
			return err
		}) {
			w.ok(err)
		}
		w.clock.pass(time.Hour)
		rows := w.noted(func() {
			for _, err := range w.atOnce(4, func(i int) error {
				_, err := []*world{w, other}[i%2].ExpireLogins(w.ctx)
				return err
			}) {
				w.ok(err)
			}
		})
		once := map[store.LoginID]bool{}
		for _, e := range rows {
			once[e.Login] = true
		}
		w.same([]int{len(rows), len(once)}, []int{250, 250})
	}},
}
