package storetest

import (
	"fmt"
	"time"

	"letstalk/store"
)

// withRooms is a sign-in of somebody whom claims give rooms.
func withRooms(name string, rooms ...store.Grant) store.NewLogin {
	n := login(name)
	n.Access = &store.Access{Rooms: rooms}
	return n
}

// granted signs somebody in whom claims give rooms.
func (w *world) granted(name string, rooms ...store.Grant) store.User {
	w.Helper()
	l, err := w.CreateLogin(w.ctx, withRooms(name, rooms...))
	w.ok(err)
	return l.User
}

// claimed signs somebody in whom a claim makes an administrator, or none if it is empty.
func (w *world) claimed(name, claim string) store.User {
	w.Helper()
	n := login(name)
	n.Access = &store.Access{Admin: claim}
	l, err := w.CreateLogin(w.ctx, n)
	w.ok(err)
	return l.User
}

// find reads a room as somebody sees it.
func (w *world) find(u store.User, slug string) store.Room {
	w.Helper()
	r, err := w.Room(w.ctx, u.ID, slug)
	w.ok(err)
	return r
}

// roles reads who may do what in rooms, as a room's name and whether the person moderates it.
func (w *world) roles(u store.User) map[string]bool {
	w.Helper()
	rooms, err := w.Rooms(w.ctx, u.ID)
	w.ok(err)
	roles := map[string]bool{}
	for _, r := range rooms {
		roles[r.Name] = r.Moderator
		w.same(w.find(u, r.Slug), r.Room)
		w.same(w.state(u, r.Room).Room, r.Room)
	}
	return roles
}

// told is what f adds to the change log, without numbers and times.
func (w *world) told(f func()) []store.Change {
	w.Helper()
	head := w.head()
	f()
	changes := w.changes(head)
	for i := range changes {
		changes[i].Seq, changes[i].At = 0, time.Time{}
	}
	return changes
}

func tea(role store.Role) store.Grant {
	return store.Grant{Room: "Tea", Role: role, Claim: `groups has "tea"`}
}
func cake(role store.Role) store.Grant {
	return store.Grant{Room: "Cake", Role: role, Claim: `groups has "cake"`}
}

