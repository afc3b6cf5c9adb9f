package storetest

import (
	"math"
	"sync"
	"time"

	"letstalk/store"
)

// seqs are the numbers of changes.
func seqs(changes []store.Change) []store.Seq {
	var all []store.Seq
	for _, c := range changes {
		all = append(all, c.Seq)
	}
	return all
}

var changesPromises = []promise{
	{"of an empty workspace are none", func(w *world) {
		w.same(w.head(), store.Seq(0))
		w.same(w.changes(0), []store.Change{})
	}},
	{"people, logins and sessions are none", func(w *world) {
		l := w.signIn("alice")
		w.ok(w.SaveSession(w.ctx, "token", nil, w.clock.now().Add(time.Hour)))
		w.ok(w.TouchLogin(w.ctx, l.ID))
		w.end(l.ID)
		w.lockOut(l.User)
		w.same(w.head(), store.Seq(0))
	}},
	{"come in order without a hole", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r, secret := w.room(alice, "General", store.Open), w.room(alice, "Secret", store.Private)
		w.member(alice, secret, bob, store.Member)
		m := w.post(bob, secret, "one")
		w.edit(bob, m, "eins")
		w.ok(w.RemoveMember(w.ctx, alice.ID, secret.ID, bob.ID))
		m = w.delete(alice, m)
		n := w.post(alice, r, "two")
		at := w.clock.now()
		w.same(w.changes(0), []store.Change{
			{Seq: 1, Kind: store.RoomCreated, Room: r.ID, Slug: r.Slug, At: at},
			{Seq: 2, Kind: store.MemberSet, Room: r.ID, Slug: r.Slug, User: alice.ID, At: at},
			{Seq: 3, Kind: store.RoomCreated, Room: secret.ID, Slug: secret.Slug, At: at},
			{Seq: 4, Kind: store.MemberSet, Room: secret.ID, Slug: secret.Slug, User: alice.ID, At: at},
			{Seq: 5, Kind: store.MemberSet, Room: secret.ID, Slug: secret.Slug, User: bob.ID, At: at},
			{Seq: 6, Kind: store.MessageCreated, Room: secret.ID, Slug: secret.Slug, Message: m, At: at},
			{Seq: 7, Kind: store.MessageEdited, Room: secret.ID, Slug: secret.Slug, Message: m, At: at},
			{Seq: 8, Kind: store.MemberRemoved, Room: secret.ID, Slug: secret.Slug, User: bob.ID, At: at},
			{Seq: 9, Kind: store.MessageDeleted, Room: secret.ID, Slug: secret.Slug, Message: m, At: at},
			{Seq: 10, Kind: store.MessageCreated, Room: r.ID, Slug: r.Slug, Message: n, At: at},
		})
	}},
	{"limit takes the oldest", func(w *world) {
		alice := w.person("alice")
		w.posts(alice, w.room(alice, "General", store.Open), 5)
		got, err := w.ChangesSince(w.ctx, 3, 2)
		w.ok(err)
		w.same(seqs(got), []store.Seq{4, 5})
		for _, limit := range []int{0, -1} {
			got, err = w.ChangesSince(w.ctx, 3, limit)
			w.ok(err)
			w.same(got, []store.Change{})
		}
	}},
	{"after the head are none, beyond it is a gap", func(w *world) {
		alice := w.person("alice")
		w.posts(alice, w.room(alice, "General", store.Open), 2)
		w.same(w.changes(w.head()), []store.Change{})
		for _, after := range []store.Seq{w.head() + 1, math.MaxInt64, -1, math.MinInt64} {
			_, err := w.ChangesSince(w.ctx, after, 10)
			w.fails(err, store.ErrGap)
		}
	}},
}

