package storetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"letstalk/store"
)

// texts are hard to keep, and kept as they are.
var texts = []string{
	`<script>alert("x")</script> & <b>'bold'</b> &amp;`,
	`'; DROP TABLE messages; -- $1 ? %s {{.}}`,
	"👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 é e\u0301 ﷽ 𝔘𝔫𝔦",
	"שלום \u202eevil\u202c مرحبا",
	"\ufeffmark \ufffd \u200b \u0001\u001b[31m",
	"    indented code\n\n\ttab\n\nend",
	strings.Repeat("👍", store.MaxBody),
}

var createMessagePromises = []promise{
	{"keeps what was said and tells everybody", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		head := w.head()
		m := w.post(alice, r, "hello")
		w.same(m, store.Message{ID: store.MessageID(head + 1), Room: r.ID, Author: alice.Person(), Body: "hello", CreatedAt: w.clock.now()})
		w.same(w.message(alice, m), m)
		w.same(w.history(alice, r, store.Page{}).Messages, []store.Message{m})
		w.same(w.changes(head), []store.Change{{Seq: head + 1, Kind: store.MessageCreated, Room: r.ID, Slug: r.Slug, Message: m, At: w.clock.now()}})
	}},
	{"everybody may write in an open room", func(w *world) {
		r := w.room(w.person("alice"), "General", store.Open)
		w.post(w.person("bob"), r, "hello")
	}},
	{"any text comes back as it was", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		for _, body := range texts {
			m := w.post(alice, r, body)
			w.same(m.Body, body)
			w.same(w.message(alice, m), m)
		}
	}},
	{"text is cleaned", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.same(w.post(alice, r, "\r\n \r\n  one\r\ntwo\rthree \n").Body, "  one\ntwo\nthree")
	}},
	{"text that can't be kept is invalid", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.unchanged(func() {
			for _, body := range []string{"", " \r\n\t", "\u200b\u2060", "a\x00b", "a\xffb", "\xed\xa0\x80", strings.Repeat("é", store.MaxBody+1)} {
				_, err := w.CreateMessage(w.ctx, alice.ID, r.ID, w.draft(body))
				w.invalid(err, "body")
			}
		})
	}},
	{"nonce that can't be kept is invalid", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		for _, nonce := range []string{"", "a\x00", "\xff", strings.Repeat("n", store.MaxNonce+1)} {
			_, err := w.CreateMessage(w.ctx, alice.ID, r.ID, store.Draft{Body: "hello", Nonce: nonce})
			w.invalid(err, "nonce")
		}
		_, err := w.CreateMessage(w.ctx, alice.ID, r.ID, store.Draft{Body: "hello", Nonce: strings.Repeat("n", store.MaxNonce)})
		w.ok(err)
	}},
	{"outsider is not found", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.unchanged(func() {
			_, err := w.CreateMessage(w.ctx, bob.ID, r.ID, w.draft("let me in"))
			w.fails(err, store.ErrNotFound)
		})
	}},
	{"same nonce posts once", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		d := w.draft("hello")
		first, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		w.clock.pass(time.Hour)
		w.unchanged(func() {
			again, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
			w.ok(err)
			w.same(again, first)
			d.Body = "\nhello \r\n" // the same once cleaned
			again, err = w.CreateMessage(w.ctx, alice.ID, r.ID, d)
			w.ok(err)
			w.same(again, first)
		})
		w.same(len(w.history(alice, r, store.Page{}).Messages), 1)
	}},
	{"same nonce by many at once posts once", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		d := w.draft("hello")
		got := make([]store.Message, 64)
		errs := w.atOnce(64, func(i int) (err error) {
			got[i], err = w.CreateMessage(w.ctx, alice.ID, r.ID, d)
			return err
		})
		w.same(count(errs, nil), 64)
		w.same(w.history(alice, r, store.Page{}).Messages, slices.Compact(got))
	}},
	{"same nonce with other words or in another room conflicts", func(w *world) {
		alice := w.person("alice")
		r, other := w.room(alice, "General", store.Open), w.room(alice, "Other", store.Open)
		d := w.draft("hello")
		_, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		w.unchanged(func() {
			_, err = w.CreateMessage(w.ctx, alice.ID, other.ID, d)
			w.fails(err, store.ErrConflict)
			d.Body = "Hello"
			_, err = w.CreateMessage(w.ctx, alice.ID, r.ID, d)
			w.fails(err, store.ErrConflict)
		})
	}},
	{"same nonce of another person is another message", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		d := w.draft("hello")
		one, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		two, err := w.CreateMessage(w.ctx, bob.ID, r.ID, d)
		w.ok(err)
		w.same(two.Author, bob.Person())
		w.same(two.ID > one.ID, true)
	}},
	{"repeat after an edit returns the message as it is now", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		d := w.draft("hello")
		m, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		edited := w.edit(alice, m, "goodbye")
		again, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		w.same(again, edited)
		d.Body = "goodbye"
		_, err = w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.fails(err, store.ErrConflict)
	}},
	{"repeat after a deletion does not bring it back", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		d := w.draft("hello")
		m, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		deleted := w.delete(alice, m)
		again, err := w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.ok(err)
		w.same(again, deleted)
		d.Body = "other words"
		_, err = w.CreateMessage(w.ctx, alice.ID, r.ID, d)
		w.fails(err, store.ErrConflict)
	}},
	{"repeat by somebody who lost the room is not found", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r, general := w.room(alice, "Secret", store.Private), w.room(alice, "General", store.Open)
		w.member(alice, r, bob, store.Member)
		d := w.draft("hello")
		_, err := w.CreateMessage(w.ctx, bob.ID, r.ID, d)
		w.ok(err)
		w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID))
		_, err = w.CreateMessage(w.ctx, bob.ID, r.ID, d)
		w.fails(err, store.ErrNotFound)
		_, err = w.CreateMessage(w.ctx, bob.ID, general.ID, d)
		w.fails(err, store.ErrConflict)
	}},
}

