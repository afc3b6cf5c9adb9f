package handlers_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"letstalk/internal/live"
	"letstalk/store"
)

// progress tells readers how far the writer is.
type progress struct {
	mu   sync.Mutex
	cond *sync.Cond
	done int
	over bool
}

func newProgress() *progress {
	p := &progress{}
	p.cond = sync.NewCond(&p.mu)
	return p
}

func (p *progress) step(over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.over = over
	p.cond.Broadcast()
}

// wait returns once the writer has done n more steps, and whether it is over.
func (p *progress) wait(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for until := p.done + n; p.done < until && !p.over; {
		p.cond.Wait()
	}
	return p.over
}

func TestEveryReaderEndsWithWhatIsKept(t *testing.T) {
	const readers, steps = 10, 900
	s := open(t, setup{hub: func(o *live.Options) { o.Heartbeat, o.MaxPerUser = 200*time.Millisecond, 2*readers }})
	alice, bob := s.signIn("alice"), s.signIn("bob")
	room, err := s.store.Room(t.Context(), alice.id, "General")
	must(t, err)
	writing := newProgress()
	end := make(chan error, readers)
	resyncs := make([]int, readers)
	for i := range readers {
		go func() {
			var err error
			resyncs[i], err = bob.follow(rand.New(rand.NewPCG(1, uint64(i))), writing, room)
			end <- err
		}()
	}
	s.write(alice.id, room.ID, steps, writing)
	total := 0
	for range readers {
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
	for _, n := range resyncs {
		total += n
	}
	if total == 0 {
		t.Error("no reader was ever so far behind that it had to reload: the test is too tame")
	}
}

// write posts, edits and deletes at random.
func (s *site) write(author store.UserID, room store.RoomID, steps int, writing *progress) {
	random := rand.New(rand.NewPCG(2, 2))
	var ids []store.MessageID
	for i := range steps {
		var err error
		switch n := random.IntN(10); {
		case n < 6 || len(ids) == 0:
			var m store.Message
			m, err = s.store.CreateMessage(s.Context(), author, room, store.Draft{
				Body: fmt.Sprintf("message *%d*\r\rof many %s", i, strings.Repeat("word ", random.IntN(400))), Nonce: fmt.Sprint("w", i)})
			ids = append(ids, m.ID)
		case n < 9:
			_, err = s.store.EditMessage(s.Context(), author, room, ids[random.IntN(len(ids))], fmt.Sprintf("edit **%d**", i))
		default:
			_, err = s.store.DeleteMessage(s.Context(), author, room, ids[random.IntN(len(ids))])
		}
		if err != nil && err != store.ErrConflict && !strings.Contains(err.Error(), "conflict") {
			s.Error(err)
		}
		writing.step(i == steps-1)
	}
}

// follow reads a room with a connection that breaks all the time, until the writer is done and everything has come. It
// returns how often the page had to be loaded anew.
func (p *person) follow(random *rand.Rand, writing *progress, room store.Room) (resyncs int, err error) {
	var page replica
	cursor := ""
	load := func() error {
		a := p.get("/chat/General")
		cursor = a.cursor()
		return page.load(a.page())
	}
	if err := load(); err != nil {
		return 0, err
	}
	for over := false; ; {
		var headers []string
		path := events + "?after=" + cursor
		if random.IntN(2) == 0 {
			path, headers = events+"?after=0", []string{"Last-Event-ID", cursor}
		}
		stream, err := p.tryListen(path, headers...)
		if err != nil {
			return resyncs, err
		}
		for budget := random.IntN(8); over || budget > 0; budget-- {
			f, err := stream.tryNext()
			if err != nil {
				if over {
					return resyncs, fmt.Errorf("ended early: %w", err)
				}
				break // a reader that lags is cut, and comes back
			}
			if f.event == "resync" {
				resyncs++
				if err := load(); err != nil {
					return resyncs, err
				}
				break
			}
			cursor = number(f.id)
			if f.event == "" {
				if err := page.apply(f.data); err != nil {
					return resyncs, err
				}
			}
			if over && f.event != "hello" && f.id >= int64(p.head()) {
				stream.close()
				return resyncs, page.difference(p.site, p.id, room)
			}
		}
		stream.close()
		if !over {
			over = writing.wait([]int{0, 1, 5, 20, 320}[random.IntN(5)])
		}
	}
}

func TestCutAfterEachFrameOfAReplayLosesNothing(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice := s.signIn("alice")
	room, err := s.store.Room(t.Context(), alice.id, "General")
	must(t, err)
	page := alice.get("/chat/General")
	for i := range 40 {
		_, err := s.store.CreateMessage(t.Context(), alice.id, room.ID, store.Draft{
			Body: fmt.Sprint(i, strings.Repeat(" long", 1500)), Nonce: fmt.Sprint(i)})
		must(t, err)
		if i%3 == 2 {
			_, err := s.store.CreateMessage(t.Context(), alice.id, s.roomID(alice.id, "Sports"), store.Draft{Body: "x", Nonce: fmt.Sprint("s", i)})
			must(t, err)
		}
	}
	s.handedOut()
	var reader replica
	must(t, reader.load(page.page()))
	cuts, cursor := 0, page.cursor()
	for number(s.head()) != cursor {
		stream := alice.listen(events, "Last-Event-ID", cursor)
		want(t, "hello's id", number(stream.hello().id), cursor)
		f := stream.until("changes", frame.isChange)
		stream.close()
		must(t, reader.apply(f.data))
		if number(f.id) == cursor {
			t.Fatalf("a frame does not move the cursor on from %s", cursor)
		}
		cursor = number(f.id)
		cuts++
	}
	if cuts < 5 {
		t.Errorf("the replay had only %d frames", cuts)
	}
	must(t, reader.difference(s, alice.id, room))
}

func TestChangeDuringAReplay(t *testing.T) {
	for _, c := range []struct {
		name   string
		before bool // the change is committed before the past is read, else after
	}{{"before it is read", true}, {"after it was read", false}} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, setup{hub: slow})
			alice := s.signIn("alice")
			room, err := s.store.Room(t.Context(), alice.id, "General")
			must(t, err)
			page := alice.get("/chat/General")
			m := alice.say("first")
			s.handedOut()
			change := func() {
				_, err := s.store.EditMessage(t.Context(), alice.id, room.ID, m, "second")
				must(t, err)
				alice.say("third")
				s.handedOut()
			}
			s.store.aroundReplays(func(read func()) {
				if c.before {
					change()
				}
				read()
				if !c.before {
					change()
				}
			})
			var reader replica
			must(t, reader.load(page.page()))
			stream := alice.listen(events + "?after=" + page.cursor())
			stream.until("the last change", func(f frame) bool {
				if f.event == "" {
					must(t, reader.apply(f.data))
				}
				return f.isChange() && f.id == int64(s.head())
			})
			must(t, reader.difference(s, alice.id, room))
		})
	}
}

