package storetest

import (
	"time"

	"letstalk/store"
)

// state reads how far a room has come.
func (w *world) state(u store.User, r store.Room) store.RoomState {
	w.Helper()
	s, err := w.RoomState(w.ctx, u.ID, r.Slug)
	w.ok(err)
	return s
}

var roomStatePromises = []promise{
	{"is the room and the newest change of all", func(w *world) {
		alice := w.person("alice")
		general, tea := w.room(alice, "General", store.Open), w.room(alice, "Tea", store.Open)
		w.post(alice, tea, "milk first")
		w.same(w.state(alice, general).Room, general)
		w.same(w.state(alice, general).Seq, w.head())
	}},
	{"moves with each change of the room and with no other", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		general, tea := w.room(alice, "General", store.Open), w.room(alice, "Tea", store.Open)
		var m store.Message
		for _, change := range []func(store.Room){
			func(r store.Room) { m = w.post(bob, r, "hello") },
			func(r store.Room) { m = w.edit(bob, m, "hello all") },
			func(store.Room) { w.delete(bob, m) },
			func(r store.Room) { w.member(alice, r, bob, store.Member) },
			func(r store.Room) { w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID)) },
		} {
			before, other := w.state(alice, general), w.state(alice, tea)
			change(general)
			if after := w.state(alice, general); after.Changed == before.Changed {
				w.Errorf("a change left it at %d", after.Changed)
			}
			w.same(w.state(alice, tea).Changed, other.Changed)
		}
	}},
	{"moves when the room's last change was pruned and another came and was", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		forget := func() store.Seq {
			w.clock.pass(time.Hour)
			w.ok(w.PruneChanges(w.ctx, w.clock.now(), 0))
			return w.state(alice, r).Changed
		}
		before := forget()
		w.post(alice, r, "between")
		if after := forget(); after == before {
			w.Errorf("it is %d before and after", after)
		}
	}},
	{"is found as Room is", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		secret := w.room(alice, "Secret", store.Private)
		w.same(w.state(alice, store.Room{Slug: "sECRET"}).Room, secret)
		for _, slug := range []string{"Secret", "Nowhere", ""} {
			_, err := w.RoomState(w.ctx, bob.ID, slug)
			w.fails(err, store.ErrNotFound)
		}
		w.lockOut(alice)
		_, err := w.RoomState(w.ctx, alice.ID, "Secret")
		w.fails(err, store.ErrNotFound)
	}},
}

