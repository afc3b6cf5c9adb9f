package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"letstalk/store"
)

// endings adds what all ways to end or change a login answer.
func (w *world) endings(ctx context.Context, l store.Login, got map[string]error) {
	e, lease, user := store.Ending{Cause: store.SignedOut}, store.Lease{Login: l}, l.User.ID
	_, got["RenewLogin"] = w.RenewLogin(ctx, l.ID, login("alice"))
	_, got["UserLogins"] = w.UserLogins(ctx, user, user)
	got["EndUserLogin"] = w.EndUserLogin(ctx, user, user, l.ID, e)
	_, got["EndUserLogins"] = w.EndUserLogins(ctx, user, user, 0, e)
	_, got["EndProviderLogins"] = w.EndProviderLogins(ctx, w.logout(1, "", l.SID))
	_, got["ExpireLogins"] = w.ExpireLogins(ctx)
	_, _, got["EndedLogins"] = w.EndedLogins(ctx, time.Time{})
	_, got["DueLogins"] = w.DueLogins(ctx, []store.LoginID{l.ID})
	_, got["LeaseLogin"] = w.LeaseLogin(ctx, l.ID, time.Minute)
	_, got["RefreshLogin"] = w.RefreshLogin(ctx, lease, refresh("alice"))
	got["RefuseLogin"] = w.RefuseLogin(ctx, lease, e)
	got["DelayRecheck"] = w.DelayRecheck(ctx, lease, time.Minute)
}

// asking adds what administrators' and operators' questions and changes answer.
func (w *world) asking(ctx context.Context, l store.Login, got map[string]error) {
	_, got["Users"] = w.Users(ctx, store.Operator, "", 10)
	got["SetAdmin"] = w.SetAdmin(ctx, store.Operator, l.User.ID, true)
	_, got["Standing"] = w.Standing(ctx, l.User.ID, l.User.ID)
	got["RecordAudit"] = w.RecordAudit(ctx, refusal("no"))
	_, got["AuditEntries"] = w.AuditEntries(ctx, store.Operator, store.AuditQuery{})
	got["EachAuditEntry"] = w.EachAuditEntry(ctx, func(store.AuditEntry) error { return nil })
	_, got["VerifyAudit"] = w.VerifyAudit(ctx)
	got["CreateRehearsal"] = w.CreateRehearsal(ctx, "another", time.Minute)
	_, got["Rehearsal"] = w.Rehearsal(ctx, "ticket")
	got["FinishRehearsal"] = w.FinishRehearsal(ctx, "ticket", "well")
}

var contextPromises = []promise{
	{"that has ended ends every method and changes nothing", func(w *world) {
		l := w.signIn("alice")
		m := w.post(l.User, w.room(l.User, "General", store.Open), "hello")
		w.ok(w.SaveSession(w.ctx, "token", nil, w.clock.now().Add(time.Hour)))
		w.ok(w.CreateAttempt(w.ctx, attempt, time.Hour))
		w.ok(w.CreateRehearsal(w.ctx, "ticket", time.Hour))
		entries := len(w.log())

		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		w.unchanged(func() {
			got := w.asViewer(ctx, l.User.ID, m)
			_, got["User"] = w.User(ctx, l.User.ID)
			_, got["CreateLogin"] = w.CreateLogin(ctx, login("bob"))
			_, got["Login"] = w.Login(ctx, l.ID)
			_, got["LiveLogins"] = w.LiveLogins(ctx, []store.LoginID{l.ID})
			_, got["TakeAttempt"] = w.TakeAttempt(ctx, attempt.State, attempt.Browser)
			_, got["Session"] = w.Session(ctx, "token")
			_, got["Rooms"] = w.Rooms(ctx, l.User.ID)
			_, got["Room"] = w.Room(ctx, l.User.ID, "General")
			_, got["CreateRoom"] = w.CreateRoom(ctx, l.User.ID, store.NewRoom{Name: "New", Visibility: store.Open})
			_, got["Head"] = w.Head(ctx)
			_, got["ChangesSince"] = w.ChangesSince(ctx, 0, 10)
			_, got["SetUserActive"] = w.SetUserActive(ctx, store.Operator, l.User.ID, false)
			got["CreateAttempt"] = w.CreateAttempt(ctx, attempt, time.Hour)
			got["TouchLogin"] = w.TouchLogin(ctx, l.ID)
			got["EndLogin"] = w.EndLogin(ctx, l.ID, store.Ending{Cause: store.SignedOut})
			w.endings(ctx, l, got)
			w.asking(ctx, l, got)
			got["SaveSession"] = w.SaveSession(ctx, "token", []byte("new"), w.clock.now().Add(time.Hour))
			got["DeleteSession"] = w.DeleteSession(ctx, "token")
			got["EnsureRooms"] = w.EnsureRooms(ctx, []string{"New"})
			got["PruneChanges"] = w.PruneChanges(ctx, w.clock.now().Add(time.Hour), 0)
			got["Ping"] = w.Ping(ctx)
			for name, err := range got {
				if !errors.Is(err, context.Canceled) {
					w.Errorf("%s: error %v, want canceled", name, err)
				}
			}
		})
		w.isLive(l, true)
		w.same(w.message(l.User, m), m)
		w.same(len(w.changes(0)), 3)
		w.isWhole(entries)
		w.outcome("ticket", "")
		data, err := w.Session(w.ctx, "token")
		w.ok(err)
		w.same(data, []byte{})
		_, err = w.TakeAttempt(w.ctx, attempt.State, attempt.Browser)
		w.ok(err)
	}},
	{"that ends while others write breaks nothing", func(w *world) {
		alice := w.person("alice")
		r := w.room(alice, "General", store.Open)
		head := w.head()
		errs := w.atOnce(64, func(i int) error {
			ctx, cancel := context.WithCancel(w.ctx)
			defer cancel()
			if i%2 == 1 {
				go cancel()
			}
			_, err := w.CreateMessage(ctx, alice.ID, r.ID, store.Draft{Body: "hello", Nonce: fmt.Sprint(i)})
			return err
		})
		acknowledged := count(errs, nil)
		w.same(acknowledged+count(errs, context.Canceled), 64)
		w.same(acknowledged >= 32, true)
		w.post(alice, r, "last")
		n := int(w.head() - head)
		w.same(n > acknowledged, true)
		w.ok(w.follow(w.ctx, head, n, 100))
		// Trying again is safe whatever became of the first try.
		for i := range 64 {
			_, err := w.CreateMessage(w.ctx, alice.ID, r.ID, store.Draft{Body: "hello", Nonce: fmt.Sprint(i)})
			w.ok(err)
		}
		w.same(w.head(), head+65)
	}},
}
