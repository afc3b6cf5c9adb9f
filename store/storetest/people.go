package storetest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"letstalk/store"
)

var userPromises = []promise{
	{"unknown is not found", func(w *world) {
		for _, id := range []store.UserID{0, -1, 7, math.MaxInt64} {
			_, err := w.User(w.ctx, id)
			w.fails(err, store.ErrNotFound)
		}
	}},
	{"is who signed in", func(w *world) {
		alice := w.person("alice")
		got, err := w.User(w.ctx, alice.ID)
		w.ok(err)
		w.same(got, store.User{ID: alice.ID, Identity: identity("alice"), Active: true, CreatedAt: w.clock.now()})
	}},
	{"times are kept to the millisecond in UTC", func(w *world) {
		w.clock.pass(123456 * time.Nanosecond)
		alice := w.person("alice")
		got, err := w.User(w.ctx, alice.ID)
		w.ok(err)
		w.same(got, alice)
		w.same(got.CreatedAt, w.clock.now().Truncate(time.Millisecond))
		w.same(got.CreatedAt.Location().String(), "UTC")
	}},
}

var activePromises = []promise{
	{"unknown is not found", func(w *world) {
		for _, active := range []bool{false, true} {
			_, err := w.SetUserActive(w.ctx, store.Operator, 99, active)
			w.fails(err, store.ErrNotFound)
		}
	}},
	{"locking out ends every login of that person only", func(w *world) {
		one, two, bob := w.signIn("alice"), w.signIn("alice"), w.signIn("bob")
		w.lockOut(one.User)
		w.isLive(one, false)
		w.isLive(two, false)
		w.isLive(bob, true)
		got, err := w.User(w.ctx, one.User.ID)
		w.ok(err)
		w.same(got.Active, false)
	}},
	{"letting in again does not revive logins", func(w *world) {
		l := w.signIn("alice")
		w.lockOut(l.User)
		w.letIn(l.User)
		w.isLive(l, false)
		w.isLive(w.signIn("alice"), true)
	}},
	{"twice is the same as once", func(w *world) {
		alice := w.person("alice")
		w.lockOut(alice)
		w.lockOut(alice)
		w.letIn(alice)
		w.letIn(alice)
	}},
}