var epochPromises = []promise{
	{"moves with what changes who may do what, before that returns", func(w *world) {
		var alice, bob store.User
		var at store.Login
		var r store.Room
		e := store.Ending{Cause: store.EndedByOwner}
		for _, c := range []struct {
			name string
			do   func()
		}{
			{"a sign-in", func() { at = w.signIn("alice"); alice = at.User }},
			{"another", func() { bob = w.person("bob") }},
			{"a login's end", func() { w.end(at.ID) }},
			{"a session", func() { w.ok(w.SaveSession(w.ctx, "token", []byte("data"), w.clock.now().Add(time.Hour))) }},
			{"a session's end", func() { w.ok(w.DeleteSession(w.ctx, "token")) }},
			{"a room", func() { r = w.room(alice, "Tea", store.Private) }},
			{"the first rooms", func() { w.ok(w.EnsureRooms(w.ctx, []string{"General"})) }},
			{"a member", func() { w.member(alice, r, bob, store.Member) }},
			{"a member less", func() { w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID)) }},
			{"a demand", func() { w.ok(w.SetDemand(w.ctx, alice.ID, r.ID, store.Demand{ACR: "phr"})) }},
			{"a claim", func() { w.granted("bob", tea(store.Moderator)) }},
			{"a claim less", func() { w.granted("bob") }},
			{"an administrator", func() { w.ok(w.SetAdmin(w.ctx, store.Operator, bob.ID, true)) }},
			{"an administrator less", func() { w.ok(w.SetAdmin(w.ctx, store.Operator, bob.ID, false)) }},
			{"a person locked out", func() { w.lockOut(bob) }},
			{"a person let in", func() { w.letIn(bob) }},
			{"a login", func() { at = w.signIn("alice") }},
			{"its end by its person", func() { w.ok(w.EndUserLogin(w.ctx, alice.ID, alice.ID, at.ID, e)) }},
			{"one more", func() { at = w.signIn("alice") }},
			{"the end of all of a person's", func() {
				_, err := w.EndUserLogins(w.ctx, alice.ID, alice.ID, 0, e)
				w.ok(err)
			}},
			{"one of a provider's session", func() { at = w.with("alice", "s1") }},
			{"its end at the provider", func() {
				_, err := w.EndProviderLogins(w.ctx, w.logout(1, "", "s1"))
				w.ok(err)
			}},
			{"one to be checked", func() { at = w.rechecked("alice") }},
			{"a renewal", func() {
				n := login("alice")
				n.Recheck = time.Minute
				_, err := w.RenewLogin(w.ctx, at.ID, n)
				w.ok(err)
			}},
			{"what a re-check brought", func() {
				w.clock.pass(time.Minute)
				_, err := w.RefreshLogin(w.ctx, w.lease(at), refresh("alice"))
				w.ok(err)
			}},
			{"a re-check put off", func() {
				w.clock.pass(15 * time.Minute)
				w.ok(w.DelayRecheck(w.ctx, w.lease(at), time.Minute))
			}},
			{"a refusal", func() {
				w.clock.pass(time.Minute)
				w.ok(w.RefuseLogin(w.ctx, w.lease(at), e))
			}},
			{"one to grow old", func() { at = w.signIn("alice") }},
			{"its end by age", func() {
				w.clock.pass(time.Hour)
				_, err := w.ExpireLogins(w.ctx)
				w.ok(err)
			}},
		} {
			before := w.Epoch()
			c.do()
			if w.Epoch() == before {
				w.Errorf("%s did not move it", c.name)
			}
		}
	}},
	{"stays with messages, and with a login in use", func(w *world) {
		at := w.signIn("alice")
		r := w.room(at.User, "General", store.Open)
		before := w.Epoch()
		m := w.edit(at.User, w.post(at.User, r, "hello"), "hello all")
		w.delete(at.User, m)
		w.ok(w.TouchLogin(w.ctx, at.ID))
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), 1))
		w.same(w.Epoch(), before)
	}},
	{"stays with looking for what has ended, and with notes and rehearsals", func(w *world) {
		w.signIn("alice")
		before := w.Epoch()
		expired, err := w.ExpireLogins(w.ctx)
		w.ok(err)
		w.same(expired, []store.LoginID{})
		w.watch().look()
		w.ok(w.RecordAudit(w.ctx, refusal("no")))
		w.ok(w.CreateRehearsal(w.ctx, "ticket", time.Minute))
		w.ok(w.FinishRehearsal(w.ctx, "ticket", "well"))
		w.same(w.Epoch(), before)
	}},
	{"lets what is remembered never be older than a write that has returned", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		seen := store.Recent[store.UserID, store.Room]{Epoch: w.Epoch, Life: time.Hour, Size: 10}
		look := func() error {
			_, err := seen.Get(bob.ID, func() (store.Room, error) { return w.Room(w.ctx, bob.ID, r.Slug) })
			return err
		}
		// Others read all the time, so that readings begin before a write and end after it.
		stop := make(chan struct{})
		w.together(4, stop, func() { _ = look() })
		defer close(stop)
		for range 50 {
			w.member(alice, r, bob, store.Member)
			w.ok(look())
			w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID))
			w.fails(look(), store.ErrNotFound)
		}
	}},
}

// together has n goroutines do something until stop is closed, and the proof wait for their end.
func (w *world) together(n int, stop <-chan struct{}, do func()) {
	done := make(chan struct{})
	for range n {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
					do()
				}
			}
		}()
	}
	w.Cleanup(func() {
		for range n {
			<-done
		}
	})
}
