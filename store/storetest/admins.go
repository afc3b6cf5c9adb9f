package storetest

import (
	"fmt"

	"letstalk/store"
)

// asAdmin is all that only administrators may do about somebody, except that it changes nothing for who is not allowed.
func (w *world) asAdmin(viewer, user store.UserID) map[string]error {
	_, users := w.Users(w.ctx, viewer, "", 10)
	_, active := w.SetUserActive(w.ctx, viewer, user, true)
	_, inactive := w.SetUserActive(w.ctx, viewer, user, false)
	_, audit := w.AuditEntries(w.ctx, viewer, store.AuditQuery{})
	return map[string]error{
		"Users": users, "SetUserActive true": active, "SetUserActive false": inactive, "AuditEntries": audit,
		"SetAdmin true": w.SetAdmin(w.ctx, viewer, user, true), "SetAdmin false": w.SetAdmin(w.ctx, viewer, user, false),
	}
}

var peoplePromises = []promise{
	{"is forbidden to who is no administrator, about whomever", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		gone, former, lapsed := w.admin("gone"), w.admin("former"), w.claimed("lapsed", "c")
		moderator := w.granted("moderator", tea(store.Moderator))
		w.lockOut(gone)
		w.ok(w.SetAdmin(w.ctx, store.Operator, former.ID, false))
		w.claimed("lapsed", "")
		w.notes(func() {
			for _, viewer := range []store.UserID{alice.ID, gone.ID, former.ID, lapsed.ID, moderator.ID, 0, 99, -2} {
				for _, user := range []store.UserID{bob.ID, viewer, 98} {
					for name, err := range w.asAdmin(viewer, user) {
						if err == nil {
							w.Errorf("%s by %d about %d is allowed", name, viewer, user)
						} else {
							w.fails(err, store.ErrForbidden)
						}
					}
				}
				_, err := w.Standing(w.ctx, viewer, bob.ID)
				w.fails(err, store.ErrForbidden)
			}
		})
	}},
	{"is allowed to administrators by hand and by claim, and to the operator", func(w *world) {
		for i, viewer := range []store.UserID{w.admin("hand").ID, w.claimed("claim", "c").ID, store.Operator} {
			user := w.person(fmt.Sprint("person ", i))
			for name, err := range w.asAdmin(viewer, user.ID) {
				if err != nil {
					w.Errorf("%s: %v", name, err)
				}
			}
			_, err := w.Standing(w.ctx, viewer, user.ID)
			w.ok(err)
		}
	}},
	{"about an unknown person is not found", func(w *world) {
		admin := w.admin("root")
		for _, viewer := range []store.UserID{admin.ID, store.Operator} {
			for _, user := range []store.UserID{0, 99} {
				for _, yes := range []bool{true, false} {
					_, err := w.SetUserActive(w.ctx, viewer, user, yes)
					w.fails(err, store.ErrNotFound)
					w.fails(w.SetAdmin(w.ctx, viewer, user, yes), store.ErrNotFound)
				}
				_, err := w.Standing(w.ctx, viewer, user)
				w.fails(err, store.ErrNotFound)
			}
		}
	}},
}

