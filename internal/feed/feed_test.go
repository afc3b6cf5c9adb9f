package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/feed"
	"letstalk/internal/live"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

// hub writes down what the feed does.
type hub struct{ events chan string }

func newHub() *hub { return &hub{make(chan string, 1000)} }

func (h *hub) Publish(upTo store.Seq, deliveries []live.Delivery) {
	var parts []string
	for _, d := range deliveries {
		parts = append(parts, fmt.Sprintf("%d:%d", d.Room, strings.Count(string(d.Data), "<li ")))
	}
	h.events <- strings.TrimSpace(fmt.Sprintf("up to %d %s", upTo, strings.Join(parts, " ")))
}

func (h *hub) EndMember(room store.RoomID, user store.UserID) {
	h.events <- fmt.Sprintf("end %d in %d", user, room)
}

func (h *hub) EndRoom(room store.RoomID) { h.events <- fmt.Sprintf("end all in %d", room) }

func (h *hub) TellUser(user store.UserID, event string, change store.Seq) {
	h.events <- fmt.Sprintf("tell %d %s of %d", user, event, change)
}

func (h *hub) Resync() { h.events <- "resync" }

func (h *hub) sees(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-h.events:
			if got != w {
				t.Errorf("the feed did %q, want %q", got, w)
			}
		case <-time.After(time.Minute):
			t.Fatalf("the feed never did %q", w)
		}
	}
}

func open(t *testing.T) (*sqlstore.Store, store.UserID, store.RoomID) {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "letstalk.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	l, err := db.CreateLogin(t.Context(), store.NewLogin{Identity: store.Identity{Issuer: "i", Subject: "s", Name: "Alice"}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	room, err := db.CreateRoom(t.Context(), l.User.ID, store.NewRoom{Name: "General", Visibility: store.Private})
	if err != nil {
		t.Fatal(err)
	}
	return db, l.User.ID, room.ID
}