var accessPromises = []promise{
	{"makes a room that does not exist, a private one, and tells everybody", func(w *world) {
		var alice store.User
		var rows []store.AuditEntry
		changes := w.told(func() { rows = w.noted(func() { alice = w.granted("alice", tea(store.Member)) }) })
		r := w.find(alice, "Tea")
		w.same(r, store.Room{ID: r.ID, Slug: "Tea", Name: "Tea", Visibility: store.Private, CreatedAt: w.clock.now()})
		w.same(changes, []store.Change{
			{Kind: store.RoomCreated, Room: r.ID, Slug: "Tea"},
			{Kind: store.MemberSet, Room: r.ID, Slug: "Tea", User: alice.ID},
		})
		claim := tea(store.Member).Claim
		w.same(rows[len(rows)-2:], []store.AuditEntry{
			{Kind: store.AuditRoomMade, Room: r.ID, Place: "Tea", Login: rows[0].Login, Detail: "private", Claim: claim},
			{Kind: store.AuditMemberSet, Subject: alice.Person(), Room: r.ID, Place: "Tea", Login: rows[0].Login, Detail: "member", Claim: claim},
		})
		w.same([]any{len(rows), rows[0].Kind}, []any{3, store.AuditSignedIn})
	}},
	{"gives a private room to those who have it, and to nobody else", func(w *world) {
		alice, bob := w.granted("alice", tea(store.Member)), w.granted("bob", cake(store.Member))
		r := w.find(alice, "Tea")
		m := w.post(alice, r, "hello")
		w.seesNothing(bob.ID, m)
		bob = w.granted("bob", tea(store.Member), cake(store.Member))
		w.same(w.message(bob, m), m)
		w.post(bob, r, "hello, too")
		w.same(w.names(bob), []string{"Tea", "Cake"})
	}},
	{"finds the room whatever the case of its name, and leaves it as it is", func(w *world) {
		alice := w.person("alice")
		open, secret := w.room(alice, "Tea", store.Open), w.room(alice, "Cake", store.Private)
		w.same(len(w.told(func() {
			w.granted("bob", store.Grant{Room: "tEA", Role: store.Moderator, Claim: "c"}, store.Grant{Room: "CAKE", Role: store.Member, Claim: "c"})
		})), 2)
		bob := w.person("bob")
		w.same(w.roles(bob), map[string]bool{"Tea": true, "Cake": false})
		w.same([]store.Room{w.find(alice, "tea"), w.find(alice, "cake")}, []store.Room{open, secret})
	}},
	{"of one rule for many people at once makes one room", func(w *world) {
		other := w.beside()
		for _, err := range w.atOnce(16, func(i int) error {
			_, err := []*world{w, other}[i%2].CreateLogin(w.ctx, withRooms(fmt.Sprint("person ", i), tea(store.Member)))
			return err
		}) {
			w.ok(err)
		}
		made := 0
		for _, c := range w.changes(0) {
			if c.Kind == store.RoomCreated {
				made++
			}
		}
		w.same(made, 1)
		w.same(w.head(), store.Seq(17))
	}},
	{"told only where it differs", func(w *world) {
		alice := w.granted("alice", tea(store.Member), cake(store.Moderator))
		t, c := w.find(alice, "Tea"), w.find(alice, "Cake")
		set := func(r store.Room) store.Change {
			return store.Change{Kind: store.MemberSet, Room: r.ID, Slug: r.Slug, User: alice.ID}
		}
		removed := func(r store.Room) store.Change {
			return store.Change{Kind: store.MemberRemoved, Room: r.ID, Slug: r.Slug, User: alice.ID}
		}
		row := func(kind store.AuditKind, r store.Room, g store.Grant) store.AuditEntry {
			return store.AuditEntry{
				Kind: kind, Subject: alice.Person(), Room: r.ID, Place: r.Name, Detail: string(g.Role), Claim: g.Claim,
			}
		}
		for _, step := range []struct {
			name    string
			rooms   []store.Grant
			changes []store.Change
			rows    []store.AuditEntry
			roles   map[string]bool
		}{
			{"the same", []store.Grant{tea(store.Member), cake(store.Moderator)}, nil, nil,
				map[string]bool{"Tea": false, "Cake": true}},
			{"the same in another order", []store.Grant{cake(store.Moderator), tea(store.Member)}, nil, nil,
				map[string]bool{"Tea": false, "Cake": true}},
			{"more in one", []store.Grant{tea(store.Moderator), cake(store.Moderator)},
				[]store.Change{set(t)}, []store.AuditEntry{row(store.AuditMemberSet, t, tea(store.Moderator))},
				map[string]bool{"Tea": true, "Cake": true}},
			{"less in the other", []store.Grant{tea(store.Moderator), cake(store.Member)},
				[]store.Change{set(c)}, []store.AuditEntry{row(store.AuditMemberSet, c, cake(store.Member))},
				map[string]bool{"Tea": true, "Cake": false}},
			{"one gone", []store.Grant{cake(store.Member)},
				[]store.Change{removed(t)}, []store.AuditEntry{row(store.AuditMemberRemoved, t, tea(store.Moderator))},
				map[string]bool{"Cake": false}},
			{"none", nil,
				[]store.Change{removed(c)}, []store.AuditEntry{row(store.AuditMemberRemoved, c, cake(store.Member))},
				map[string]bool{}},
			{"one again", []store.Grant{tea(store.Member)},
				[]store.Change{set(t)}, []store.AuditEntry{row(store.AuditMemberSet, t, tea(store.Member))},
				map[string]bool{"Tea": false}},
		} {
			var rows []store.AuditEntry
			changes := w.told(func() { rows = w.noted(func() { w.granted("alice", step.rooms...) }) })
			if len(rows) == 0 || rows[0].Kind != store.AuditSignedIn {
				w.Fatalf("%s: the first entry of %v is no sign-in", step.name, rows)
			}
			for i := range step.rows {
				step.rows[i].Login = rows[0].Login
			}
			w.same(changes, step.changes)
			w.same(rows[1:], step.rows)
			w.same(w.roles(alice), step.roles)
		}
	}},
	{"taken away takes the room away", func(w *world) {
		alice, bob := w.granted("alice", tea(store.Moderator)), w.granted("bob", tea(store.Member))
		m := w.post(alice, w.find(alice, "Tea"), "hello")
		w.granted("alice")
		w.seesNothing(alice.ID, m)
		w.same(w.message(bob, m), m)
	}},
	{"that is not known leaves everything as it was", func(w *world) {
		n := withRooms("alice", tea(store.Moderator))
		n.Access.Admin = "a"
		l, err := w.CreateLogin(w.ctx, n)
		w.ok(err)
		w.unchanged(func() {
			w.same(w.person("alice").AdminClaim, "a")
			renewed, err := w.RenewLogin(w.ctx, l.ID, login("alice"))
			w.ok(err)
			w.same(renewed.User.AdminClaim, "a")
		})
		w.same(w.roles(l.User), map[string]bool{"Tea": true})
	}},
	{"of one person is no other's", func(w *world) {
		alice := w.granted("alice", tea(store.Member))
		w.granted("bob", tea(store.Moderator))
		w.granted("bob")
		w.same(w.roles(alice), map[string]bool{"Tea": false})
	}},
	{"comes with a renewal and a re-check, too", func(w *world) {
		l := w.rechecked("alice")
		n := withRooms("alice", tea(store.Member))
		n.Access.Admin, n.Recheck = "a", time.Minute
		got, err := w.RenewLogin(w.ctx, l.ID, n)
		w.ok(err)
		w.same(got.User.AdminClaim, "a")
		w.same(w.names(l.User), []string{"Tea"})
		w.clock.pass(time.Minute)
		r := refresh("alice")
		r.Access = &store.Access{Rooms: []store.Grant{cake(store.Moderator)}}
		rows := w.noted(func() { got, err = w.RefreshLogin(w.ctx, w.lease(l), r) })
		w.ok(err)
		w.same(got.User.AdminClaim, "")
		w.same(w.roles(l.User), map[string]bool{"Cake": true})
		w.same(len(rows), 4) // no administrator, a room less, a room made, a room more
	}},
	{"of who is locked out is not given", func(w *world) {
		alice := w.person("alice")
		w.lockOut(alice)
		w.notes(func() {
			w.unchanged(func() {
				n := withRooms("alice", tea(store.Moderator))
				n.Access.Admin = "a"
				_, err := w.CreateLogin(w.ctx, n)
				w.fails(err, store.ErrForbidden)
			})
		})
		u, err := w.User(w.ctx, alice.ID)
		w.ok(err)
		w.same(u.AdminClaim, "")
	}},
	{"of a moderator lets them do what moderators do", func(w *world) {
		alice, bob := w.granted("alice", tea(store.Moderator)), w.granted("bob", tea(store.Member))
		r := w.find(bob, "Tea")
		theirs, own := w.post(bob, r, "hello"), w.post(alice, r, "hello")
		_, err := w.DeleteMessage(w.ctx, bob.ID, r.ID, own.ID)
		w.fails(err, store.ErrForbidden)
		w.edit(alice, theirs, "hello all")
		w.delete(alice, theirs)
		w.member(alice, r, w.person("carol"), store.Member)
		w.granted("alice", tea(store.Member))
		_, err = w.DeleteMessage(w.ctx, alice.ID, r.ID, w.post(bob, r, "again").ID)
		w.fails(err, store.ErrForbidden)
	}},
}

