package storetest

import (
	"time"

	"letstalk/store"
)

var renewPromises = []promise{
	{"is the same login with a new beginning", func(w *world) {
		old := w.signIn("alice")
		w.clock.pass(30 * time.Minute)
		n := store.NewLogin{
			Identity: identity("alice"), SID: "sid-new", Tokens: []byte("new"), Address: "198.51.100.7", Agent: "Browser/2.0",
			Lifetime: 8 * time.Hour, Idle: 2 * time.Hour, AuthAt: w.clock.now().Add(-time.Minute), ACR: "phr", Recheck: 15 * time.Minute,
		}
		n.Identity.Name = "Alice B."
		got, err := w.RenewLogin(w.ctx, old.ID, n)
		w.ok(err)
		want := store.Login{
			ID: old.ID, User: old.User, SID: n.SID, Tokens: n.Tokens, Address: n.Address, Agent: n.Agent,
			CreatedAt: w.clock.now(), SeenAt: w.clock.now(), ExpiresAt: w.clock.now().Add(8 * time.Hour),
			AuthAt: n.AuthAt, ACR: "phr", RecheckAt: w.clock.now().Add(15 * time.Minute),
		}
		want.User.Identity = n.Identity
		w.same(got, want)
		kept, err := w.Login(w.ctx, old.ID)
		w.ok(err)
		w.same(kept, want)
		w.clock.pass(2*time.Hour - time.Millisecond)
		w.isLive(old, true)
		w.clock.pass(time.Millisecond)
		w.isLive(old, false)
	}},
	{"is noted as that", func(w *world) {
		l := w.signIn("alice")
		w.notes(func() {
			_, err := w.RenewLogin(w.ctx, l.ID, login("alice"))
			w.ok(err)
		}, store.AuditEntry{
			Kind: store.AuditRenewed, Actor: l.User.Person(), Subject: l.User.Person(), Login: l.ID, Address: "192.0.2.1",
		})
	}},
	{"of another person's login, or one that is over, is not found and changes nothing", func(w *world) {
		alice, over, idle, bob := w.signIn("alice"), w.signIn("alice"), w.signIn("alice"), w.person("bob")
		w.end(over.ID)
		w.clock.pass(59 * time.Minute)
		w.ok(w.TouchLogin(w.ctx, alice.ID))
		w.clock.pass(time.Minute)
		before, err := w.Login(w.ctx, alice.ID)
		w.ok(err)
		n := withRooms("bob", store.Grant{Room: "Tea", Role: store.Member, Claim: "c"})
		n.Identity.Name = "Mallory"
		w.notes(func() {
			_, err := w.RenewLogin(w.ctx, alice.ID, n)
			w.fails(err, store.ErrNotFound)
			for _, id := range []store.LoginID{over.ID, idle.ID, 0, 99} {
				_, err := w.RenewLogin(w.ctx, id, withRooms("alice", store.Grant{Room: "Tea", Role: store.Member, Claim: "c"}))
				w.fails(err, store.ErrNotFound)
			}
			stranger := login("stranger")
			_, err = w.RenewLogin(w.ctx, alice.ID, stranger)
			w.fails(err, store.ErrNotFound)
		})
		after, err := w.Login(w.ctx, alice.ID)
		w.ok(err)
		w.same(after, before)
		got, err := w.User(w.ctx, bob.ID)
		w.ok(err)
		w.same(got, bob)
		w.same(w.names(bob), []string{})
	}},
	{"of nobody is invalid", func(w *world) {
		l := w.signIn("alice")
		_, err := w.RenewLogin(w.ctx, l.ID, store.NewLogin{Lifetime: time.Hour})
		w.invalid(err, "subject")
	}},
	{"keeps its own copy of the tokens", func(w *world) {
		l, n := w.signIn("alice"), login("alice")
		_, err := w.RenewLogin(w.ctx, l.ID, n)
		w.ok(err)
		clear(n.Tokens)
		kept, err := w.Login(w.ctx, l.ID)
		w.ok(err)
		w.same(kept.Tokens, []byte{0, 1, 0xff})
	}},
}