var roomChangesPromises = []promise{
	{"are those of the room after one number up to another", func(w *world) {
		alice := w.person("alice")
		r, other := w.room(alice, "General", store.Open), w.room(alice, "Other", store.Open) // 1 to 4
		for range 3 {
			w.post(alice, r, "here")      // 5, 7, 9
			w.post(alice, other, "there") // 6, 8, 10
		}
		for _, c := range []struct {
			after, upTo store.Seq
			want        []store.Seq
		}{
			{0, 10, []store.Seq{1, 2, 5, 7, 9}},
			{5, 9, []store.Seq{7, 9}},
			{5, 8, []store.Seq{7}},
			{4, 5, []store.Seq{5}},
			{5, 5, nil},
			{9, 10, nil},
			{10, 10, nil},
			{9, 99, nil},
		} {
			got, err := w.RoomChanges(w.ctx, alice.ID, r.ID, c.after, c.upTo, 10)
			w.ok(err)
			w.same(seqs(got), c.want)
		}
	}},
	{"carry messages as they are now", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		m := w.edit(alice, w.post(alice, r, "helo"), "hello")
		got, err := w.RoomChanges(w.ctx, alice.ID, r.ID, 2, 4, 10)
		w.ok(err)
		w.same(got, []store.Change{
			{Seq: 3, Kind: store.MessageCreated, Room: r.ID, Slug: r.Slug, Message: m, At: w.clock.now()},
			{Seq: 4, Kind: store.MessageEdited, Room: r.ID, Slug: r.Slug, Message: m, At: w.clock.now()},
		})
	}},
	{"more than limit is a gap, as many is not", func(w *world) {
		alice := w.person("alice")
		r, other := w.room(alice, "General", store.Open), w.room(alice, "Other", store.Open)
		w.posts(alice, r, 3)
		w.posts(alice, other, 5)
		got, err := w.RoomChanges(w.ctx, alice.ID, r.ID, 4, w.head(), 3)
		w.ok(err)
		w.same(len(got), 3)
		_, err = w.RoomChanges(w.ctx, alice.ID, r.ID, 4, w.head(), 2)
		w.fails(err, store.ErrGap)
		_, err = w.RoomChanges(w.ctx, alice.ID, r.ID, 4, w.head(), 0)
		w.fails(err, store.ErrGap)
		got, err = w.RoomChanges(w.ctx, alice.ID, r.ID, 7, w.head(), 0)
		w.ok(err)
		w.same(got, []store.Change{})
	}},
	{"cursor from the future is a gap", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		for _, c := range [][2]store.Seq{{3, 3}, {3, 2}, {2, 1}, {99, 100}, {math.MaxInt64, math.MaxInt64}, {-1, 2}} {
			_, err := w.RoomChanges(w.ctx, alice.ID, r.ID, c[0], c[1], 10)
			w.fails(err, store.ErrGap)
		}
	}},
	{"outsider is not found, even where there is a gap", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		for _, after := range []store.Seq{0, 99} {
			_, err := w.RoomChanges(w.ctx, bob.ID, r.ID, after, 99, 10)
			w.fails(err, store.ErrNotFound)
		}
	}},
}

