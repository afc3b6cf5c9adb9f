package handlers_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

// prune has the log forget all but the newest changes.
func (s *site) prune(keep int) {
	s.Helper()
	must(s, s.store.PruneChanges(s.Context(), time.Time{}, keep))
}

// posts has n messages said in General.
func (s *site) posts(p *person, n int) (last store.MessageID) {
	s.Helper()
	room := s.roomID(p.id, "General")
	for range n {
		before := s.head()
		m, err := s.store.CreateMessage(s.Context(), p.id, room, store.Draft{Body: fmt.Sprint("number ", before+1), Nonce: number(before)})
		must(s, err)
		last = m.ID
	}
	s.handedOut()
	return last
}

// resynced expects a stream to say nothing but hello before it has its page load itself anew.
func (s *stream) resynced() {
	s.Helper()
	s.hello()
	rest := s.end()
	if len(rest) == 0 || rest[len(rest)-1].event != "resync" {
		s.Errorf("the stream ended with %+v", rest)
	}
	for _, f := range rest {
		if f.isChange() {
			s.Errorf("before it came %+v", f)
		}
	}
}

// reloaded expects a page that loads itself anew to show what is kept, and to be told what is said next.
func (p *person) reloaded() {
	p.Helper()
	page := p.get("/chat/General")
	var reader replica
	must(p, reader.load(page.page()))
	stream := p.listen(events + "?after=" + page.cursor())
	defer stream.close()
	stream.hello()
	last := p.say("on it goes")
	stream.until("what is said next", func(f frame) bool {
		if f.event == "" {
			must(p, reader.apply(f.data))
		}
		return f.id == int64(last)
	})
	room, err := p.store.Room(p.Context(), p.id, "General")
	must(p, err)
	must(p, reader.difference(p.site, p.id, room))
}

func TestLogPrunedUnderAWaitingCursor(t *testing.T) {
	t.Run("has the page load itself anew", func(t *testing.T) {
		s := open(t, setup{hub: slow})
		alice := s.signIn("alice")
		cursor := alice.get("/chat/General").cursor()
		s.posts(alice, 20)
		s.prune(10)
		alice.listen(events + "?after=" + cursor).resynced()
		alice.listen(events, "Last-Event-ID", cursor).resynced()
		alice.reloaded()
	})

	t.Run("replays from the last change it forgot, not from the one before", func(t *testing.T) {
		s := open(t, setup{hub: slow})
		alice := s.signIn("alice")
		last := s.posts(alice, 20)
		s.prune(10)
		alice.listen(events + "?after=" + number(last-11)).resynced()
		stream := alice.listen(events + "?after=" + number(last-10))
		stream.hello()
		f := stream.until("changes", frame.isChange)
		want(t, "messages replayed", strings.Count(f.data, "<li "), 10)
		want(t, "id", f.id, int64(last))
	})

	t.Run("leaves nothing to replay and the newest cursor good", func(t *testing.T) {
		s := open(t, setup{hub: slow})
		alice := s.signIn("alice")
		last := s.posts(alice, 3)
		s.prune(0)
		alice.listen(events + "?after=" + number(last-1)).resynced()
		stream := alice.listen(events + "?after=" + number(last))
		stream.hello()
		next := alice.say("on it goes")
		want(t, "the next change", stream.until("changes", frame.isChange).id, int64(next))
	})

	t.Run("by its age", func(t *testing.T) {
		s := open(t, setup{hub: slow})
		alice := s.signIn("alice")
		cursor := alice.get("/chat/General").cursor()
		s.posts(alice, 3)
		must(t, s.store.PruneChanges(t.Context(), time.Now().Add(-time.Hour), math.MaxInt))
		stream := alice.listen(events + "?after=" + cursor)
		stream.hello()
		want(t, "messages replayed", strings.Count(stream.until("changes", frame.isChange).data, "<li "), 3)
		must(t, s.store.PruneChanges(t.Context(), time.Now().Add(time.Hour), math.MaxInt))
		alice.listen(events + "?after=" + cursor).resynced()
		alice.reloaded()
	})

	for name, before := range map[string]bool{"before the past is read": true, "after the past was read": false} {
		t.Run("during a replay, "+name, func(t *testing.T) {
			s := open(t, setup{hub: slow})
			alice := s.signIn("alice")
			cursor := alice.get("/chat/General").cursor()
			s.posts(alice, 5)
			s.store.aroundReplays(func(read func()) {
				if before {
					s.prune(0)
				}
				read()
				s.prune(0)
			})
			stream := alice.listen(events + "?after=" + cursor)
			if before {
				stream.resynced()
				alice.reloaded()
				return
			}
			stream.hello()
			want(t, "messages replayed", strings.Count(stream.until("changes", frame.isChange).data, "<li "), 5)
			next := alice.say("on it goes")
			want(t, "the next change", stream.until("changes", frame.isChange).id, int64(next))
		})
	}
}

func TestOpenStreamGoesOnWhileTheLogIsPruned(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice := s.signIn("alice")
	stream := alice.listen(events)
	stream.hello()
	for range 5 {
		last := s.posts(alice, 3)
		s.prune(0)
		f := stream.until("the newest change", func(f frame) bool {
			want(t, "event", f.event, "")
			return f.isChange() && f.id == int64(last)
		})
		want(t, "the newest change comes", strings.Contains(f.data, `id="m-`+number(last)+`"`), true)
	}
}

func TestLogPrunedUnderTheFeedReloadsEveryPage(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice, bob := s.signIn("alice"), s.signIn("bob")
	streams := []*stream{alice.listen(events), bob.listen("/chat/Sports/events"), bob.listen("/events")}
	handOut := s.holdFeed()
	alice.say("never read by the feed")
	s.prune(0)
	handOut()
	for _, stream := range streams {
		stream.resynced()
	}
	bob.reloaded()
}