var createLoginPromises = []promise{
	{"records the sign-in", func(w *world) {
		got := w.signIn("alice")
		want := store.Login{
			ID:   got.ID,
			User: store.User{ID: got.User.ID, Identity: identity("alice"), Active: true, CreatedAt: w.clock.now()},
			SID:  "sid-alice", Tokens: []byte{0, 1, 0xff}, Address: "192.0.2.1", Agent: "Browser/1.0",
			CreatedAt: w.clock.now(), SeenAt: w.clock.now(), ExpiresAt: w.clock.now().Add(12 * time.Hour),
		}
		w.same(got, want)
		kept, err := w.Login(w.ctx, got.ID)
		w.ok(err)
		w.same(kept, want)
	}},
	{"records when and how the person proved who they are, and when to ask again", func(w *world) {
		n := login("alice")
		n.AuthAt, n.ACR, n.Recheck = w.clock.now().Add(-time.Hour), "phr", 15*time.Minute
		got, err := w.CreateLogin(w.ctx, n)
		w.ok(err)
		w.same([]any{got.AuthAt, got.ACR, got.RecheckAt}, []any{n.AuthAt, "phr", w.clock.now().Add(15 * time.Minute)})
		kept, err := w.Login(w.ctx, got.ID)
		w.ok(err)
		w.same(kept, got)
	}},
	{"bare sign-in is enough", func(w *world) {
		got, err := w.CreateLogin(w.ctx, store.NewLogin{Identity: store.Identity{Issuer: "i", Subject: "s"}, Lifetime: time.Hour})
		w.ok(err)
		kept, err := w.Login(w.ctx, got.ID)
		w.ok(err)
		w.same(kept, got)
	}},
	{"same issuer and subject are one person", func(w *world) {
		one, two := w.signIn("alice"), w.signIn("alice")
		w.same(two.User.ID, one.User.ID)
		if one.ID == two.ID {
			w.Error("two sign-ins are one login")
		}
	}},
	{"same subject of another issuer is another person", func(w *world) {
		l := login("alice")
		l.Identity.Issuer = "https://other.example"
		other, err := w.CreateLogin(w.ctx, l)
		w.ok(err)
		if alice := w.person("alice"); alice.ID == other.User.ID {
			w.Error("two people are one")
		}
	}},
	{"issuer and subject do not run together", func(w *world) {
		people := map[store.UserID]bool{}
		for _, id := range []store.Identity{{Issuer: "ab", Subject: "c"}, {Issuer: "a", Subject: "bc"}, {Issuer: "AB", Subject: "c"}, {Issuer: "ab", Subject: "C"}} {
			l, err := w.CreateLogin(w.ctx, store.NewLogin{Identity: id, Lifetime: time.Hour})
			w.ok(err)
			people[l.User.ID] = true
		}
		w.same(len(people), 4)
	}},
	{"two people with the same e-mail are two people", func(w *world) {
		l := login("bob")
		l.Identity.Email = identity("alice").Email
		alice := w.person("alice")
		bob, err := w.CreateLogin(w.ctx, l)
		w.ok(err)
		if alice.ID == bob.User.ID {
			w.Error("two people are one")
		}
	}},
	{"refreshes name, e-mail and groups", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		m := w.post(alice, r, "hello")
		w.clock.pass(time.Hour)
		l := login("alice")
		l.Identity.Name, l.Identity.Email, l.Identity.Groups = "Alice B.", "", nil
		got, err := w.CreateLogin(w.ctx, l)
		w.ok(err)
		w.same(got.User, store.User{ID: alice.ID, Identity: l.Identity, Active: true, CreatedAt: alice.CreatedAt})
		w.same(w.message(alice, m).Author, store.Person{ID: alice.ID, Name: "Alice B."})
	}},
	{"locked out is forbidden and refreshes nothing", func(w *world) {
		alice := w.person("alice")
		w.lockOut(alice)
		l := login("alice")
		l.Identity.Name = "Mallory"
		_, err := w.CreateLogin(w.ctx, l)
		w.fails(err, store.ErrForbidden)
		got, err := w.User(w.ctx, alice.ID)
		w.ok(err)
		w.same(got.Identity.Name, "alice")
	}},
	{"nobody is invalid", func(w *world) {
		for _, id := range []store.Identity{{}, {Issuer: "i"}, {Subject: "s"}, {Issuer: "i", Subject: "\x00"}, {Issuer: "\xff", Subject: "s"}} {
			_, err := w.CreateLogin(w.ctx, store.NewLogin{Identity: id, Lifetime: time.Hour})
			w.invalid(err, "subject")
		}
	}},
	{"broken decoration is mended", func(w *world) {
		l := login("alice")
		l.Identity.Name, l.Identity.Groups, l.Agent = "Al\xffi\x00ce", []string{"a\x00"}, "Browser \xe9\x00"
		got, err := w.CreateLogin(w.ctx, l)
		w.ok(err)
		w.same(got.User.Identity.Name, "Al\ufffdi\ufffdce")
		w.same(got.User.Identity.Groups, []string{"a\ufffd"})
	}},
	{"any name comes back as it was", func(w *world) {
		for i, body := range texts {
			l := login(fmt.Sprint("person ", i))
			l.Identity.Name, l.Identity.Groups = body, []string{body}
			got, err := w.CreateLogin(w.ctx, l)
			w.ok(err)
			w.same(got.User.Identity, l.Identity)
		}
	}},
	{"number of a forgotten login is never given again", func(w *world) {
		old := w.signIn("alice")
		w.end(old.ID)
		w.clock.pass(90 * 24 * time.Hour)
		for range 3 {
			if l := w.signIn("bob"); l.ID <= old.ID {
				w.Errorf("login %d after login %d", l.ID, old.ID)
			}
		}
		w.isLive(old, false)
	}},
	{"keeps its own copy of the tokens", func(w *world) {
		l := login("alice")
		got, err := w.CreateLogin(w.ctx, l)
		w.ok(err)
		clear(l.Tokens)
		kept, err := w.Login(w.ctx, got.ID)
		w.ok(err)
		w.same(kept.Tokens, []byte{0, 1, 0xff})
	}},
}

