package storetest

import (
	"fmt"
	"slices"
	"time"

	"letstalk/store"
)

var auditEntriesPromises = []promise{
	{"come newest first, a hundred by default and five hundred at most", func(w *world) {
		for _, err := range w.atOnce(510, func(i int) error { return w.RecordAudit(w.ctx, refusal(fmt.Sprint(i))) }) {
			w.ok(err)
		}
		all := w.log()
		slices.Reverse(all)
		for limit, want := range map[int]int{0: 100, -1: 100, 1: 1, 7: 7, 500: 500, 501: 100} {
			w.same(w.entries(store.AuditQuery{Limit: limit}), all[:want])
		}
		w.same(w.entries(store.AuditQuery{Before: 4}), all[507:])
		w.same(w.entries(store.AuditQuery{Before: 500, Limit: 2}), all[11:13])
		w.same(w.entries(store.AuditQuery{Before: 1}), []store.AuditEntry{})
	}},
	{"are those asked for", func(w *world) {
		root := w.admin("root")
		alice, bob := w.person("alice"), w.person("bob")
		tea, cake := w.room(alice, "Tea", store.Open), w.room(bob, "Cake", store.Open)
		w.clock.pass(time.Hour)
		hour := w.clock.now()
		w.member(alice, tea, bob, store.Member)
		w.member(bob, cake, alice, store.Member)
		w.clock.pass(time.Hour)
		w.delete(root, w.post(bob, cake, "hello"))
		_, err := w.SetUserActive(w.ctx, root.ID, bob.ID, false)
		w.ok(err)
		all := w.log()
		slices.Reverse(all)
		about := func(id store.UserID) func(store.AuditEntry) bool {
			return func(e store.AuditEntry) bool { return e.Actor.ID == id || e.Subject.ID == id }
		}
		for name, c := range map[string]struct {
			q    store.AuditQuery
			want func(store.AuditEntry) bool
		}{
			"of a kind":          {store.AuditQuery{Kind: store.AuditMemberSet}, func(e store.AuditEntry) bool { return e.Kind == store.AuditMemberSet }},
			"of no kind known":   {store.AuditQuery{Kind: "tea"}, func(store.AuditEntry) bool { return false }},
			"of who did":         {store.AuditQuery{User: root.ID}, about(root.ID)},
			"of whom it befell":  {store.AuditQuery{User: bob.ID}, about(bob.ID)},
			"of the operator":    {store.AuditQuery{User: store.Operator}, about(store.Operator)},
			"of a room":          {store.AuditQuery{Room: cake.ID}, func(e store.AuditEntry) bool { return e.Room == cake.ID }},
			"from a time on":     {store.AuditQuery{From: hour}, func(e store.AuditEntry) bool { return !e.At.Before(hour) }},
			"from just after it": {store.AuditQuery{From: hour.Add(time.Millisecond)}, func(e store.AuditEntry) bool { return e.At.After(hour) }},
			"before a time":      {store.AuditQuery{To: hour}, func(e store.AuditEntry) bool { return e.At.Before(hour) }},
			"up to a time":       {store.AuditQuery{To: hour.Add(time.Millisecond)}, func(e store.AuditEntry) bool { return !e.At.After(hour) }},
			"of all that": {
				store.AuditQuery{Kind: store.AuditMemberSet, User: bob.ID, Room: cake.ID, From: hour, To: hour.Add(time.Hour), Before: 1000, Limit: 5},
				func(e store.AuditEntry) bool {
					return e.Kind == store.AuditMemberSet && about(bob.ID)(e) && e.Room == cake.ID && e.At.Equal(hour)
				},
			},
		} {
			want := slices.DeleteFunc(slices.Clone(all), func(e store.AuditEntry) bool { return !c.want(e) })
			if len(want) == 0 && c.q.Kind != "tea" {
				w.Errorf("%s: the proof has no such entry", name)
			}
			w.same(w.entries(c.q), want)
		}
	}},
}

var kindPromises = []promise{
	{"of a sign-in say who and from where", func(w *world) {
		var l store.Login
		rows := w.noted(func() { l = w.signIn("alice") })
		w.same(rows, []store.AuditEntry{{
			Kind: store.AuditSignedIn, Actor: l.User.Person(), Subject: l.User.Person(), Login: l.ID, Address: "192.0.2.1",
		}})
	}},
	{"are told apart for what moderators do to others, and not to themselves", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		r := w.room(alice, "General", store.Open)
		theirs, own := w.post(bob, r, "hello"), w.post(alice, r, "hello")
		row := store.AuditEntry{Actor: alice.Person(), Subject: bob.Person(), Room: r.ID, Place: "General", Message: theirs.ID}
		edited, deleted := row, row
		edited.Kind, deleted.Kind = store.AuditMessageEdited, store.AuditMessageGone
		w.notes(func() { w.edit(alice, theirs, "hello all") }, edited)
		w.notes(func() { w.edit(alice, theirs, "hello all") })
		w.notes(func() { w.delete(alice, theirs) }, deleted)
		w.notes(func() { w.delete(alice, theirs) })
		w.notes(func() { w.delete(alice, w.edit(alice, own, "mine")) })
	}},
	{"of rooms and members say who, where and what", func(w *world) {
		alice, bob := w.person("alice"), w.person("bob")
		var r store.Room
		rows := w.noted(func() { r = w.room(alice, "Secret", store.Private) })
		at := store.AuditEntry{Room: r.ID, Place: "Secret", Actor: alice.Person()}
		made, creator, set, again, removed := at, at, at, at, at
		made.Kind, made.Detail = store.AuditRoomMade, "private"
		creator.Kind, creator.Subject, creator.Detail = store.AuditMemberSet, alice.Person(), "moderator"
		w.same(rows, []store.AuditEntry{made, creator})
		set.Kind, set.Subject, set.Detail = store.AuditMemberSet, bob.Person(), "member"
		w.notes(func() { w.member(alice, r, bob, store.Member) }, set)
		w.notes(func() { w.member(alice, r, bob, store.Member) })
		again.Kind, again.Subject, again.Detail = store.AuditMemberSet, bob.Person(), "moderator"
		w.notes(func() { w.member(alice, r, bob, store.Moderator) }, again)
		removed.Kind, removed.Subject, removed.Detail = store.AuditMemberRemoved, bob.Person(), "moderator"
		w.notes(func() { w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID)) }, removed)
		w.notes(func() { w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID)) })
	}},
	{"are given for the first rooms, which nobody in particular makes", func(w *world) {
		rows := w.noted(func() { w.ok(w.EnsureRooms(w.ctx, []string{"General", "Sports"})) })
		w.same(len(rows), 2)
		for i, e := range rows {
			w.same(e, store.AuditEntry{Kind: store.AuditRoomMade, Room: e.Room, Place: []string{"General", "Sports"}[i], Detail: "open"})
		}
	}},
}
