package handlers_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"letstalk/store"
)

func TestCursorThatCannotBeContinued(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice := s.signIn("alice")
	room := s.roomID(alice.id, "General")
	start := s.head()
	var last store.MessageID
	for i := range 301 {
		m, err := s.store.CreateMessage(t.Context(), alice.id, room, store.Draft{Body: "x", Nonce: "n" + strconv.Itoa(i)})
		must(t, err)
		last = m.ID
	}
	s.handedOut()
	resyncs := func(t *testing.T, cursor string) {
		t.Helper()
		stream := alice.listen(events + "?after=" + cursor)
		want(t, "hello's id", number(stream.hello().id), cursor)
		rest := stream.end()
		if len(rest) == 0 || rest[len(rest)-1].event != "resync" || rest[len(rest)-1].id != 0 {
			t.Errorf("the stream ended with %+v", rest)
		}
		for _, f := range rest {
			if f.isChange() {
				t.Errorf("before it came %+v", f)
			}
		}
	}
	t.Run("more than 300 changes behind", func(t *testing.T) { resyncs(t, number(start)) })
	t.Run("300 changes behind is replayed", func(t *testing.T) {
		stream := alice.listen(events + "?after=" + number(start+1))
		stream.hello()
		seen := 0
		for seen < 300 {
			f := stream.until("changes", frame.isChange)
			seen += strings.Count(f.data, "<li ")
			if len(f.data) > 32<<10 {
				t.Errorf("a frame has %d bytes", len(f.data))
			}
		}
		want(t, "messages", seen, 300)
	})
	t.Run("changes of other rooms do not count", func(t *testing.T) {
		stream := alice.listen("/chat/Sports/events?after=" + number(start))
		stream.hello()
		stream.untilData("people-panel")
	})
	t.Run("a cursor from the future", func(t *testing.T) {
		for _, cursor := range []int64{int64(last) + 1, int64(last) + 1000, math.MaxInt64} {
			resyncs(t, number(cursor))
		}
	})
	t.Run("a lobby's cursor from the future", func(t *testing.T) {
		stream := alice.listen("/events?after=" + number(int64(last)+1000))
		stream.hello()
		want(t, "event", stream.next().event, "resync")
		stream.end()
	})
}

func TestCursorTheFeedHasNotReached(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice := s.signIn("alice")
	handOut := s.holdFeed()
	before := alice.say("drawn in the page, not handed out yet")
	cursor := alice.get("/chat/General").cursor()
	stream := alice.listen(events + "?after=" + cursor)
	want(t, "hello's id", number(stream.hello().id), cursor)
	stream.untilData("people-panel")
	handOut()
	want(t, "the message it has is an upsert", stream.until("changes", frame.isChange).id, int64(before))
	after := alice.say("and on it goes")
	want(t, "id", stream.untilData("and on it goes").id, int64(after))
}

func TestResume(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice := s.signIn("alice")
	var ids []store.MessageID
	for i := range 5 {
		ids = append(ids, alice.say(fmt.Sprintf("message %d", i)))
	}
	s.handedOut()
	for _, c := range []struct {
		name, after, last string
		first             int // index of the first message that comes, 5 for none
	}{
		{"by after", number(ids[1]), "", 2},
		{"by Last-Event-ID", "", number(ids[2]), 3},
		{"Last-Event-ID wins over after", number(ids[0]), number(ids[3]), 4},
		{"Last-Event-ID wins even if older", number(ids[3]), number(ids[0]), 1},
		{"at the end", number(ids[4]), "", 5},
		{"no cursor", "", "", 5},
		{"a word", "yesterday", "", 5},
		{"a negative number", "-3", "", 5},
		{"a number no database knows", "99999999999999999999", "", 5},
		{"a garbled Last-Event-ID leaves after", number(ids[1]), "seven\x00", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if last := strings.TrimSuffix(c.last, "\x00"); last != "" {
				headers = []string{"Last-Event-ID", last}
			}
			path := events
			if c.after != "" {
				path += "?after=" + c.after
			}
			stream := alice.listen(path, headers...)
			defer stream.close()
			stream.hello()
			ping := alice.say("ping")
			got := ""
			for !strings.Contains(got, "ping") {
				got += stream.until("changes", frame.isChange).data
			}
			for i, id := range ids {
				want(t, fmt.Sprintf("message %d comes", i), strings.Contains(got, `id="m-`+number(id)+`"`), i >= c.first)
			}
			must(t, s.erase(alice, ping))
		})
	}
}

// erase deletes a message's trace from the tests that follow.
func (s *site) erase(p *person, id store.MessageID) error {
	_, err := s.store.DeleteMessage(s.Context(), p.id, s.roomID(p.id, "General"), id)
	s.handedOut()
	return err
}