var prunePromises = []promise{
	{"forgets the old and knows that there is a gap", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.posts(alice, r, 3)
		w.clock.pass(time.Hour)
		w.posts(alice, r, 3) // 6 to 8
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), math.MaxInt))
		w.same(w.head(), store.Seq(8))
		w.same(seqs(w.changes(5)), []store.Seq{6, 7, 8})
		for after := range store.Seq(5) {
			_, err := w.ChangesSince(w.ctx, after, 10)
			w.fails(err, store.ErrGap)
			_, err = w.RoomChanges(w.ctx, alice.ID, r.ID, after, 8, 10)
			w.fails(err, store.ErrGap)
		}
		got, err := w.RoomChanges(w.ctx, alice.ID, r.ID, 5, 8, 10)
		w.ok(err)
		w.same(seqs(got), []store.Seq{6, 7, 8})
	}},
	{"messages stay", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		all := w.posts(alice, r, 3)
		w.clock.pass(time.Hour)
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), math.MaxInt))
		w.same(w.history(alice, r, store.Page{}).Messages, all)
	}},
	{"forgets those with enough newer ones, however young", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.posts(alice, r, 6)
		w.ok(w.PruneChanges(w.ctx, time.Time{}, 8))
		w.same(len(w.changes(0)), 8)
		w.ok(w.PruneChanges(w.ctx, time.Time{}, 3))
		w.same(seqs(w.changes(5)), []store.Seq{6, 7, 8})
		_, err := w.ChangesSince(w.ctx, 4, 10)
		w.fails(err, store.ErrGap)
		_, err = w.RoomChanges(w.ctx, alice.ID, r.ID, 4, 8, 10)
		w.fails(err, store.ErrGap)
		w.ok(w.PruneChanges(w.ctx, time.Time{}, 100))
		w.same(seqs(w.changes(5)), []store.Seq{6, 7, 8})
		for _, none := range []int{0, -1} {
			w.post(alice, r, "more")
			w.ok(w.PruneChanges(w.ctx, time.Time{}, none))
			w.same(w.changes(w.head()), []store.Change{})
			_, err = w.ChangesSince(w.ctx, w.head()-1, 10)
			w.fails(err, store.ErrGap)
		}
	}},
	{"old ones go though they are among the newest", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.posts(alice, r, 2) // up to 4
		w.clock.pass(time.Hour)
		w.posts(alice, r, 2)
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), 5))
		w.same(seqs(w.changes(4)), []store.Seq{5, 6})
		_, err := w.ChangesSince(w.ctx, 3, 10)
		w.fails(err, store.ErrGap)
	}},
	{"change at the very moment is not older", func(w *world) {
		alice := w.person("alice")
		w.room(alice, "General", store.Open)
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), math.MaxInt))
		w.same(len(w.changes(0)), 2)
		w.clock.pass(time.Millisecond)
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), math.MaxInt))
		w.same(w.changes(2), []store.Change{})
	}},
	{"everything gone is still a gap", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.posts(alice, r, 3)
		w.clock.pass(time.Hour)
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), math.MaxInt))
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), math.MaxInt))
		w.reopen()
		w.same(w.changes(5), []store.Change{})
		_, err := w.ChangesSince(w.ctx, 4, 10)
		w.fails(err, store.ErrGap)
		w.same(w.post(alice, r, "next").ID, store.MessageID(6))
		w.same(seqs(w.changes(5)), []store.Seq{6})
	}},
	{"clock set back leaves no hole", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open) // 1, 2
		w.clock.pass(-time.Hour)
		w.posts(alice, r, 2) // 3, 4 are older than 1 and 2
		w.clock.pass(time.Hour)
		w.ok(w.PruneChanges(w.ctx, w.clock.now(), math.MaxInt))
		w.same(seqs(w.changes(0)), []store.Seq{1, 2, 3, 4})
	}},
	{"thousands go as well", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.postsAtOnce(alice, r, 50, 50)
		w.clock.pass(time.Hour)
		w.post(alice, r, "young")
		for _, c := range []struct {
			before time.Time
			keep   int
			first  store.Seq // the first that is left
		}{
			{time.Time{}, 2000, 504},
			{time.Time{}, 503, 2001},
			{w.clock.now(), 400, 2503},
		} {
			w.ok(w.PruneChanges(w.ctx, c.before, c.keep))
			w.same(seqs(w.changes(c.first - 1))[0], c.first)
			w.same(w.changes(2502)[0].Seq, store.Seq(2503))
			_, err := w.ChangesSince(w.ctx, c.first-2, 10)
			w.fails(err, store.ErrGap)
		}
	}},
	{"lets those who post and those who read go on", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.postsAtOnce(alice, r, 50, 60)
		head := w.head()
		w.clock.pass(time.Hour)
		var pruned sync.WaitGroup
		pruned.Go(func() {
			if err := w.PruneChanges(w.ctx, w.clock.now(), math.MaxInt); err != nil {
				w.Errorf("pruning: %v", err)
			}
		})
		young := w.posts(alice, r, 20)
		w.ok(w.follow(w.ctx, head, len(young), 7))
		pruned.Wait()
		w.same(seqs(w.changes(head))[0], store.Seq(young[0].ID))
		_, err := w.ChangesSince(w.ctx, head-1, 10)
		w.fails(err, store.ErrGap)
	}},
}

var committedPromises = []promise{
	{"comes after each change", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.signal()
		for range 3 {
			w.post(alice, r, "hello")
			w.signal()
		}
	}},
	{"stands for any number", func(w *world) {
		alice := w.person("alice")
		w.posts(alice, w.room(alice, "General", store.Open), 20) // nobody listens, and nobody is held up
		w.signal()
	}},
}

// signal waits for the store to say that it has committed changes.
func (w *world) signal() {
	w.Helper()
	select {
	case <-w.Committed():
	case <-w.ctx.Done():
		w.Fatal("no signal")
	}
}