var editMessagePromises = []promise{
	{"author replaces the text and tells everybody", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		m := w.post(bob, r, "helo")
		head := w.head()
		w.clock.pass(time.Minute)
		got := w.edit(bob, m, "hello\r\n")
		m.Body, m.EditedAt = "hello", w.clock.now()
		w.same(got, m)
		w.same(got.Edited(), true)
		w.same(w.message(alice, m), m)
		w.same(w.changes(head), []store.Change{{Seq: head + 1, Kind: store.MessageEdited, Room: r.ID, Slug: r.Slug, Message: m, At: w.clock.now()}})
	}},
	{"any text comes back as it was", func(w *world) {
		alice := w.person("alice")
		m := w.post(alice, w.room(alice, "General", store.Open), "hello")
		for _, body := range texts {
			w.same(w.edit(alice, m, body).Body, body)
			w.same(w.message(alice, m).Body, body)
		}
	}},
	{"moderator may", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		m := w.post(bob, w.room(alice, "General", store.Open), "rude")
		got := w.edit(alice, m, "polite")
		w.same(got.Author, bob.Person())
	}},
	{"others are forbidden", func(w *world) {
		alice, bob, carol := w.person("alice"), w.person("bob"), w.person("carol")
		r := w.room(alice, "General", store.Open)
		w.member(alice, r, carol, store.Member)
		w.room(bob, "Bobs", store.Open) // where bob is moderator, which is worth nothing here
		m := w.post(alice, r, "hello")
		w.unchanged(func() {
			for _, u := range []store.User{bob, carol} {
				_, err := w.EditMessage(w.ctx, u.ID, r.ID, m.ID, "hacked")
				w.fails(err, store.ErrForbidden)
			}
		})
		w.same(w.message(alice, m), m)
	}},
	{"same text changes nothing", func(w *world) {
		alice := w.person("alice")
		m := w.post(alice, w.room(alice, "General", store.Open), "hello")
		w.unchanged(func() { w.same(w.edit(alice, m, "hello \n"), m) })
	}},
	{"invalid text is refused", func(w *world) {
		alice := w.person("alice")
		m := w.post(alice, w.room(alice, "General", store.Open), "hello")
		for _, body := range []string{" ", "\xff", "\x00", strings.Repeat("a", store.MaxBody+1)} {
			_, err := w.EditMessage(w.ctx, alice.ID, m.Room, m.ID, body)
			w.invalid(err, "body")
		}
		w.same(w.message(alice, m), m)
	}},
	{"deleted conflicts, but not for who may not edit", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		m := w.post(alice, w.room(alice, "General", store.Open), "hello")
		w.delete(alice, m)
		w.unchanged(func() {
			_, err := w.EditMessage(w.ctx, alice.ID, m.Room, m.ID, "again")
			w.fails(err, store.ErrConflict)
			_, err = w.EditMessage(w.ctx, bob.ID, m.Room, m.ID, "again")
			w.fails(err, store.ErrForbidden)
		})
	}},
	{"message of another room is not found", func(w *world) {
		alice := w.person("alice")
		m, other := w.post(alice, w.room(alice, "General", store.Open), "hello"), w.room(alice, "Other", store.Open)
		_, err := w.EditMessage(w.ctx, alice.ID, other.ID, m.ID, "moved")
		w.fails(err, store.ErrNotFound)
		_, err = w.EditMessage(w.ctx, alice.ID, m.Room, 99, "nothing")
		w.fails(err, store.ErrNotFound)
	}},
}

