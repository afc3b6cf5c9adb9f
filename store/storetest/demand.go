package storetest

import (
	"strings"
	"time"

	"letstalk/store"
)

var setDemandPromises = []promise{
	{"is read with the room and tells everybody", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		w.same(r.Demand, store.Demand{})
		want := r
		want.Demand = store.Demand{MaxAge: 10 * time.Minute, ACR: "phr phrh"}
		rows := []store.AuditEntry(nil)
		w.same(w.told(func() {
			rows = w.noted(func() {
				w.ok(w.SetDemand(w.ctx, alice.ID, r.ID, store.Demand{MaxAge: 10 * time.Minute, ACR: "  phr\t phrh "}))
			})
		}), []store.Change{{Kind: store.RoomChanged, Room: r.ID, Slug: r.Slug}})
		w.same(len(rows), 1)
		rows[0].Detail = ""
		w.same(rows[0], store.AuditEntry{Kind: store.AuditRoomChanged, Actor: alice.Person(), Room: r.ID, Place: r.Name})
		w.same([]store.Room{w.find(alice, "General"), w.state(alice, r).Room}, []store.Room{want, want})
		want.Moderator = false // bob is none
		rooms, err := w.Rooms(w.ctx, bob.ID)
		w.ok(err)
		w.same(rooms, []store.RoomSummary{{Room: want}})
		w.ok(w.SetDemand(w.ctx, alice.ID, r.ID, store.Demand{}))
		w.same(w.find(alice, "General"), r)
	}},
	{"as it is already changes nothing", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		for _, d := range []store.Demand{{}, {MaxAge: time.Hour}, {ACR: "phr"}} {
			w.ok(w.SetDemand(w.ctx, alice.ID, r.ID, d))
			w.notes(func() { w.unchanged(func() { w.ok(w.SetDemand(w.ctx, alice.ID, r.ID, d)) }) })
		}
	}},
	{"is for moderators: by hand, by claim, or as administrators", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "Tea", store.Private)
		bob, admin := w.granted("bob", tea(store.Moderator)), w.admin("root")
		w.member(alice, r, admin, store.Member)
		for i, u := range []store.User{alice, bob, admin} {
			d := store.Demand{MaxAge: time.Duration(i+1) * time.Minute}
			w.ok(w.SetDemand(w.ctx, u.ID, r.ID, d))
			w.same(w.find(u, "Tea").Demand, d)
		}
	}},
	{"is forbidden to other members and not found for who may not see the room", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		secret, general := w.room(alice, "Secret", store.Private), w.room(alice, "General", store.Open)
		carol, admin := w.person("carol"), w.admin("root")
		w.member(alice, secret, bob, store.Member)
		d := store.Demand{MaxAge: time.Hour}
		w.notes(func() {
			w.unchanged(func() {
				w.fails(w.SetDemand(w.ctx, bob.ID, secret.ID, d), store.ErrForbidden)
				w.fails(w.SetDemand(w.ctx, carol.ID, general.ID, d), store.ErrForbidden)
				for _, id := range []store.UserID{carol.ID, admin.ID, 0, 99} {
					w.fails(w.SetDemand(w.ctx, id, secret.ID, d), store.ErrNotFound)
				}
				w.fails(w.SetDemand(w.ctx, alice.ID, 99, d), store.ErrNotFound)
			})
		})
		w.same(w.find(alice, "General").Demand, store.Demand{})
	}},
	{"that can't be is invalid", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		w.notes(func() {
			w.unchanged(func() {
				for _, age := range []time.Duration{-time.Minute, time.Second, time.Minute + time.Millisecond, store.MaxMaxAge + time.Second} {
					w.invalid(w.SetDemand(w.ctx, alice.ID, r.ID, store.Demand{MaxAge: age}), "max_age")
				}
				for _, acr := range []string{"é", "a\x00", "\xff", strings.Repeat("a", store.MaxACR+1)} {
					w.invalid(w.SetDemand(w.ctx, alice.ID, r.ID, store.Demand{ACR: acr}), "acr")
				}
			})
		})
	}},
	{"stays when the store is opened again", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		d := store.Demand{MaxAge: store.MaxMaxAge, ACR: strings.Repeat("a", store.MaxACR)}
		w.ok(w.SetDemand(w.ctx, alice.ID, r.ID, d))
		w.reopen()
		w.same(w.find(alice, "General").Demand, d)
	}},
}