var loginPromises = []promise{
	{"unknown is not found", func(w *world) {
		_, err := w.Login(w.ctx, 99)
		w.fails(err, store.ErrNotFound)
	}},
	{"ends at its lifetime however busy", func(w *world) {
		l := w.signIn("alice")
		for w.clock.now().Before(l.ExpiresAt.Add(-30 * time.Minute)) {
			w.clock.pass(30 * time.Minute)
			w.ok(w.TouchLogin(w.ctx, l.ID))
			w.isLive(l, w.clock.now().Before(l.ExpiresAt))
		}
		w.clock.pass(30*time.Minute - time.Millisecond)
		w.isLive(l, true)
		w.clock.pass(time.Millisecond)
		w.isLive(l, false)
	}},
	{"unused ends at its idle limit", func(w *world) {
		l := w.signIn("alice")
		w.clock.pass(time.Hour - time.Millisecond)
		w.isLive(l, true)
		w.clock.pass(time.Millisecond)
		w.isLive(l, false)
	}},
	{"touch starts the idle limit again", func(w *world) {
		l := w.signIn("alice")
		w.clock.pass(40 * time.Minute)
		w.ok(w.TouchLogin(w.ctx, l.ID))
		got, err := w.Login(w.ctx, l.ID)
		w.ok(err)
		w.same(got.SeenAt, w.clock.now())
		w.clock.pass(40 * time.Minute)
		w.isLive(l, true)
	}},
	{"touch does not revive", func(w *world) {
		idle, ended := w.signIn("alice"), w.signIn("bob")
		w.end(ended.ID)
		w.clock.pass(time.Hour)
		w.ok(w.TouchLogin(w.ctx, idle.ID))
		w.ok(w.TouchLogin(w.ctx, ended.ID))
		w.ok(w.TouchLogin(w.ctx, 99))
		w.isLive(idle, false)
		w.isLive(ended, false)
	}},
	{"clock set back does not unsee", func(w *world) {
		l := w.signIn("alice")
		w.clock.pass(-time.Minute)
		w.ok(w.TouchLogin(w.ctx, l.ID))
		got, err := w.Login(w.ctx, l.ID)
		w.ok(err)
		w.same(got.SeenAt, l.SeenAt)
	}},
	{"without an idle limit lives its lifetime", func(w *world) {
		n := login("alice")
		n.Idle = 0
		l, err := w.CreateLogin(w.ctx, n)
		w.ok(err)
		w.clock.pass(12*time.Hour - time.Millisecond)
		w.isLive(l, true)
	}},
	{"shortest idle limit is one", func(w *world) {
		n := login("alice")
		n.Idle = 1
		l, err := w.CreateLogin(w.ctx, n)
		w.ok(err)
		w.isLive(l, true)
		w.clock.pass(time.Millisecond)
		w.isLive(l, false)
	}},
	{"ended is over for good", func(w *world) {
		l, other := w.signIn("alice"), w.signIn("alice")
		w.end(l.ID)
		w.isLive(l, false)
		w.isLive(other, true)
		w.end(l.ID)
		w.end(99)
		w.isLive(l, false)
	}},
}

var liveLoginsPromises = []promise{
	{"are those that are live, in the order given", func(w *world) {
		a, b, c, d := w.signIn("a"), w.signIn("b"), w.signIn("c"), w.signIn("d")
		w.end(b.ID)
		w.lockOut(c.User)
		got, err := w.LiveLogins(w.ctx, []store.LoginID{d.ID, 99, c.ID, b.ID, a.ID})
		w.ok(err)
		w.same(got, []store.LoginID{d.ID, a.ID})
	}},
	{"of none are none", func(w *world) {
		got, err := w.LiveLogins(w.ctx, nil)
		w.ok(err)
		w.same(got, []store.LoginID{})
	}},
	{"of thousands are all", func(w *world) {
		var ids, want []store.LoginID
		l := w.signIn("alice")
		for i := range 2001 {
			ids = append(ids, store.LoginID(10_000+i))
		}
		for _, at := range []int{0, 199, 200, 1000, 2001} {
			ids, want = slices.Insert(ids, at, l.ID), append(want, l.ID)
		}
		got, err := w.LiveLogins(w.ctx, ids)
		w.ok(err)
		w.same(got, want)
	}},
}

var attempt = store.Attempt{
	State: "state", Browser: "browser", Nonce: "nonce", Verifier: "verifier", Return: "/chat/General?after=1#m-1",
	Demand: store.Demand{MaxAge: 10 * time.Minute, ACR: "phr phrh"}, Rehearsal: "ticket",
}

