package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"letstalk/store"
)

// log is the whole audit log, oldest first.
func (w *world) log() []store.AuditEntry {
	w.Helper()
	var all []store.AuditEntry
	w.ok(w.EachAuditEntry(w.ctx, func(e store.AuditEntry) error {
		all = append(all, e)
		return nil
	}))
	return all
}

// noted is what f adds to the audit log, without the numbers, times and hashes that other promises are about.
func (w *world) noted(f func()) []store.AuditEntry {
	w.Helper()
	before := len(w.log())
	f()
	added := w.log()[before:]
	for i := range added {
		e := &added[i]
		e.ID, e.At, e.Before, e.Hash = 0, time.Time{}, "", ""
	}
	return added
}

// notes expects f to add these entries to the audit log, in this order, and no others.
func (w *world) notes(f func(), want ...store.AuditEntry) {
	w.Helper()
	w.same(w.noted(f), want)
}

// entries asks the audit log as the operator.
func (w *world) entries(q store.AuditQuery) []store.AuditEntry {
	w.Helper()
	got, err := w.AuditEntries(w.ctx, store.Operator, q)
	w.ok(err)
	return got
}

// isWhole expects the log to have n entries, each with the next number and chained to the one before.
func (w *world) isWhole(n int) {
	w.Helper()
	all := w.log()
	w.same(len(all), n)
	before := strings.Repeat("0", 64)
	for i, e := range all {
		w.same(e.ID, int64(i+1))
		w.same(e.Before, before)
		if len(e.Hash) != 64 || strings.Trim(e.Hash, "0123456789abcdef") != "" || e.Hash == before {
			w.Errorf("hash %q of entry %d", e.Hash, e.ID)
		}
		before = e.Hash
	}
	head, err := w.VerifyAudit(w.ctx)
	w.ok(err)
	w.same(head, store.AuditHead{ID: int64(n), Hash: before})
}

// refusal is an entry as the program writes one about somebody who was not let in.
func refusal(detail string) store.AuditEntry {
	return store.AuditEntry{Kind: store.AuditSignInRefused, Address: "198.51.100.7", Detail: detail}
}