var deleteMessagePromises = []promise{
	{"author takes it back and tells everybody", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		before, m, after := w.post(bob, r, "one"), w.edit(bob, w.post(bob, r, "two"), "zwei"), w.post(bob, r, "three")
		head := w.head()
		w.clock.pass(time.Minute)
		got := w.delete(bob, m)
		m.Body, m.DeletedAt = "", w.clock.now()
		w.same(got, m)
		w.same(got.Deleted(), true)
		w.same(w.history(alice, r, store.Page{}).Messages, []store.Message{before, m, after})
		w.same(w.changes(head), []store.Change{{Seq: head + 1, Kind: store.MessageDeleted, Room: r.ID, Slug: r.Slug, Message: m, At: w.clock.now()}})
	}},
	{"words are gone from every change", func(w *world) {
		alice := w.person("alice")
		m := w.post(alice, w.room(alice, "General", store.Open), "secret")
		w.edit(alice, m, "still secret")
		w.delete(alice, m)
		for _, c := range w.changes(0) {
			w.same(c.Message.Body, "")
		}
	}},
	{"moderator may, others are forbidden", func(w *world) {
		alice, bob, carol := w.person("alice"), w.person("bob"), w.person("carol")
		r := w.room(alice, "General", store.Open)
		w.member(alice, r, carol, store.Member)
		m := w.post(bob, r, "rude")
		w.unchanged(func() {
			_, err := w.DeleteMessage(w.ctx, carol.ID, r.ID, m.ID)
			w.fails(err, store.ErrForbidden)
		})
		w.delete(alice, m)
	}},
	{"twice does nothing more", func(w *world) {
		alice := w.person("alice")
		first := w.delete(alice, w.post(alice, w.room(alice, "General", store.Open), "oops"))
		w.clock.pass(time.Minute)
		w.unchanged(func() { w.same(w.delete(alice, first), first) })
	}},
	{"message of another room is not found", func(w *world) {
		alice := w.person("alice")
		m, other := w.post(alice, w.room(alice, "General", store.Open), "hello"), w.room(alice, "Other", store.Open)
		_, err := w.DeleteMessage(w.ctx, alice.ID, other.ID, m.ID)
		w.fails(err, store.ErrNotFound)
		w.same(w.message(alice, m), m)
	}},
}

var messagePromises = []promise{
	{"unknown or of another room is not found", func(w *world) {
		alice := w.person("alice")
		m, other := w.post(alice, w.room(alice, "General", store.Open), "hello"), w.room(alice, "Other", store.Open)
		_, err := w.Message(w.ctx, alice.ID, other.ID, m.ID)
		w.fails(err, store.ErrNotFound)
		for _, id := range []store.MessageID{0, -1, 1, 99, math.MaxInt64} {
			_, err := w.Message(w.ctx, alice.ID, m.Room, id)
			w.fails(err, store.ErrNotFound)
		}
	}},
}

