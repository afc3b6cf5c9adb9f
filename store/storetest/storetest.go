// Package storetest is the proof that a store keeps the promises of package store. A store's own test calls Run.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"letstalk/store"
)

// Opener opens the store that lives in the folder dir, making it if there is none. Opening the same folder after Close,
// or from several goroutines, gives the same store. now is the time the store goes by; it may be called at any moment.
type Opener func(t *testing.T, dir string, now func() time.Time) store.Store

// Run checks every promise on stores that open makes.
func Run(t *testing.T, open Opener) {
	for _, g := range []group{
		{"User", userPromises},
		{"People", peoplePromises},
		{"SetUserActive", slices.Concat(activePromises, setActivePromises)},
		{"SetAdmin", setAdminPromises},
		{"administrator", administratorPromises},
		{"Users", usersPromises},
		{"Standing", standingPromises},
		{"CreateLogin", createLoginPromises},
		{"Access", accessPromises},
		{"by hand", byHandPromises},
		{"RenewLogin", renewPromises},
		{"Login", loginPromises},
		{"LiveLogins", liveLoginsPromises},
		{"EndLogin", endLoginPromises},
		{"UserLogins", userLoginsPromises},
		{"EndUserLogin", endUserLoginPromises},
		{"EndProviderLogins", providerLogoutPromises},
		{"ExpireLogins", expirePromises},
		{"EndedLogins", endedLoginsPromises},
		{"DueLogins", dueLoginsPromises},
		{"LeaseLogin", leasePromises},
		{"RefreshLogin", refreshPromises},
		{"RefuseLogin", refusePromises},
		{"DelayRecheck", delayPromises},
		{"TakeAttempt", attemptPromises},
		{"Rehearsal", rehearsalPromises},
		{"Session", sessionPromises},
		{"CreateRoom", createRoomPromises},
		{"Room", roomPromises},
		{"Rooms", roomsPromises},
		{"RoomState", roomStatePromises},
		{"Epoch", epochPromises},
		{"EnsureRooms", ensureRoomsPromises},
		{"SetMember", setMemberPromises},
		{"RemoveMember", removeMemberPromises},
		{"SetDemand", setDemandPromises},
		{"CreateMessage", createMessagePromises},
		{"EditMessage", editMessagePromises},
		{"DeleteMessage", deleteMessagePromises},
		{"Message", messagePromises},
		{"Messages", messagesPromises},
		{"ChangesSince", changesPromises},
		{"RoomChanges", roomChangesPromises},
		{"PruneChanges", prunePromises},
		{"Committed", committedPromises},
		{"audit log", auditPromises},
		{"AuditEntries", auditEntriesPromises},
		{"audit entries", kindPromises},
		{"Nodes", nodePromises},
		{"Workspace", workspacePromises},
		{"nothing", textPromises},
		{"together", concurrencyPromises},
		{"viewers", viewerPromises},
		{"context", contextPromises},
		{"reopened", durabilityPromises},
		{"Close", closePromises},
	} {
		t.Run(g.name, func(t *testing.T) {
			for _, p := range g.promises {
				t.Run(p.name, func(t *testing.T) {
					t.Parallel() // each has a store of its own, and most of the time waits for its disk
					p.keep(newWorld(t, open))
				})
			}
		})
	}
}

// group is the promises about one thing.
type group struct {
	name     string
	promises []promise
}

// promise is a sentence and its proof on a new store.
type promise struct {
	name string
	keep func(w *world)
}

// world is a new store with a clock that stands still, and short words for what proofs do all the time. What they do is
// expected to work.
type world struct {
	*testing.T
	store.Store
	ctx   context.Context
	clock *clock
	dir   string
	open  Opener
	nonce int
}

// patience is how long anything may take that is waited for.
const patience = 2 * time.Minute

func newWorld(t *testing.T, open Opener) *world {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := &world{T: t, ctx: ctx, clock: &clock{t: time.Date(2024, 2, 29, 23, 59, 58, 765_000_000, time.UTC)}, dir: t.TempDir(), open: open}
	w.Store = open(t, w.dir, w.clock.now)
	t.Cleanup(func() { w.Store.Close() })
	return w
}

// reopen closes the store and opens it again.
func (w *world) reopen() {
	w.Helper()
	w.ok(w.Store.Close())
	w.Store = w.open(w.T, w.dir, w.clock.now)
}

// clock is a time that only moves when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// ok stops the proof at an error.
func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("unexpected error: %v", err)
	}
}

// fails expects an error of a kind.
func (w *world) fails(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Errorf("error %v, want %v", err, want)
	}
}