var byHandPromises = []promise{
	{"stays when what a claim gives comes and goes", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "Tea", store.Private)
		bob := w.person("bob")
		w.member(alice, r, bob, store.Member)
		w.granted("bob", tea(store.Moderator))
		w.same(w.roles(bob), map[string]bool{"Tea": true})
		w.granted("bob")
		w.same(w.roles(bob), map[string]bool{"Tea": false})
	}},
	{"and by claim, the strongest role counts", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "Tea", store.Private)
		for _, c := range []struct {
			hand, claim store.Role
			moderator   bool
		}{
			{store.Member, store.Member, false}, {store.Moderator, store.Member, true},
			{store.Member, store.Moderator, true}, {store.Moderator, store.Moderator, true},
		} {
			bob := w.granted("bob", tea(c.claim))
			w.member(alice, r, bob, c.hand)
			w.same(w.roles(bob), map[string]bool{"Tea": c.moderator})
		}
	}},
	{"is taken away by hand, what a claim gives is not", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "Tea", store.Private)
		bob := w.granted("bob", tea(store.Moderator))
		w.notes(func() {
			w.unchanged(func() {
				w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID))
				w.ok(w.RemoveMember(w.ctx, bob.ID, r.ID, bob.ID))
			})
		})
		w.same(w.roles(bob), map[string]bool{"Tea": true})
		w.member(alice, r, bob, store.Moderator)
		changes := w.told(func() { w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, bob.ID)) })
		w.same(changes, []store.Change{{Kind: store.MemberRemoved, Room: r.ID, Slug: r.Slug, User: bob.ID}})
		w.same(w.roles(bob), map[string]bool{"Tea": true})
		w.granted("bob")
		w.same(w.roles(bob), map[string]bool{})
	}},
	{"is one's own to give up, which makes nobody a member", func(w *world) {
		alice := w.granted("alice", tea(store.Moderator))
		r := w.find(alice, "Tea")
		w.member(alice, r, alice, store.Member)
		w.same(w.roles(alice), map[string]bool{"Tea": true})
		w.ok(w.RemoveMember(w.ctx, alice.ID, r.ID, alice.ID))
		w.same(w.roles(alice), map[string]bool{"Tea": true})
	}},
}