var messagesPromises = []promise{
	{"empty room has none", func(w *world) {
		alice := w.person("alice")
		w.same(w.history(alice, w.room(alice, "General", store.Open), store.Page{}), store.History{Seq: 2})
	}},
	{"every page is the part asked for", func(w *world) {
		alice := w.person("alice")
		r, other := w.room(alice, "General", store.Open), w.room(alice, "Other", store.Open)
		var all []store.Message
		for range 9 { // between the messages of another room
			w.post(alice, other, "elsewhere")
			all = append(all, w.posts(alice, r, 1)...)
		}
		id := func(i int) store.MessageID { return all[i].ID }
		for _, c := range []struct {
			name         string
			page         store.Page
			from, to     int // of all
			older, newer bool
		}{
			{"newest", store.Page{Limit: 4}, 5, 9, true, false},
			{"newest, all that there are", store.Page{Limit: 9}, 0, 9, false, false},
			{"newest, more than there are", store.Page{Limit: 100}, 0, 9, false, false},
			{"before", store.Page{Before: id(6), Limit: 3}, 3, 6, true, true},
			{"before, up to the first", store.Page{Before: id(3), Limit: 3}, 0, 3, false, true},
			{"before the first", store.Page{Before: id(0), Limit: 3}, 0, 0, false, true},
			{"before what is no message here", store.Page{Before: id(6) - 1, Limit: 3}, 3, 6, true, true},
			{"before the future", store.Page{Before: math.MaxInt64, Limit: 3}, 6, 9, true, false},
			{"before all time", store.Page{Before: math.MinInt64, Limit: 3}, 0, 0, false, true},
			{"after", store.Page{After: id(2), Limit: 3}, 3, 6, true, true},
			{"after, up to the last", store.Page{After: id(5), Limit: 3}, 6, 9, true, false},
			{"after the last", store.Page{After: id(8), Limit: 3}, 9, 9, true, false},
			{"after all time", store.Page{After: math.MaxInt64, Limit: 3}, 9, 9, true, false},
			{"after the beginning", store.Page{After: -1, Limit: 3}, 0, 3, false, true},
			{"around, odd", store.Page{Around: id(4), Limit: 5}, 2, 7, true, true},
			{"around, even", store.Page{Around: id(4), Limit: 4}, 2, 6, true, true},
			{"around, alone", store.Page{Around: id(4), Limit: 1}, 4, 5, true, true},
			{"around the first", store.Page{Around: id(0), Limit: 5}, 0, 3, false, true},
			{"around the last", store.Page{Around: id(8), Limit: 5}, 6, 9, true, false},
			{"around, all", store.Page{Around: id(4), Limit: 9}, 0, 9, false, false},
		} {
			got := w.history(alice, r, c.page)
			want := store.History{Messages: all[c.from:c.to], Older: c.older, Newer: c.newer, Seq: w.head()}
			w.Log(c.name)
			w.same(got, want)
		}
	}},
	{"around what is no message here is not found", func(w *world) {
		alice := w.person("alice")
		r, other := w.room(alice, "General", store.Open), w.room(alice, "Other", store.Open)
		w.posts(alice, r, 3)
		elsewhere := w.post(alice, other, "elsewhere")
		w.posts(alice, r, 3)
		for _, id := range []store.MessageID{1, elsewhere.ID, 99, -1, math.MaxInt64} {
			_, err := w.Messages(w.ctx, alice.ID, r.ID, store.Page{Around: id})
			w.fails(err, store.ErrNotFound)
		}
	}},
	{"limit is 50 by default and 100 at most", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.atOnce(110, func(i int) error {
			_, err := w.CreateMessage(w.ctx, alice.ID, r.ID, store.Draft{Body: "hello", Nonce: fmt.Sprint(i)})
			return err
		})
		for limit, want := range map[int]int{0: 50, -1: 50, 1: 1, 99: 99, 100: 100, 101: 100, math.MaxInt: 100} {
			w.same(len(w.history(alice, r, store.Page{Limit: limit}).Messages), want)
		}
	}},
	{"pages walked either way are the whole history", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		all := w.posts(alice, r, 23)
		h := w.history(alice, r, store.Page{Limit: 5})
		back := h.Messages
		for h.Older {
			h = w.history(alice, r, store.Page{Before: h.Messages[0].ID, Limit: 5})
			back = append(slices.Clone(h.Messages), back...)
		}
		w.same(back, all)
		h = w.history(alice, r, store.Page{After: 1, Limit: 5})
		forth := h.Messages
		for h.Newer {
			h = w.history(alice, r, store.Page{After: h.Messages[len(h.Messages)-1].ID, Limit: 5})
			forth = append(forth, h.Messages...)
		}
		w.same(forth, all)
	}},
	{"author's name is today's", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.post(alice, r, "hello")
		l := login("alice")
		l.Identity.Name = "Alicia"
		_, err := w.CreateLogin(w.ctx, l)
		w.ok(err)
		w.same(w.history(alice, r, store.Page{}).Messages[0].Author.Name, "Alicia")
	}},
	{"locked-out author's words stay", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		m := w.post(bob, r, "hello")
		w.lockOut(bob)
		w.same(w.history(alice, r, store.Page{}).Messages, []store.Message{m})
	}},
}
