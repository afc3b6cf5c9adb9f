package storetest

import (
	"strings"

	"letstalk/store"
)

var createRoomPromises = []promise{
	{"makes what was asked for", func(w *world) {
		alice := w.person("alice")
		got, err := w.CreateRoom(w.ctx, alice.ID, store.NewRoom{Name: "  Tea & Biscuits 2 ", Topic: " Milk first? ", Visibility: store.Private})
		w.ok(err)
		want := store.Room{
			ID: got.ID, Slug: "Tea-Biscuits-2", Name: "Tea & Biscuits 2", Topic: "Milk first?",
			Visibility: store.Private, CreatedAt: w.clock.now(), Moderator: true,
		}
		w.same(got, want)
		kept, err := w.Room(w.ctx, alice.ID, "Tea-Biscuits-2")
		w.ok(err)
		w.same(kept, want)
	}},
	{"tells everybody", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.same(w.changes(0), []store.Change{
			{Seq: 1, Kind: store.RoomCreated, Room: r.ID, Slug: r.Slug, At: w.clock.now()},
			{Seq: 2, Kind: store.MemberSet, Room: r.ID, Slug: r.Slug, User: alice.ID, At: w.clock.now()},
		})
	}},
	{"creator is moderator", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		w.delete(alice, w.post(bob, r, "hello"))
	}},
	{"taken slug conflicts whatever its case", func(w *world) {
		alice := w.person("alice")
		w.room(alice, "General", store.Open)
		w.room(alice, "Κόσμος ΟΔΟΣ", store.Private)
		w.unchanged(func() {
			for _, name := range []string{"General", "gENERAL", " general! ", "κόσμος οδος", "ΚΌΣΜΟΣ οδοσ"} {
				_, err := w.CreateRoom(w.ctx, alice.ID, store.NewRoom{Name: name, Visibility: store.Open})
				w.fails(err, store.ErrConflict)
			}
		})
	}},
	{"of one name by many at once makes one", func(w *world) {
		alice := w.person("alice")
		errs := w.atOnce(32, func(int) error {
			_, err := w.CreateRoom(w.ctx, alice.ID, store.NewRoom{Name: "General", Visibility: store.Open})
			return err
		})
		w.same(count(errs, nil), 1)
		w.same(count(errs, store.ErrConflict), 31)
		w.same(w.head(), store.Seq(2))
	}},
	{"invalid is refused", func(w *world) {
		alice := w.person("alice")
		w.unchanged(func() {
			for _, n := range []struct {
				store.NewRoom
				field string
			}{
				{store.NewRoom{Visibility: store.Open}, "name"},
				{store.NewRoom{Name: "!?", Visibility: store.Open}, "name"},
				{store.NewRoom{Name: "a\xff", Visibility: store.Open}, "name"},
				{store.NewRoom{Name: strings.Repeat("é", 81), Visibility: store.Open}, "name"},
				{store.NewRoom{Name: "a", Topic: "\x00", Visibility: store.Open}, "topic"},
				{store.NewRoom{Name: "a"}, "visibility"},
				{store.NewRoom{Name: "a", Visibility: "secret"}, "visibility"},
			} {
				_, err := w.CreateRoom(w.ctx, alice.ID, n.NewRoom)
				w.invalid(err, n.field)
			}
		})
		w.room(alice, strings.Repeat("é", 80), store.Open)
	}},
	{"by nobody is forbidden", func(w *world) {
		bob := w.person("bob")
		w.lockOut(bob)
		w.unchanged(func() {
			for _, id := range []store.UserID{bob.ID, 0, 99} {
				_, err := w.CreateRoom(w.ctx, id, store.NewRoom{Name: "Mine", Visibility: store.Open})
				w.fails(err, store.ErrForbidden)
			}
		})
	}},
}

var roomPromises = []promise{
	{"is found whatever the case and keeps its own", func(w *world) {
		alice := w.person("alice")
		w.room(alice, "General Élan", store.Open)
		for _, slug := range []string{"General-Élan", "general-élan", "GENERAL-ÉLAN"} {
			r, err := w.Room(w.ctx, alice.ID, slug)
			w.ok(err)
			w.same(r.Slug, "General-Élan")
		}
	}},
	{"unknown is not found", func(w *world) {
		alice := w.person("alice")
		w.room(alice, "General", store.Open)
		for _, slug := range []string{"", "General ", "Gener", "%", "_eneral", "\xff", "General\x00"} {
			_, err := w.Room(w.ctx, alice.ID, slug)
			w.fails(err, store.ErrNotFound)
		}
	}},
	{"open may be entered by everybody", func(w *world) {
		w.room(w.person("alice"), "General", store.Open)
		_, err := w.Room(w.ctx, w.person("bob").ID, "General")
		w.ok(err)
	}},
	{"private is not found for outsiders", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		_, err := w.Room(w.ctx, bob.ID, "Secret")
		w.fails(err, store.ErrNotFound)
		w.member(alice, r, bob, store.Member)
		_, err = w.Room(w.ctx, bob.ID, "Secret")
		w.ok(err)
	}},
}

