package storetest

import (
	"cmp"
	"slices"
	"time"

	"letstalk/store"
)

// standing asks what somebody may do, reasons by hand before those by claims.
func (w *world) standing(viewer, user store.UserID) store.Standing {
	w.Helper()
	s, err := w.Standing(w.ctx, viewer, user)
	w.ok(err)
	for _, r := range s.Rooms {
		slices.SortFunc(r.Reasons, func(a, b store.Reason) int { return cmp.Compare(a.Claim, b.Claim) })
	}
	return s
}

var standingPromises = []promise{
	{"of somebody new is themselves and the open rooms", func(w *world) {
		alice := w.person("alice")
		general := w.room(alice, "General", store.Open)
		w.room(alice, "Secret", store.Private)
		bob := w.person("bob")
		general.Moderator = false // bob is none
		w.same(w.standing(bob.ID, bob.ID), store.Standing{User: bob, Rooms: []store.RoomReasons{{Room: general}}})
	}},
	{"says all that gives a room, by whom or by what claim, and when", func(w *world) {
		alice := w.person("alice")
		cakes, teas := w.room(alice, "Cake", store.Private), w.room(alice, "Tea", store.Open)
		w.clock.pass(time.Minute)
		claimed := w.clock.now()
		bob := w.granted("bob", tea(store.Member), cake(store.Moderator))
		w.clock.pass(time.Minute)
		given := w.clock.now()
		w.member(alice, cakes, bob, store.Member)
		w.clock.pass(time.Minute)
		w.granted("bob", tea(store.Member), cake(store.Moderator))
		teas.Moderator = false // bob is none there
		w.same(w.standing(bob.ID, bob.ID), store.Standing{User: bob, Rooms: []store.RoomReasons{
			{Room: cakes, Reasons: []store.Reason{
				{Role: store.Member, By: alice.Person(), At: given},
				{Role: store.Moderator, Claim: `groups has "cake"`, At: claimed},
			}},
			{Room: teas, Reasons: []store.Reason{{Role: store.Member, Claim: `groups has "tea"`, At: claimed}}},
		}})
		w.ok(w.RemoveMember(w.ctx, alice.ID, cakes.ID, bob.ID))
		w.granted("bob", cake(store.Member))
		cakes.Moderator = false
		w.same(w.standing(bob.ID, bob.ID).Rooms, []store.RoomReasons{
			{Room: cakes, Reasons: []store.Reason{{Role: store.Member, Claim: `groups has "cake"`, At: w.clock.now()}}},
			{Room: teas},
		})
	}},
	{"of a room's maker is by their own hand", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "Tea", store.Private)
		w.same(w.standing(alice.ID, alice.ID).Rooms, []store.RoomReasons{
			{Room: r, Reasons: []store.Reason{{Role: store.Moderator, By: alice.Person(), At: w.clock.now()}}},
		})
	}},
	{"has the claim as it is today", func(w *world) {
		w.granted("alice", store.Grant{Room: "Tea", Role: store.Member, Claim: "old"})
		alice := w.granted("alice", store.Grant{Room: "Tea", Role: store.Member, Claim: "new"})
		reasons := w.standing(alice.ID, alice.ID).Rooms[0].Reasons
		w.same([]any{len(reasons), reasons[0].Claim}, []any{1, "new"})
	}},
	{"shows administrators only the rooms they may see", func(w *world) {
		alice, admin := w.granted("alice", tea(store.Member), cake(store.Member)), w.admin("root")
		general := w.room(alice, "General", store.Open)
		w.granted("root", tea(store.Member))
		var names []string
		for _, r := range w.standing(admin.ID, alice.ID).Rooms {
			names = append(names, r.Room.Name)
		}
		w.same(names, []string{"Tea", general.Name})
	}},
	{"of others is for administrators", func(w *world) {
		alice, bob, admin := w.person("alice"), w.person("bob"), w.claimed("root", "c")
		_, err := w.Standing(w.ctx, bob.ID, alice.ID)
		w.fails(err, store.ErrForbidden)
		w.same(w.standing(admin.ID, alice.ID).User, alice)
		w.same(w.standing(store.Operator, alice.ID).User, alice)
		w.same(w.standing(admin.ID, admin.ID).User, admin)
	}},
}