var setActivePromises = []promise{
	{"returns the logins it ended and says why in the audit log, once", func(w *world) {
		admin := w.admin("root")
		one, two := w.signIn("alice"), w.signIn("alice")
		alice := one.User
		w.notes(func() {
			got, err := w.SetUserActive(w.ctx, admin.ID, alice.ID, false)
			w.ok(err)
			w.sameSet(got, ids(one, two))
		},
			store.AuditEntry{Kind: store.AuditDeactivated, Actor: admin.Person(), Subject: alice.Person()},
			ended(one, admin.Person(), "", store.Deactivated), ended(two, admin.Person(), "", store.Deactivated))
		for _, active := range []bool{false, true, true} {
			rows := w.noted(func() {
				got, err := w.SetUserActive(w.ctx, admin.ID, alice.ID, active)
				w.ok(err)
				w.same(got, []store.LoginID{})
			})
			u, err := w.User(w.ctx, alice.ID)
			w.ok(err)
			w.same(u.Active, active)
			if len(rows) > 0 {
				w.same(rows, []store.AuditEntry{{Kind: store.AuditActivated, Actor: admin.Person(), Subject: alice.Person()}})
			}
		}
		w.same(len(w.entries(store.AuditQuery{Kind: store.AuditActivated})), 1)
	}},
	{"locks nobody out of their own accord, but the operator may lock out anybody", func(w *world) {
		admin, l := w.admin("root"), w.signIn("root")
		w.notes(func() {
			_, err := w.SetUserActive(w.ctx, admin.ID, admin.ID, false)
			w.fails(err, store.ErrConflict)
		})
		w.isLive(l, true)
		rows := w.noted(func() { w.lockOut(admin) })
		w.same([]any{rows[0].Kind, rows[0].Actor.ID}, []any{store.AuditDeactivated, store.Operator})
		w.isLive(l, false)
	}},
	{"takes all rights at once and gives back what was there", func(w *world) {
		admin, other := w.admin("root"), w.beside()
		r := w.room(admin, "Tea", store.Private)
		m := w.post(admin, r, "hello")
		w.lockOut(admin)
		other.seesNothing(admin.ID, m)
		for _, err := range other.asAdmin(admin.ID, admin.ID) {
			w.fails(err, store.ErrForbidden)
		}
		u, err := w.User(w.ctx, admin.ID)
		w.ok(err)
		w.same([]bool{u.Active, u.AdminByHand, u.Admin()}, []bool{false, true, false})
		w.letIn(admin)
		w.same(other.message(admin, m), m)
		w.same(other.roles(admin), map[string]bool{"Tea": true})
	}},
}

var setAdminPromises = []promise{
	{"makes and unmakes one by hand, and notes each once", func(w *world) {
		root, alice := w.admin("root"), w.person("alice")
		for _, admin := range []bool{true, true, false, false} {
			before, err := w.User(w.ctx, alice.ID)
			w.ok(err)
			rows := w.noted(func() { w.ok(w.SetAdmin(w.ctx, root.ID, alice.ID, admin)) })
			got, err := w.User(w.ctx, alice.ID)
			w.ok(err)
			want := before
			want.AdminByHand = admin
			w.same(got, want)
			w.same(got.Admin(), admin)
			kind := store.AuditAdminRevoked
			if admin {
				kind = store.AuditAdminGranted
			}
			var wantRows []store.AuditEntry
			if before.AdminByHand != admin {
				wantRows = []store.AuditEntry{{Kind: kind, Actor: root.Person(), Subject: alice.Person(), Detail: "by hand"}}
			}
			w.same(rows, wantRows)
		}
	}},
	{"keeps administrators from stepping down, but the operator may unmake anybody", func(w *world) {
		root := w.admin("root")
		w.notes(func() { w.fails(w.SetAdmin(w.ctx, root.ID, root.ID, false), store.ErrConflict) })
		w.same(len(w.noted(func() { w.ok(w.SetAdmin(w.ctx, store.Operator, root.ID, false)) })), 1)
		_, err := w.Users(w.ctx, root.ID, "", 1)
		w.fails(err, store.ErrForbidden)
	}},
	{"leaves what a claim gives, and a claim what was given by hand", func(w *world) {
		alice := w.claimed("alice", "c")
		w.ok(w.SetAdmin(w.ctx, store.Operator, alice.ID, true))
		is := func(hand bool, claim string) {
			w.Helper()
			u, err := w.User(w.ctx, alice.ID)
			w.ok(err)
			w.same([]any{u.AdminByHand, u.AdminClaim, u.Admin()}, []any{hand, claim, hand || claim != ""})
		}
		is(true, "c")
		w.claimed("alice", "")
		is(true, "")
		w.claimed("alice", "d")
		is(true, "d")
		w.ok(w.SetAdmin(w.ctx, store.Operator, alice.ID, false))
		is(false, "d")
	}},
	{"by a claim is noted with it, when it comes and goes", func(w *world) {
		rows := w.noted(func() { w.claimed("alice", `groups has "root"`) })
		row := rows[0] // the sign-in that brought it
		row.Kind, row.Actor, row.Address, row.Claim = store.AuditAdminGranted, store.Person{}, "", `groups has "root"`
		w.same(rows[1:], []store.AuditEntry{row})
		w.same(len(w.noted(func() { w.claimed("alice", `groups has "root"`) })), 1)
		rows = w.noted(func() { w.claimed("alice", "") })
		row.Kind, row.Login = store.AuditAdminRevoked, rows[0].Login
		w.same(rows[1:], []store.AuditEntry{row})
		w.same(len(w.noted(func() { w.claimed("alice", "") })), 1)
	}},
}

