package storetest

import (
	"fmt"
	"slices"
	"time"

	"letstalk/store"
)

// logout is a logout token about a provider's session, one of its own for each number.
func (w *world) logout(n int, subject, sid string) store.ProviderLogout {
	return store.ProviderLogout{
		Issuer: "https://id.example", Subject: subject, SID: sid, Token: fmt.Sprint("jti-", n),
		Expires: w.clock.now().Add(2 * time.Minute), Address: "203.0.113.9",
	}
}

// loggedOut expects a logout token to end these logins and no others, and says why in the audit log.
func (w *world) loggedOut(l store.ProviderLogout, want ...store.Login) {
	w.Helper()
	rows := w.noted(func() {
		got, err := w.EndProviderLogins(w.ctx, l)
		w.ok(err)
		w.sameSet(got, ids(want...))
	})
	rows = slices.DeleteFunc(rows, func(e store.AuditEntry) bool { return e.Kind != store.AuditSignedOut || e.Login == 0 })
	slices.SortFunc(rows, func(a, b store.AuditEntry) int { return int(a.Login - b.Login) })
	var wantRows []store.AuditEntry
	for _, l := range want {
		wantRows = append(wantRows, ended(l, store.Person{}, "203.0.113.9", store.AtProvider))
		w.isLive(l, false)
	}
	w.same(rows, wantRows)
}

// with is a sign-in of somebody in a session of the provider.
func (w *world) with(name, sid string) store.Login {
	w.Helper()
	n := login(name)
	n.SID = sid
	l, err := w.CreateLogin(w.ctx, n)
	w.ok(err)
	return l
}

var providerLogoutPromises = []promise{
	{"by session ends the logins of that session", func(w *world) {
		one, two, other, none := w.with("alice", "s1"), w.with("alice", "s1"), w.with("alice", "s2"), w.with("alice", "")
		bob := w.with("bob", "s3")
		w.loggedOut(w.logout(1, "", "s1"), one, two)
		w.loggedOut(w.logout(2, "", "S2"))
		w.loggedOut(w.logout(3, "", "unknown"))
		for _, l := range []store.Login{other, none, bob} {
			w.isLive(l, true)
		}
	}},
	{"by subject ends all logins of that person", func(w *world) {
		one, two, over, bob := w.with("alice", "s1"), w.with("alice", ""), w.with("alice", "s3"), w.with("bob", "s1")
		w.end(over.ID)
		w.loggedOut(w.logout(1, "sub-alice", ""), one, two)
		w.loggedOut(w.logout(2, "sub-nobody", ""))
		w.isLive(bob, true)
	}},
	{"by both ends the logins of that session of that person", func(w *world) {
		one, two, bob := w.with("alice", "s1"), w.with("alice", "s2"), w.with("bob", "s1")
		w.loggedOut(w.logout(1, "sub-alice", "s1"), one)
		w.isLive(two, true)
		w.isLive(bob, true)
	}},
	{"of another issuer ends nothing here", func(w *world) {
		l := w.with("alice", "s1")
		for i, x := range []store.ProviderLogout{w.logout(1, "", "s1"), w.logout(2, "sub-alice", ""), w.logout(3, "sub-alice", "s1")} {
			x.Issuer = "https://other.example"
			w.loggedOut(x)
			w.isLive(l, true)
			w.isLive(w.with("alice", fmt.Sprint("new ", i)), true)
		}
		w.isLive(w.with("alice", "s1"), true)
	}},
	{"comes once with each token, as long as it has to be remembered", func(w *world) {
		old := w.with("alice", "s1")
		x := w.logout(1, "sub-alice", "")
		w.loggedOut(x, old)
		l := w.with("alice", "s2")
		refuse := func() {
			w.Helper()
			w.notes(func() {
				got, err := w.EndProviderLogins(w.ctx, x)
				w.fails(err, store.ErrConflict)
				w.same(got, []store.LoginID{})
			})
			w.isLive(l, true)
		}
		refuse()
		w.clock.pass(2*time.Minute - time.Millisecond)
		w.reopen()
		refuse()
		foreign := x
		foreign.Issuer = "https://other.example"
		w.loggedOut(foreign)
	}},
	{"of one token by many at once, in two processes, is one", func(w *world) {
		l, other, x := w.with("alice", "s1"), w.beside(), w.logout(1, "", "s1")
		errs := w.atOnce(16, func(i int) error {
			_, err := []*world{w, other}[i%2].EndProviderLogins(w.ctx, x)
			return err
		})
		w.same([]int{count(errs, nil), count(errs, store.ErrConflict)}, []int{1, 15})
		w.isLive(l, false)
	}},
	{"stops a login of that session which is still on its way", func(w *world) {
		_, err := w.EndProviderLogins(w.ctx, w.logout(1, "", "s1"))
		w.ok(err)
		_, err = w.EndProviderLogins(w.ctx, w.logout(2, "sub-alice", "s2"))
		w.ok(err)
		for _, sid := range []string{"s1", "s2"} {
			w.notes(func() {
				n := login("alice")
				n.SID = sid
				_, err := w.CreateLogin(w.ctx, n)
				w.fails(err, store.ErrConflict)
			})
		}
		w.isLive(w.with("alice", "s3"), true)
		w.isLive(w.with("alice", ""), true)
		w.clock.pass(time.Hour / 2)
		w.isLive(w.with("alice", "s1"), true)
	}},
	{"stops a renewal in that session, too", func(w *world) {
		l := w.with("alice", "s1")
		_, err := w.EndProviderLogins(w.ctx, w.logout(1, "", "s2"))
		w.ok(err)
		n := login("alice")
		n.SID = "s2"
		_, err = w.RenewLogin(w.ctx, l.ID, n)
		w.fails(err, store.ErrConflict)
		w.isLive(l, true)
	}},
	{"of a person does not keep them from signing in again", func(w *world) {
		l := w.with("alice", "")
		w.loggedOut(w.logout(1, "sub-alice", ""), l)
		w.isLive(w.with("alice", ""), true)
		w.isLive(w.with("alice", "s1"), true)
	}},
	{"and a sign-in at the same moment leave no live login", func(w *world) {
		other := w.beside()
		for i := range 20 {
			sid := fmt.Sprint("s", i)
			n := login("alice")
			n.SID = sid
			var made store.Login
			errs := w.atOnce(2, func(which int) (err error) {
				if which == 0 {
					made, err = w.CreateLogin(w.ctx, n)
				} else {
					_, err = other.EndProviderLogins(w.ctx, w.logout(i, "", sid))
				}
				return err
			})
			w.ok(errs[1])
			if errs[0] != nil {
				w.fails(errs[0], store.ErrConflict)
			} else {
				w.isLive(made, false)
			}
		}
	}},
}