func TestMessageCommittedBetweenPageAndStream(t *testing.T) {
	s := open(t, setup{hub: slow})
	alice := s.signIn("alice")
	page := alice.get("/chat/General")
	m := alice.say("in between")
	s.handedOut()
	stream := alice.listen(events + "?after=" + page.cursor())
	stream.hello()
	f := stream.until("changes", frame.isChange)
	want(t, "id", f.id, int64(m))
	want(t, "times it came", strings.Count(f.data, "<hx-upsert"), 1)
	next := alice.say("afterwards")
	f = stream.until("changes", frame.isChange)
	want(t, "id", f.id, int64(next))
	want(t, "times it came", strings.Count(f.data, "<li "), 1)
}

func TestGoodbyeDuringAReplay(t *testing.T) {
	for event, end := range map[string]func(*site){
		"bye":  (*site).stop,
		"auth": func(s *site) { s.hub.EndLogin(1) },
	} {
		t.Run(event, func(t *testing.T) {
			s := open(t, setup{hub: slow})
			alice := s.signIn("alice")
			page := alice.get("/chat/General")
			alice.say("missed")
			s.handedOut()
			lobby := alice.listen("/events")
			lobby.hello()
			reading, ended := make(chan struct{}), make(chan struct{})
			s.store.aroundReplays(func(read func()) {
				close(reading)
				<-ended
				read()
			})
			stream := alice.listen(events + "?after=" + page.cursor())
			stream.hello()
			<-reading
			go end(s)
			lobby.untilEvent(event)
			close(ended)
			rest := stream.end()
			want(t, "frames", len(rest), 1)
			want(t, "event", rest[0].event, event)
			want(t, "id, from which nothing is skipped", number(rest[0].id), page.cursor())
		})
	}
}