var administratorPromises = []promise{
	{"moderates every room they may see", func(w *world) {
		alice := w.person("alice")
		open, secret := w.room(alice, "General", store.Open), w.room(alice, "Secret", store.Private)
		m, n := w.post(alice, open, "hello"), w.post(alice, secret, "hello")
		for _, admin := range []store.User{w.admin("hand"), w.claimed("claim", "c")} {
			w.same(w.roles(admin), map[string]bool{"General": true})
			w.edit(admin, m, "edited by "+admin.Identity.Name)
			w.member(admin, open, w.person("bob"), store.Moderator)
			w.member(alice, secret, admin, store.Member)
			w.same(w.roles(admin), map[string]bool{"General": true, "Secret": true})
			w.edit(admin, n, "edited by "+admin.Identity.Name)
			w.ok(w.SetDemand(w.ctx, admin.ID, secret.ID, store.Demand{ACR: admin.Identity.Name}))
		}
	}},
	{"does not see private rooms of others", func(w *world) {
		alice, admin := w.person("alice"), w.admin("root")
		w.seesNothing(admin.ID, w.post(alice, w.room(alice, "Secret", store.Private), "hello"))
		w.same(w.roles(admin), map[string]bool{})
	}},
	{"no longer is one at once", func(w *world) {
		alice, admin := w.person("alice"), w.admin("root")
		m := w.post(alice, w.room(alice, "General", store.Open), "hello")
		w.ok(w.SetAdmin(w.ctx, store.Operator, admin.ID, false))
		w.same(w.roles(admin), map[string]bool{"General": false})
		_, err := w.DeleteMessage(w.ctx, admin.ID, m.Room, m.ID)
		w.fails(err, store.ErrForbidden)
		w.claimed("root", "c")
		w.same(w.roles(admin), map[string]bool{"General": true})
		w.claimed("root", "")
		_, err = w.DeleteMessage(w.ctx, admin.ID, m.Room, m.ID)
		w.fails(err, store.ErrForbidden)
	}},
}

var usersPromises = []promise{
	{"are those whose name or address has some text, by name", func(w *world) {
		for _, p := range []struct{ subject, name, email string }{
			{"1", "carol", "carol@example.org"}, {"2", "Émile 100%", "zola@example.org"}, {"3", "alice", "root@other.example"},
			{"4", "bob_b", ""}, {"5", "alina", "x@example.org"},
		} {
			l := login(p.subject)
			l.Identity.Name, l.Identity.Email = p.name, p.email
			_, err := w.CreateLogin(w.ctx, l)
			w.ok(err)
		}
		find := func(containing string, limit int, want ...string) {
			w.Helper()
			users, err := w.Users(w.ctx, store.Operator, containing, limit)
			w.ok(err)
			var got []string
			for _, u := range users {
				got = append(got, u.Identity.Name)
				kept, err := w.User(w.ctx, u.ID)
				w.ok(err)
				w.same(u, kept)
			}
			w.same(got, want)
		}
		find("", 10, "alice", "alina", "bob_b", "carol", "Émile 100%")
		find("", 2, "alice", "alina")
		find("ALI", 10, "alice", "alina")
		find("ali", 1, "alice")
		find("ÉMILE", 10, "Émile 100%")
		find("émile", 10, "Émile 100%")
		find("@EXAMPLE.org", 10, "alina", "carol", "Émile 100%")
		find("%", 10, "Émile 100%")
		find("_", 10, "bob_b")
		find(`\`, 10)
		find("'", 10)
		find("nobody", 10)
	}},
	{"are also those who are locked out", func(w *world) {
		alice := w.person("alice")
		w.lockOut(alice)
		users, err := w.Users(w.ctx, store.Operator, "alice", 10)
		w.ok(err)
		alice.Active = false
		w.same(users, []store.User{alice})
	}},
}
