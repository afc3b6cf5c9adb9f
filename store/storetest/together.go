package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"letstalk/store"
)

// atOnce runs n calls at the same time and returns their errors.
func (w *world) atOnce(n int, call func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = call(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// count is how many of errs are of a kind.
func count(errs []error, want error) int {
	n := 0
	for _, err := range errs {
		if errors.Is(err, want) {
			n++
		}
	}
	return n
}

// postsAtOnce has many goroutines post each of their messages after the one before, and returns them by goroutine.
func (w *world) postsAtOnce(author store.User, r store.Room, posters, each int) [][]store.Message {
	w.Helper()
	all := make([][]store.Message, posters)
	for _, err := range w.atOnce(posters, func(i int) error {
		for k := range each {
			m, err := w.CreateMessage(w.ctx, author.ID, r.ID, store.Draft{Body: fmt.Sprint(i, " ", k), Nonce: fmt.Sprint(i, "/", k)})
			if err != nil {
				return err
			}
			all[i] = append(all[i], m)
		}
		return nil
	}) {
		w.ok(err)
	}
	return all
}

// follow reads the change log as the feed does until it has n changes, and expects each to follow the one before.
func (w *world) follow(ctx context.Context, after store.Seq, n, limit int) error {
	for n > 0 {
		changes, err := w.ChangesSince(ctx, after, limit)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.Seq != after+1 {
				return fmt.Errorf("change %d came after %d", c.Seq, after)
			}
			after = c.Seq
		}
		n -= len(changes)
	}
	return nil
}

var concurrencyPromises = []promise{
	{"64 who post at once leave no hole and readers skip nothing", func(w *world) {
		const posters, each = 64, 10
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		head := w.head()
		var readers sync.WaitGroup
		followed := make([]error, 3)
		for i := range followed {
			readers.Go(func() { followed[i] = w.follow(w.ctx, head, posters*each, 7+50*i) })
		}
		all := w.postsAtOnce(alice, r, posters, each)
		readers.Wait()
		for _, err := range followed {
			w.ok(err)
		}
		for i, own := range all {
			for k, m := range own {
				w.same(m.Body, fmt.Sprint(i, " ", k))
				w.same(m.ID > own[max(k-1, 0)].ID || k == 0, true)
			}
		}
		flat := slices.Concat(all...)
		slices.SortFunc(flat, func(a, b store.Message) int { return cmp.Compare(a.ID, b.ID) })
		changes := w.changes(head)
		w.same(len(changes), len(flat))
		for i, m := range flat {
			w.same(m.ID, store.MessageID(int(head)+i+1))
			w.same(changes[i].Message, m)
		}
	}},
	{"what was acknowledged can be read at once", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		for _, err := range w.atOnce(16, func(i int) error {
			for k := range 10 {
				m, err := w.CreateMessage(w.ctx, alice.ID, r.ID, store.Draft{Body: "hello", Nonce: fmt.Sprint(i, "/", k)})
				if err != nil {
					return err
				}
				got, err := w.Message(w.ctx, alice.ID, r.ID, m.ID)
				if err != nil || got != m {
					return fmt.Errorf("got %v, %w", got, err)
				}
				if h, err := w.Head(w.ctx); err != nil || h < store.Seq(m.ID) {
					return fmt.Errorf("head %d is before message %d, %w", h, m.ID, err)
				}
				if c, err := w.ChangesSince(w.ctx, store.Seq(m.ID)-1, 1); err != nil || c[0].Message != m {
					return fmt.Errorf("change %v, %w", c, err)
				}
			}
			return nil
		}) {
			w.ok(err)
		}
	}},
	{"history and its number are of one moment", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		first := w.head()
		done := make(chan error, 1)
		go func() {
			for range 200 {
				h, err := w.Messages(w.ctx, alice.ID, r.ID, store.Page{Limit: 1})
				// Only messages are made, so the number of the newest is the number of the newest change.
				if err == nil && h.Seq != first && store.Seq(h.Messages[0].ID) != h.Seq {
					err = fmt.Errorf("newest message %d, newest change %d", h.Messages[0].ID, h.Seq)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		w.postsAtOnce(alice, r, 8, 25)
		w.ok(<-done)
	}},
	{"failing writes leave no hole among others", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r, secret := w.room(alice, "General", store.Open), w.room(alice, "Secret", store.Private)
		head := w.head()
		errs := w.atOnce(90, func(i int) (err error) {
			switch i % 3 {
			case 0:
				_, err = w.CreateMessage(w.ctx, alice.ID, r.ID, store.Draft{Body: "hello", Nonce: fmt.Sprint(i)})
			case 1:
				_, err = w.CreateMessage(w.ctx, bob.ID, secret.ID, store.Draft{Body: "hello", Nonce: fmt.Sprint(i)})
			case 2:
				_, err = w.CreateRoom(w.ctx, alice.ID, store.NewRoom{Name: "general", Visibility: store.Open})
			}
			return err
		})
		w.same([]int{count(errs, nil), count(errs, store.ErrNotFound), count(errs, store.ErrConflict)}, []int{30, 30, 30})
		w.same(w.head(), head+30)
		w.ok(w.follow(w.ctx, head, 30, 100))
	}},
	{"two edits of one message are both told", func(w *world) {
		alice := w.person("alice")
		m := w.post(alice, w.room(alice, "General", store.Open), "hello")
		head := w.head()
		for _, err := range w.atOnce(10, func(i int) error {
			_, err := w.EditMessage(w.ctx, alice.ID, m.Room, m.ID, fmt.Sprint("version ", i))
			return err
		}) {
			w.ok(err)
		}
		w.same(w.head(), head+10)
	}},
}

// asViewer is what somebody can ask about a message of a room.
func (w *world) asViewer(ctx context.Context, u store.UserID, m store.Message) map[string]error {
	_, messages := w.Messages(ctx, u, m.Room, store.Page{})
	_, around := w.Messages(ctx, u, m.Room, store.Page{Around: m.ID})
	_, message := w.Message(ctx, u, m.Room, m.ID)
	_, create := w.CreateMessage(ctx, u, m.Room, w.draft("hello"))
	_, edit := w.EditMessage(ctx, u, m.Room, m.ID, "hello")
	_, del := w.DeleteMessage(ctx, u, m.Room, m.ID)
	_, changes := w.RoomChanges(ctx, u, m.Room, 0, 99, 99)
	return map[string]error{
		"Messages": messages, "Messages around": around, "Message": message, "CreateMessage": create, "EditMessage": edit,
		"DeleteMessage": del, "RoomChanges": changes,
		"SetMember": w.SetMember(ctx, u, m.Room, m.Author.ID, store.Member), "RemoveMember": w.RemoveMember(ctx, u, m.Room, m.Author.ID),
		"RemoveMember self": w.RemoveMember(ctx, u, m.Room, u), "SetDemand": w.SetDemand(ctx, u, m.Room, store.Demand{ACR: "phr"}),
	}
}

// seesNothing expects every answer to be ErrNotFound.
func (w *world) seesNothing(u store.UserID, m store.Message) {
	w.Helper()
	w.unchanged(func() {
		for name, err := range w.asViewer(w.ctx, u, m) {
			if !errors.Is(err, store.ErrNotFound) {
				w.Errorf("%s: error %v, want not found", name, err)
			}
		}
	})
}

var viewerPromises = []promise{
	{"outsider of a private room finds nothing", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		w.seesNothing(bob.ID, w.post(alice, w.room(alice, "Secret", store.Private), "hello"))
	}},
	{"somebody who was taken out finds nothing", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.member(alice, r, bob, store.Moderator)
		m := w.post(bob, r, "hello")
		w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID))
		w.seesNothing(bob.ID, m)
	}},
	{"somebody locked out finds nothing, not even in an open room", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		open, secret := w.room(bob, "General", store.Open), w.room(bob, "Secret", store.Private)
		m, n := w.post(bob, open, "hello"), w.post(bob, secret, "hello")
		w.lockOut(bob)
		w.seesNothing(bob.ID, m)
		w.seesNothing(bob.ID, n)
		_, err := w.Room(w.ctx, bob.ID, "General")
		w.fails(err, store.ErrNotFound)
		w.same(w.message(alice, m), m)
	}},
	{"unknown person finds nothing", func(w *world) {
		alice := w.person("alice")
		m := w.post(alice, w.room(alice, "General", store.Open), "hello")
		w.seesNothing(0, m)
		w.seesNothing(99, m)
	}},
	{"unknown room is not found", func(w *world) {
		alice := w.person("alice")
		m := w.post(alice, w.room(alice, "General", store.Open), "hello")
		m.Room = 99
		w.seesNothing(alice.ID, m)
	}},
}