func say(t *testing.T, db *sqlstore.Store, author store.UserID, room store.RoomID, words string) store.Message {
	t.Helper()
	m, err := db.CreateMessage(t.Context(), author, room, store.Draft{Body: words, Nonce: words})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run starts a feed that ends with the test.
func run(t *testing.T, changes store.Changes, h *hub, last store.Seq) *bytes.Buffer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var log bytes.Buffer
	go func() {
		defer close(done)
		feed.New(changes, h, func(store.Seq) {}, slog.New(slog.NewTextHandler(&log, nil))).Run(ctx, last)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return &log
}

func TestFeedHandsOutWhatWasCommittedInOrder(t *testing.T) {
	db, alice, room := open(t)
	head, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	say(t, db, alice, room, "before")
	h := newHub()
	run(t, db, h, head)
	h.sees(t, fmt.Sprintf("up to %d %d:1", head+1, room))
	m := say(t, db, alice, room, "one")
	h.sees(t, fmt.Sprintf("up to %d %d:1", m.ID, room))
	if _, err := db.DeleteMessage(t.Context(), alice, room, m.ID); err != nil {
		t.Fatal(err)
	}
	h.sees(t, fmt.Sprintf("up to %d %d:1", m.ID+1, room))
}

func TestMemberWhoIsRemovedLosesTheStreamBeforeAnythingOfThatReadingIsSent(t *testing.T) {
	db, alice, room := open(t)
	l, err := db.CreateLogin(t.Context(), store.NewLogin{Identity: store.Identity{Issuer: "i", Subject: "b", Name: "Bob"}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	head, _ := db.Head(t.Context())
	bob := l.User.ID
	if err := db.SetMember(t.Context(), alice, room, bob, store.Member); err != nil {
		t.Fatal(err)
	}
	say(t, db, alice, room, "for bob")
	if err := db.RemoveMember(t.Context(), alice, room, bob); err != nil {
		t.Fatal(err)
	}
	last := say(t, db, alice, room, "not for bob")
	h := newHub()
	run(t, db, h, head)
	removed := last.ID - 1
	h.sees(t, fmt.Sprintf("end %d in %d", bob, room), fmt.Sprintf("tell %d rooms of %d", bob, removed), fmt.Sprintf("up to %d %d:2", last.ID, room))
}

func TestPersonWhoseRoomsChangeIsToldOnceAndBeforehand(t *testing.T) {
	db, alice, room := open(t)
	other, err := db.CreateRoom(t.Context(), alice, store.NewRoom{Name: "Other", Visibility: store.Private})
	if err != nil {
		t.Fatal(err)
	}
	l, err := db.CreateLogin(t.Context(), store.NewLogin{Identity: store.Identity{Issuer: "i", Subject: "b", Name: "Bob"}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	head, _ := db.Head(t.Context())
	for _, id := range []store.RoomID{room, other.ID} {
		if err := db.SetMember(t.Context(), alice, id, l.User.ID, store.Member); err != nil {
			t.Fatal(err)
		}
	}
	h := newHub()
	run(t, db, h, head)
	h.sees(t, fmt.Sprintf("tell %d rooms of %d", l.User.ID, head+2), fmt.Sprintf("up to %d", head+2))
}

func TestRoomThatAsksForMoreEndsItsStreamsAndReplaysNothing(t *testing.T) {
	db, alice, room := open(t)
	head, _ := db.Head(t.Context())
	if err := db.SetDemand(t.Context(), alice, room, store.Demand{MaxAge: time.Hour}); err != nil {
		t.Fatal(err)
	}
	last := say(t, db, alice, room, "for those who have confirmed who they are")
	h := newHub()
	run(t, db, h, head)
	h.sees(t, fmt.Sprintf("end all in %d", room), fmt.Sprintf("up to %d %d:1", last.ID, room))

	f := feed.New(db, h, nil, slog.New(slog.DiscardHandler))
	for after, want := range map[store.Seq]error{head: store.ErrGap, head + 1: nil} {
		if _, err := f.Replay(t.Context(), alice, room, after, store.Seq(last.ID)); !errors.Is(err, want) {
			t.Errorf("a page that has come to %d of %d is told %v", after, last.ID, err)
		}
	}
}

func TestLogThatCannotBeFollowedReloadsEveryPage(t *testing.T) {
	for name, last := range map[string]store.Seq{"restored from a backup": 1_000_000, "pruned": 1} {
		t.Run(name, func(t *testing.T) {
			db, alice, room := open(t)
			m := say(t, db, alice, room, "one")
			if err := db.PruneChanges(t.Context(), time.Now().Add(time.Hour), 0); err != nil {
				t.Fatal(err)
			}
			h := newHub()
			run(t, db, h, last)
			h.sees(t, fmt.Sprintf("up to %d", m.ID), "resync")
			next := say(t, db, alice, room, "two")
			h.sees(t, fmt.Sprintf("up to %d %d:1", next.ID, room))
		})
	}
}

// deaf is a store whose signals get lost and whose first reading fails.
type deaf struct {
	*sqlstore.Store
	asked int
}

func (d *deaf) Committed() <-chan store.Seq { return nil }

func (d *deaf) ChangesSince(ctx context.Context, after store.Seq, limit int) ([]store.Change, error) {
	if d.asked++; d.asked == 1 {
		return nil, errors.New("disk on fire")
	}
	return d.Store.ChangesSince(ctx, after, limit)
}

func TestLostSignalsAndFailedReadingsDelayAndLoseNothing(t *testing.T) {
	db, alice, room := open(t)
	head, _ := db.Head(t.Context())
	m := say(t, db, alice, room, "one")
	h := newHub()
	run(t, &deaf{Store: db}, h, head)
	h.sees(t, fmt.Sprintf("up to %d %d:1", m.ID, room))
}

func change(seq store.Seq, kind store.ChangeKind, room store.RoomID, id store.MessageID, body string) store.Change {
	return store.Change{Seq: seq, Kind: kind, Room: room, Slug: "General", Message: store.Message{ID: id, Room: room, Body: body}}
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 8000)
	type part struct {
		Room     store.RoomID
		UpTo     store.Seq
		Messages int
	}
	for _, c := range []struct {
		name    string
		changes []store.Change
		want    []part
	}{
		{"nothing to show", []store.Change{change(1, store.RoomCreated, 1, 0, ""), change(2, store.MemberSet, 1, 0, "")}, nil},
		{"one room together", []store.Change{change(1, store.MessageCreated, 1, 1, "a"), change(2, store.MessageCreated, 1, 2, "b")}, []part{{1, 2, 2}}},
		{"rooms apart", []store.Change{change(1, store.MessageCreated, 1, 1, "a"), change(2, store.MessageCreated, 2, 2, "b"), change(3, store.MessageCreated, 1, 3, "c")},
			[]part{{1, 3, 2}, {2, 2, 1}}},
		{"changed twice is drawn once", []store.Change{change(1, store.MessageCreated, 1, 1, "now"), change(2, store.MessageEdited, 1, 1, "now"), change(3, store.MessageEdited, 1, 1, "now")},
			[]part{{1, 1, 1}}},
		{"more than a frame holds", []store.Change{change(1, store.MessageCreated, 1, 1, long), change(2, store.MessageCreated, 1, 2, long), change(3, store.MessageCreated, 1, 3, long),
			change(4, store.MessageCreated, 1, 4, long), change(5, store.MessageCreated, 1, 5, long)}, []part{{1, 3, 3}, {1, 5, 2}}},
		{"a message larger than a frame", []store.Change{change(1, store.MessageCreated, 1, 1, "a"), change(2, store.MessageCreated, 1, 2, strings.Repeat("'", 8000)), change(3, store.MessageCreated, 1, 3, "b")},
			[]part{{1, 1, 1}, {1, 2, 1}, {1, 3, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []part
			for _, d := range feed.Frames(c.changes) {
				got = append(got, part{d.Room, d.UpTo, strings.Count(string(d.Data), "<li ")})
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPresenceFrameTellsWhoLeftBeforeWhoEntered(t *testing.T) {
	alice, bob := store.Person{ID: 1, Name: "Alice"}, store.Person{ID: 2, Name: "<Bob>"}
	html := string(feed.Presence(live.PresenceChange{Entered: []store.Person{alice}, Left: []store.Person{bob}, People: []store.Person{alice}}))
	left, entered := strings.Index(html, "<bdi>&lt;Bob&gt;</bdi> has left"), strings.Index(html, "<bdi>Alice</bdi> has entered")
	if left < 0 || entered < left {
		t.Errorf("the frame is %s", html)
	}
}

func BenchmarkFrames(b *testing.B) {
	var changes []store.Change
	for i := range store.Seq(100) {
		changes = append(changes, change(i+1, store.MessageCreated, store.RoomID(i%3), store.MessageID(i+1), "The **release** is out, see https://example.org/notes"))
	}
	for b.Loop() {
		feed.Frames(changes)
	}
}