// invalid expects an *store.InvalidError about a field.
func (w *world) invalid(err error, field string) {
	w.Helper()
	var invalid *store.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != field || invalid.Reason == "" {
		w.Errorf("error %v, want an InvalidError about %s", err, field)
	}
}

// same compares; nothing and an empty list are the same.
func (w *world) same(got, want any) {
	w.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		w.Errorf("(-want +got):\n%s", diff)
	}
}

// unchanged expects f to take no change number.
func (w *world) unchanged(f func()) {
	w.Helper()
	before := w.head()
	f()
	w.same(w.head(), before)
}

func identity(name string) store.Identity {
	return store.Identity{Issuer: "https://id.example", Subject: "sub-" + name, Name: name, Email: name + "@example.org", Groups: []string{"staff", name}}
}

func login(name string) store.NewLogin {
	return store.NewLogin{
		Identity: identity(name), SID: "sid-" + name, Tokens: []byte{0, 1, 0xff}, Address: "192.0.2.1", Agent: "Browser/1.0",
		Lifetime: 12 * time.Hour, Idle: time.Hour,
	}
}

// signIn records a sign-in.
func (w *world) signIn(name string) store.Login {
	w.Helper()
	l, err := w.CreateLogin(w.ctx, login(name))
	w.ok(err)
	return l
}

// person is somebody who has signed in.
func (w *world) person(name string) store.User {
	w.Helper()
	return w.signIn(name).User
}

func (w *world) lockOut(u store.User) {
	w.Helper()
	_, err := w.SetUserActive(w.ctx, store.Operator, u.ID, false)
	w.ok(err)
}

func (w *world) letIn(u store.User) {
	w.Helper()
	_, err := w.SetUserActive(w.ctx, store.Operator, u.ID, true)
	w.ok(err)
}

// end signs out.
func (w *world) end(id store.LoginID) {
	w.Helper()
	w.ok(w.EndLogin(w.ctx, id, store.Ending{Cause: store.SignedOut}))
}

func (w *world) room(creator store.User, name string, v store.Visibility) store.Room {
	w.Helper()
	r, err := w.CreateRoom(w.ctx, creator.ID, store.NewRoom{Name: name, Visibility: v})
	w.ok(err)
	return r
}

func (w *world) member(moderator store.User, r store.Room, u store.User, role store.Role) {
	w.Helper()
	w.ok(w.SetMember(w.ctx, moderator.ID, r.ID, u.ID, role))
}

// draft is a draft with a nonce of its own.
func (w *world) draft(body string) store.Draft {
	w.nonce++
	return store.Draft{Body: body, Nonce: fmt.Sprint("nonce-", w.nonce)}
}

func (w *world) post(author store.User, r store.Room, body string) store.Message {
	w.Helper()
	m, err := w.CreateMessage(w.ctx, author.ID, r.ID, w.draft(body))
	w.ok(err)
	return m
}

func (w *world) posts(author store.User, r store.Room, n int) []store.Message {
	w.Helper()
	var all []store.Message
	for i := range n {
		all = append(all, w.post(author, r, fmt.Sprint("message ", i)))
	}
	return all
}

func (w *world) edit(u store.User, m store.Message, body string) store.Message {
	w.Helper()
	m, err := w.EditMessage(w.ctx, u.ID, m.Room, m.ID, body)
	w.ok(err)
	return m
}

func (w *world) delete(u store.User, m store.Message) store.Message {
	w.Helper()
	m, err := w.DeleteMessage(w.ctx, u.ID, m.Room, m.ID)
	w.ok(err)
	return m
}

func (w *world) message(u store.User, m store.Message) store.Message {
	w.Helper()
	m, err := w.Message(w.ctx, u.ID, m.Room, m.ID)
	w.ok(err)
	return m
}

func (w *world) history(u store.User, r store.Room, p store.Page) store.History {
	w.Helper()
	h, err := w.Messages(w.ctx, u.ID, r.ID, p)
	w.ok(err)
	return h
}

func (w *world) head() store.Seq {
	w.Helper()
	seq, err := w.Head(w.ctx)
	w.ok(err)
	return seq
}

func (w *world) changes(after store.Seq) []store.Change {
	w.Helper()
	c, err := w.ChangesSince(w.ctx, after, 1000)
	w.ok(err)
	return c
}

func (w *world) isLive(l store.Login, want bool) {
	w.Helper()
	_, err := w.Login(w.ctx, l.ID)
	live, err2 := w.LiveLogins(w.ctx, []store.LoginID{l.ID})
	w.ok(err2)
	if want {
		w.ok(err)
		w.same(live, []store.LoginID{l.ID})
	} else {
		w.fails(err, store.ErrNotFound)
		w.same(live, []store.LoginID{})
	}
}