var roomsPromises = []promise{
	{"of an empty workspace are none", func(w *world) {
		rooms, err := w.Rooms(w.ctx, w.person("alice").ID)
		w.ok(err)
		w.same(rooms, []store.RoomSummary{})
	}},
	{"come in the order they were made, with the last words", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		zoo, art := w.room(alice, "Zoo", store.Open), w.room(alice, "Art", store.Open)
		mine := w.room(bob, "Mine", store.Private)
		w.post(bob, zoo, "first")
		m := w.edit(bob, w.post(bob, zoo, "second"), "edited")
		w.post(bob, mine, "psst")
		rooms, err := w.Rooms(w.ctx, alice.ID)
		w.ok(err)
		w.same(rooms, []store.RoomSummary{{Room: zoo, Last: m}, {Room: art}})
	}},
	{"last words are not deleted ones", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		kept, gone := w.post(alice, r, "kept"), w.posts(alice, r, 3)
		for _, m := range gone {
			w.delete(alice, m)
		}
		rooms, err := w.Rooms(w.ctx, alice.ID)
		w.ok(err)
		w.same(rooms, []store.RoomSummary{{Room: r, Last: kept}})
		w.delete(alice, kept)
		rooms, err = w.Rooms(w.ctx, alice.ID)
		w.ok(err)
		w.same(rooms, []store.RoomSummary{{Room: r}})
	}},
	{"of a member include the private ones", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.member(alice, r, bob, store.Member)
		rooms, err := w.Rooms(w.ctx, bob.ID)
		w.ok(err)
		r.Moderator = false // bob is none
		w.same(rooms, []store.RoomSummary{{Room: r}})
	}},
	{"of somebody locked out or unknown are none", func(w *world) {
		alice := w.person("alice")
		w.room(alice, "General", store.Open)
		w.lockOut(alice)
		for _, id := range []store.UserID{alice.ID, 99} {
			rooms, err := w.Rooms(w.ctx, id)
			w.ok(err)
			w.same(rooms, []store.RoomSummary{})
		}
	}},
}

// names of the rooms the viewer may enter.
func (w *world) names(viewer store.User) []string {
	w.Helper()
	rooms, err := w.Rooms(w.ctx, viewer.ID)
	w.ok(err)
	var names []string
	for _, r := range rooms {
		names = append(names, r.Name)
	}
	return names
}

var ensureRoomsPromises = []promise{
	{"makes open rooms in order and tells everybody", func(w *world) {
		w.ok(w.EnsureRooms(w.ctx, []string{"General", "Sports", "Café"}))
		alice := w.person("alice")
		w.same(w.names(alice), []string{"General", "Sports", "Café"})
		changes := w.changes(0)
		w.same(len(changes), 3)
		for i, c := range changes {
			w.same(c, store.Change{Seq: store.Seq(i + 1), Kind: store.RoomCreated, Room: c.Room, Slug: []string{"General", "Sports", "Café"}[i], At: w.clock.now()})
		}
		r, err := w.Room(w.ctx, alice.ID, "general")
		w.ok(err)
		w.same(r, store.Room{ID: r.ID, Slug: "General", Name: "General", Visibility: store.Open, CreatedAt: w.clock.now()})
		w.post(alice, r, "hello")
	}},
	{"skips blank and repeated names", func(w *world) {
		w.ok(w.EnsureRooms(w.ctx, []string{"", " General ", "\t", "general", "GENERAL!", "Sports"}))
		w.same(w.names(w.person("alice")), []string{"General", "Sports"})
	}},
	{"of no names makes nothing", func(w *world) {
		w.ok(w.EnsureRooms(w.ctx, nil))
		w.ok(w.EnsureRooms(w.ctx, []string{" "}))
		w.same(w.head(), store.Seq(0))
	}},
	{"does nothing once there is a room", func(w *world) {
		alice := w.person("alice")
		w.room(alice, "Mine", store.Private)
		w.unchanged(func() { w.ok(w.EnsureRooms(w.ctx, []string{"General"})) })
		w.same(w.names(alice), []string{"Mine"})
	}},
	{"invalid name makes none", func(w *world) {
		w.invalid(w.EnsureRooms(w.ctx, []string{"General", "???"}), "name")
		w.same(w.names(w.person("alice")), []string{})
		w.same(w.head(), store.Seq(0))
	}},
	{"by many at once makes them once", func(w *world) {
		errs := w.atOnce(16, func(int) error { return w.EnsureRooms(w.ctx, []string{"General", "Sports"}) })
		w.same(count(errs, nil), 16)
		w.same(w.names(w.person("alice")), []string{"General", "Sports"})
	}},
}