var durabilityPromises = []promise{
	{"everything is as it was", func(w *world) {
		l, bob := w.signIn("alice"), w.person("bob")
		alice := l.User
		r, secret := w.room(alice, "General", store.Open), w.room(alice, "Secret", store.Private)
		w.member(alice, secret, bob, store.Member)
		d := w.draft("hello")
		m, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		w.edit(alice, m, "edited")
		w.delete(bob, w.post(bob, secret, "oops"))
		w.ok(w.SaveSession(w.ctx, "token", []byte("data"), w.clock.now().Add(time.Hour)))
		w.ok(w.CreateAttempt(w.ctx, attempt, time.Hour))
		w.ok(w.CreateRehearsal(w.ctx, "ticket", time.Hour))
		w.granted("bob", tea(store.Member))
		ask := func() (answers []any) {
			for _, u := range []store.User{alice, bob} {
				rooms, err := w.Rooms(w.ctx, u.ID)
				w.ok(err)
				user, err := w.User(w.ctx, u.ID)
				w.ok(err)
				answers = append(answers, rooms, user, w.history(u, r, store.Page{}), w.history(u, secret, store.Page{}))
			}
			got, err := w.Login(w.ctx, l.ID)
			w.ok(err)
			data, err := w.Session(w.ctx, "token")
			w.ok(err)
			return append(answers, got, data, w.changes(0), w.head(), w.log(), w.standing(bob.ID, bob.ID))
		}
		before := ask()
		w.reopen()
		w.same(ask(), before)
		w.outcome("ticket", "")
		_, err = w.TakeAttempt(w.ctx, attempt.State, attempt.Browser)
		w.ok(err)
	}},
	{"repeated post is still posted once", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		d := w.draft("hello")
		m, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		w.reopen()
		again, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		w.same(again, m)
	}},
	{"numbers go on where they were", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		m := w.post(alice, r, "before")
		w.reopen()
		w.same(w.post(alice, r, "after").ID, m.ID+1)
	}},
	{"time that passed meanwhile counts", func(w *world) {
		l := w.signIn("alice")
		w.ok(w.SaveSession(w.ctx, "token", nil, w.clock.now().Add(time.Hour)))
		w.ok(w.Store.Close())
		w.clock.pass(time.Hour)
		w.Store = w.open(w.T, w.dir, w.clock.now)
		w.isLive(l, false)
		_, err := w.Session(w.ctx, "token")
		w.fails(err, store.ErrNotFound)
	}},
}

var closePromises = []promise{
	{"keeps what was under way", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		posted := make(chan store.Message, 1000)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for k := 0; ; k++ {
					m, err := w.Store.CreateMessage(w.ctx, alice.ID, r.ID, store.Draft{Body: "hello", Nonce: fmt.Sprint(i, "/", k)})
					if err != nil {
						return // closed
					}
					posted <- m
				}
			})
		}
		kept := []store.Message{<-posted}
		closed := make(chan error)
		go func() { closed <- w.Store.Close() }()
		gone := make(chan struct{})
		go func() { wg.Wait(); close(posted); close(gone) }()
		for m := range posted {
			kept = append(kept, m)
		}
		<-gone
		w.ok(<-closed)
		w.Store = w.open(w.T, w.dir, w.clock.now)
		for _, m := range kept {
			w.same(w.message(alice, m), m)
		}
	}},
	{"twice does nothing more", func(w *world) {
		w.ok(w.Ping(w.ctx))
		w.ok(w.Close())
		w.ok(w.Close())
		if w.Ping(w.ctx) == nil {
			w.Error("a closed store says it can answer")
		}
		if _, err := w.CreateLogin(w.ctx, login("alice")); err == nil {
			w.Error("a closed store takes writes")
		}
	}},
}