var attemptPromises = []promise{
	{"works once", func(w *world) {
		w.ok(w.CreateAttempt(w.ctx, attempt, 10*time.Minute))
		got, err := w.TakeAttempt(w.ctx, "state", "browser")
		w.ok(err)
		w.same(got, attempt)
		_, err = w.TakeAttempt(w.ctx, "state", "browser")
		w.fails(err, store.ErrNotFound)
	}},
	{"of another browser is not found and stays", func(w *world) {
		w.ok(w.CreateAttempt(w.ctx, attempt, 10*time.Minute))
		_, err := w.TakeAttempt(w.ctx, "state", "another")
		w.fails(err, store.ErrNotFound)
		_, err = w.TakeAttempt(w.ctx, "state", "browser")
		w.ok(err)
	}},
	{"unknown is not found", func(w *world) {
		_, err := w.TakeAttempt(w.ctx, "", "")
		w.fails(err, store.ErrNotFound)
	}},
	{"runs out", func(w *world) {
		late := attempt
		late.State = "late"
		w.ok(w.CreateAttempt(w.ctx, attempt, 10*time.Minute))
		w.ok(w.CreateAttempt(w.ctx, late, 10*time.Minute))
		w.clock.pass(10*time.Minute - time.Millisecond)
		_, err := w.TakeAttempt(w.ctx, "state", "browser")
		w.ok(err)
		w.clock.pass(time.Millisecond)
		_, err = w.TakeAttempt(w.ctx, "late", "browser")
		w.fails(err, store.ErrNotFound)
	}},
	{"two of one browser both work", func(w *world) {
		second := attempt
		second.State, second.Demand, second.Rehearsal = "second", store.Demand{}, ""
		w.ok(w.CreateAttempt(w.ctx, attempt, time.Minute))
		w.ok(w.CreateAttempt(w.ctx, second, time.Minute))
		for _, a := range []store.Attempt{second, attempt} {
			got, err := w.TakeAttempt(w.ctx, a.State, a.Browser)
			w.ok(err)
			w.same(got, a)
		}
	}},
	{"taken by many at once works once", func(w *world) {
		w.ok(w.CreateAttempt(w.ctx, attempt, time.Minute))
		errs := w.atOnce(32, func(int) error {
			_, err := w.TakeAttempt(w.ctx, "state", "browser")
			return err
		})
		w.same(count(errs, nil), 1)
		w.same(count(errs, store.ErrNotFound), 31)
	}},
}

var sessionPromises = []promise{
	{"unknown is not found", func(w *world) {
		_, err := w.Session(w.ctx, "none")
		w.fails(err, store.ErrNotFound)
		w.ok(w.DeleteSession(w.ctx, "none"))
	}},
	{"is what was saved", func(w *world) {
		for _, data := range [][]byte{{0, 0xff, '\n'}, {}, nil, make([]byte, 100_000)} {
			w.ok(w.SaveSession(w.ctx, "token", data, w.clock.now().Add(time.Hour)))
			got, err := w.Session(w.ctx, "token")
			w.ok(err)
			w.same(got, data)
		}
	}},
	{"saved again replaces data and end", func(w *world) {
		w.ok(w.SaveSession(w.ctx, "token", []byte("long"), w.clock.now().Add(time.Hour)))
		w.ok(w.SaveSession(w.ctx, "token", []byte("short"), w.clock.now().Add(time.Minute)))
		got, err := w.Session(w.ctx, "token")
		w.ok(err)
		w.same(got, []byte("short"))
		w.clock.pass(time.Minute)
		_, err = w.Session(w.ctx, "token")
		w.fails(err, store.ErrNotFound)
	}},
	{"ends when it expires", func(w *world) {
		w.ok(w.SaveSession(w.ctx, "token", []byte("data"), w.clock.now().Add(time.Minute)))
		w.clock.pass(time.Minute - time.Millisecond)
		_, err := w.Session(w.ctx, "token")
		w.ok(err)
		w.clock.pass(time.Millisecond)
		_, err = w.Session(w.ctx, "token")
		w.fails(err, store.ErrNotFound)
	}},
	{"deleted is gone, others stay", func(w *world) {
		w.ok(w.SaveSession(w.ctx, "token", []byte("a"), w.clock.now().Add(time.Minute)))
		w.ok(w.SaveSession(w.ctx, "TOKEN", []byte("b"), w.clock.now().Add(time.Minute)))
		w.ok(w.DeleteSession(w.ctx, "token"))
		_, err := w.Session(w.ctx, "token")
		w.fails(err, store.ErrNotFound)
		_, err = w.Session(w.ctx, "TOKEN")
		w.ok(err)
	}},
}