var setMemberPromises = []promise{
	{"moderator lets people in and tells everybody", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		head := w.head()
		w.member(alice, r, bob, store.Member)
		w.post(bob, r, "hello")
		w.same(w.changes(head)[0], store.Change{Seq: head + 1, Kind: store.MemberSet, Room: r.ID, Slug: r.Slug, User: bob.ID, At: w.clock.now()})
	}},
	{"moderator can be made and unmade", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.member(alice, r, bob, store.Moderator)
		w.member(bob, r, alice, store.Member)
		w.fails(w.SetMember(w.ctx, alice.ID, r.ID, alice.ID, store.Moderator), store.ErrForbidden)
	}},
	{"same role again changes nothing", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.member(alice, r, bob, store.Member)
		w.unchanged(func() { w.member(alice, r, bob, store.Member) })
	}},
	{"is forbidden to who is no moderator", func(w *world) {
		alice, bob, carol := w.person("alice"), w.person("bob"), w.person("carol")
		secret, general := w.room(alice, "Secret", store.Private), w.room(alice, "General", store.Open)
		w.member(alice, secret, bob, store.Member)
		w.unchanged(func() {
			w.fails(w.SetMember(w.ctx, bob.ID, secret.ID, carol.ID, store.Member), store.ErrForbidden)
			w.fails(w.SetMember(w.ctx, bob.ID, general.ID, bob.ID, store.Moderator), store.ErrForbidden)
		})
	}},
	{"moderator of another room is nobody here", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		w.room(bob, "Bobs", store.Open)
		w.fails(w.SetMember(w.ctx, bob.ID, r.ID, bob.ID, store.Moderator), store.ErrForbidden)
	}},
	{"unknown person is not found", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.unchanged(func() { w.fails(w.SetMember(w.ctx, alice.ID, r.ID, 99, store.Member), store.ErrNotFound) })
	}},
	{"unknown role is invalid", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.invalid(w.SetMember(w.ctx, alice.ID, r.ID, alice.ID, "king"), "role")
	}},
}

var removeMemberPromises = []promise{
	{"moderator takes people out and tells everybody", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.member(alice, r, bob, store.Member)
		head := w.head()
		w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID))
		w.same(w.changes(head), []store.Change{{Seq: head + 1, Kind: store.MemberRemoved, Room: r.ID, Slug: r.Slug, User: bob.ID, At: w.clock.now()}})
		_, err := w.Messages(w.ctx, bob.ID, r.ID, store.Page{})
		w.fails(err, store.ErrNotFound)
	}},
	{"everybody may leave", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.member(alice, r, bob, store.Member)
		w.ok(w.RemoveMember(w.ctx, bob.ID, r.ID, bob.ID))
		w.same(w.names(bob), []string{})
	}},
	{"words stay when people leave", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.member(alice, r, bob, store.Member)
		m := w.post(bob, r, "hello")
		w.ok(w.RemoveMember(w.ctx, bob.ID, r.ID, bob.ID))
		w.same(w.message(alice, m), m)
	}},
	{"moderator taken out moderates no more", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		m := w.post(bob, r, "hello")
		w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, alice.ID))
		_, err := w.DeleteMessage(w.ctx, alice.ID, r.ID, m.ID)
		w.fails(err, store.ErrForbidden)
	}},
	{"member may not take out another", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "Secret", store.Private)
		w.member(alice, r, bob, store.Member)
		w.unchanged(func() { w.fails(w.RemoveMember(w.ctx, bob.ID, r.ID, alice.ID), store.ErrForbidden) })
	}},
	{"somebody who is no member changes nothing", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		w.unchanged(func() {
			w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID))
			w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, 99))
			w.ok(w.RemoveMember(w.ctx, bob.ID, r.ID, bob.ID))
		})
	}},
}