var auditPromises = []promise{
	{"of an empty workspace is empty, and whole", func(w *world) {
		w.isWhole(0)
		w.same(w.entries(store.AuditQuery{}), []store.AuditEntry{})
	}},
	{"is a chain without holes", func(w *world) {
		admin := w.admin("root")
		alice, bob := w.signIn("alice"), w.person("bob")
		r := w.room(alice.User, "General", store.Open)
		w.member(alice.User, r, bob, store.Moderator)
		w.delete(admin, w.post(bob, r, "hello"))
		w.ok(w.RecordAudit(w.ctx, refusal("no")))
		w.end(alice.ID)
		n := len(w.log())
		w.same(n >= 9, true)
		w.isWhole(n)
		w.reopen()
		w.isWhole(n)
		w.lockOut(bob)
		w.isWhole(n + 2)
	}},
	{"says when, to the millisecond in UTC", func(w *world) {
		w.clock.pass(123456 * time.Nanosecond)
		w.ok(w.RecordAudit(w.ctx, refusal("no")))
		at := w.log()[0].At
		w.same(at, w.clock.now().Truncate(time.Millisecond))
		w.same(at.Location().String(), "UTC")
	}},
	{"is not readable for who is no administrator", func(w *world) {
		alice, admin, gone := w.person("alice"), w.admin("root"), w.admin("gone")
		w.lockOut(gone)
		for _, id := range []store.UserID{alice.ID, gone.ID, 0, 99} {
			_, err := w.AuditEntries(w.ctx, id, store.AuditQuery{})
			w.fails(err, store.ErrForbidden)
		}
		got, err := w.AuditEntries(w.ctx, admin.ID, store.AuditQuery{})
		w.ok(err)
		w.same(got, w.entries(store.AuditQuery{}))
	}},
	{"has names as they were then", func(w *world) {
		w.person("alice")
		l := login("alice")
		l.Identity.Name = "Alice B."
		_, err := w.CreateLogin(w.ctx, l)
		w.ok(err)
		all := w.log()
		w.same([]string{all[0].Subject.Name, all[1].Subject.Name}, []string{"alice", "Alice B."})
	}},
	{"writes down what happened outside the store, its own numbers and time", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		e := store.AuditEntry{
			Kind: store.AuditExported, Actor: store.Person{ID: store.Operator, Name: "the operator"}, Subject: alice.Person(),
			Room: r.ID, Place: r.Name, Message: 7, Login: 8, Address: "198.51.100.7", Detail: "3 entries", Claim: `groups has "a"`,
		}
		lie := e
		lie.ID, lie.At, lie.Before, lie.Hash = 900, time.Unix(0, 0), "before", "hash"
		n := len(w.log())
		w.notes(func() { w.ok(w.RecordAudit(w.ctx, lie)) }, e)
		w.isWhole(n + 1)
		w.same(w.log()[n].At, w.clock.now())
	}},
	{"takes any text", func(w *world) {
		for _, body := range texts {
			e := refusal(body)
			e.Subject.Name, e.Claim = body, body
			w.notes(func() { w.ok(w.RecordAudit(w.ctx, e)) }, e)
		}
		w.isWhole(len(texts))
	}},
	{"mends what is no text", func(w *world) {
		e := refusal("a\xff")
		e.Address, e.Claim = "\x00", "b\xc3"
		w.ok(w.RecordAudit(w.ctx, e))
		got := w.log()[0]
		w.same([]string{got.Detail, got.Address, got.Claim}, []string{"a\ufffd", "\ufffd", "b\ufffd"})
		w.isWhole(1)
	}},
	{"holds no words, tokens or secrets", func(w *world) {
		admin, bob := w.admin("root"), w.person("bob")
		r := w.room(bob, "General", store.Open)
		m := w.edit(admin, w.edit(bob, w.post(bob, r, "sesame one"), "sesame two"), "sesame three")
		w.delete(admin, m)
		l := login("carol")
		l.Tokens = []byte("sesame token")
		at, err := w.CreateLogin(w.ctx, l)
		w.ok(err)
		w.end(at.ID)
		for _, e := range w.log() {
			if strings.Contains(fmt.Sprintf("%+v", e), "sesame") {
				w.Errorf("entry %+v", e)
			}
		}
	}},
	{"is gone through as it was when that began", func(w *world) {
		w.ok(w.RecordAudit(w.ctx, refusal("1")))
		w.ok(w.RecordAudit(w.ctx, refusal("2")))
		var seen []string
		w.ok(w.EachAuditEntry(w.ctx, func(e store.AuditEntry) error {
			seen = append(seen, e.Detail)
			return w.RecordAudit(w.ctx, refusal("later"))
		}))
		w.same(seen, []string{"1", "2"})
		w.isWhole(4)
	}},
	{"is gone through until that fails", func(w *world) {
		for i := range 3 {
			w.ok(w.RecordAudit(w.ctx, refusal(fmt.Sprint(i))))
		}
		enough, seen := errors.New("enough"), 0
		w.fails(w.EachAuditEntry(w.ctx, func(store.AuditEntry) error {
			if seen++; seen == 2 {
				return enough
			}
			return nil
		}), enough)
		w.same(seen, 2)
	}},
	{"stays whole when many write at once, in two processes", func(w *world) {
		other := w.beside()
		for _, err := range w.atOnce(64, func(i int) error {
			return []*world{w, other}[i%2].RecordAudit(w.ctx, refusal(fmt.Sprint(i)))
		}) {
			w.ok(err)
		}
		w.isWhole(64)
		details := map[string]bool{}
		for _, e := range w.log() {
			details[e.Detail] = true
		}
		w.same(len(details), 64)
	}},
	{"has no entry and no hole for what failed, alone or among others", func(w *world) {
		alice, bob, gone := w.person("alice"), w.person("bob"), w.person("gone")
		r := w.room(alice, "General", store.Open)
		w.lockOut(gone)
		n := len(w.log())
		errs := w.atOnce(90, func(i int) (err error) {
			switch i % 5 {
			case 0:
				return w.RecordAudit(w.ctx, refusal(fmt.Sprint(i)))
			case 1:
				_, err = w.CreateLogin(w.ctx, withRooms("gone", store.Grant{Room: fmt.Sprint("Room ", i), Role: store.Member, Claim: "c"}))
			case 2:
				_, err = w.CreateRoom(w.ctx, alice.ID, store.NewRoom{Name: "general", Visibility: store.Open})
			case 3:
				err = w.SetMember(w.ctx, bob.ID, r.ID, bob.ID, store.Moderator)
			case 4:
				_, err = w.SetUserActive(w.ctx, store.Operator, 99, false)
			}
			return err
		})
		w.same([]int{count(errs, nil), count(errs, store.ErrForbidden), count(errs, store.ErrConflict), count(errs, store.ErrNotFound)},
			[]int{18, 36, 18, 18})
		w.isWhole(n + 18)
		for _, e := range w.log()[n:] {
			w.same(e.Kind, store.AuditSignInRefused)
		}
	}},
}
