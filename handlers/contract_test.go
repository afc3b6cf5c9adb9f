package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"letstalk/internal/live"
	"letstalk/store"
)

const events = "/chat/General/events"

// quick makes heartbeats and looks at logins come soon.
func quick(o *live.Options) {
	o.Heartbeat, o.Recheck = 100*time.Millisecond, 50*time.Millisecond
}

// slow keeps heartbeats and looks at logins out of a test.
func slow(o *live.Options) { o.Heartbeat, o.Recheck = time.Hour, time.Hour }

func TestStream(t *testing.T) {
	t.Run("begins with headers that no proxy or cache may spoil", func(t *testing.T) {
		for _, tls := range []bool{false, true} {
			s := open(t, setup{tls: tls}).signIn("alice").listen(events, "Accept-Encoding", "gzip, br")
			s.hello()
			want(t, "protocol", s.proto, map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[tls])
			want(t, "content type", s.header.Get("Content-Type"), "text/event-stream")
			want(t, "caching", s.header.Get("Cache-Control"), "no-store")
			want(t, "buffering", s.header.Get("X-Accel-Buffering"), "no")
			want(t, "encoding", s.header.Get("Content-Encoding"), "")
			want(t, "length", s.header.Get("Content-Length"), "")
		}
	})

	t.Run("hello carries the cursor the browser came with, never the head", func(t *testing.T) {
		s := open(t, setup{hub: slow})
		alice := s.signIn("alice")
		first := alice.say("one")
		alice.say("two")
		hello := alice.listen(events + "?after=" + number(first-1)).hello()
		want(t, "id", hello.id, int64(first-1))
		want(t, "retry", hello.retry, 1000)
		var data struct {
			Seq  int64
			Boot string
			Time time.Time
		}
		must(t, json.Unmarshal([]byte(hello.data), &data))
		want(t, "seq", data.Seq, int64(first-1))
		if data.Boot == "" || data.Time.IsZero() {
			t.Errorf("hello says %s", hello.data)
		}
	})

	t.Run("changes come in unnamed frames of fragments", func(t *testing.T) {
		s := open(t, setup{})
		alice, bob := s.signIn("alice"), s.signIn("bob")
		stream := bob.listen(events + "?after=" + bob.get("/chat/General").cursor())
		m := alice.say("good *morning*")
		f := stream.untilData("<em>morning</em>")
		want(t, "event", f.event, "")
		want(t, "id", f.id, int64(m))
		if !strings.HasPrefix(f.data, `<hx-upsert hx-target="#messages" key="data-seq">`) {
			t.Errorf("a new message comes as %s", f.data)
		}
		message := "/chat/General/messages/" + number(m)
		want(t, "editing", alice.post(message+"/edit", url.Values{"body": {"good evening"}}).status, http.StatusSeeOther)
		f = stream.untilData("good evening")
		if !strings.HasPrefix(f.data, `<hx-partial hx-target="#m-`+number(m)+`" hx-swap="outerMorph">`) || f.id <= int64(m) {
			t.Errorf("an edit comes as %+v", f)
		}
		want(t, "deleting", alice.post(message+"/delete", nil).status, http.StatusSeeOther)
		f = stream.untilData("This message was deleted.")
		if !strings.HasPrefix(f.data, `<hx-partial hx-target="#m-`+number(m)+`"`) || strings.Contains(f.data, "evening") {
			t.Errorf("a deletion comes as %s", f.data)
		}
	})

	t.Run("heartbeats repeat where the stream is", func(t *testing.T) {
		s := open(t, setup{hub: quick})
		alice := s.signIn("alice")
		streams := []*stream{alice.listen(events), alice.listen("/events")}
		m := int64(alice.say("tick"))
		for _, stream := range streams {
			stream.until("a heartbeat after the message", func(f frame) bool { return f.event == "hb" && f.id == m })
			want(t, "the next", stream.until("another", func(f frame) bool { return f.event == "hb" }).id, m)
		}
	})

	t.Run("bye sends everybody home with different delays", func(t *testing.T) {
		s := open(t, setup{})
		alice := s.signIn("alice")
		m := int64(alice.say("last words"))
		s.handedOut() // a stream that came before and is sent nothing stays where it began
		streams := []*stream{alice.listen(events), alice.listen(events), alice.listen("/events")}
		for _, stream := range streams {
			stream.hello()
		}
		s.stop()
		for _, stream := range streams {
			rest := stream.end()
			if len(rest) == 0 {
				t.Fatal("no goodbye")
			}
			bye := rest[len(rest)-1]
			if bye.event != "bye" || bye.id != m || bye.retry < 1000 || bye.retry > 10_000 {
				t.Errorf("the last frame is %+v", bye)
			}
		}
		a := alice.get(events)
		want(t, "status once stopping", a.status, http.StatusServiceUnavailable)
		want(t, "Retry-After", a.header.Get("Retry-After"), "5")
	})
}

func TestStreamEndsWithTheSession(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(t *testing.T, s *site, p *person, login store.LoginID)
	}{
		{"logging out elsewhere in the browser", func(t *testing.T, s *site, p *person, _ store.LoginID) {
			want(t, "status", p.post("/users/logout", nil).status, http.StatusSeeOther)
		}},
		{"the login ended in the store alone", func(t *testing.T, s *site, p *person, login store.LoginID) {
			must(t, s.store.EndLogin(t.Context(), login, store.Ending{Cause: store.SignedOut}))
		}},
		{"the person was locked out", func(t *testing.T, s *site, p *person, _ store.LoginID) {
			_, err := s.store.SetUserActive(t.Context(), store.Operator, p.id, false)
			must(t, err)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, setup{hub: quick})
			alice, other, bob := s.signIn("alice"), s.signIn("bob"), s.signIn("bob")
			mine := []*stream{alice.listen(events), alice.listen("/events")}
			others := []*stream{other.listen(events), bob.listen("/events")}
			for _, stream := range append(mine, others...) {
				stream.untilEvent("hb")
			}
			c.end(t, s, alice, 1)
			for _, stream := range mine {
				rest := stream.end()
				if len(rest) == 0 || rest[len(rest)-1].event != "auth" {
					t.Errorf("the stream ended with %+v", rest)
				}
			}
			for _, stream := range others {
				stream.untilEvent("hb")
			}
			want(t, "the stream's next answer", alice.get(events).status, http.StatusUnauthorized)
			want(t, "the other person's page", bob.get("/chat/General").status, http.StatusOK)
		})
	}
}

func TestStreamRefusesInPlainText(t *testing.T) {
	s := open(t, setup{})
	alice := s.signIn("alice")
	private, err := s.store.CreateRoom(t.Context(), alice.id, store.NewRoom{Name: "Secret", Visibility: store.Private})
	must(t, err)
	bob := s.signIn("bob")
	for _, c := range []struct {
		name   string
		who    *person
		path   string
		status int
	}{
		{"visitor at a room", s.visitor(), events, 401},
		{"visitor at the lobby", s.visitor(), "/events", 401},
		{"visitor at an unknown room", s.visitor(), "/chat/Nowhere/events", 401},
		{"unknown room", alice, "/chat/Nowhere/events", 404},
		{"room of others", bob, "/chat/" + private.Slug + "/events", 404},
	} {
		t.Run(c.name, func(t *testing.T) { plain(t, c.who.get(c.path, "Accept", "text/event-stream"), c.status) })
	}
	t.Run("HEAD opens no stream", func(t *testing.T) {
		a := alice.do(http.MethodHead, events, nil)
		want(t, "status", a.status, http.StatusOK)
		want(t, "content type", a.header.Get("Content-Type"), "text/event-stream")
		want(t, "people here", len(s.hub.People(s.roomID(alice.id, "General"))), 0)
	})
	t.Run("store that does not answer", func(t *testing.T) {
		must(t, s.store.Close())
		plain(t, alice.get(events), 500)
		plain(t, alice.get("/events"), 500)
	})
}

func plain(t *testing.T, a answer, status int) {
	t.Helper()
	want(t, "status", a.status, status)
	want(t, "content type", a.header.Get("Content-Type"), "text/plain; charset=utf-8")
	want(t, "caching", a.header.Get("Cache-Control"), "no-store")
	if strings.Contains(a.body, "<") || a.body == "" {
		t.Errorf("body: %s", a.body)
	}
}

func TestStreamLimits(t *testing.T) {
	t.Run("full answers 503 until somebody leaves", func(t *testing.T) {
		s := open(t, setup{hub: func(o *live.Options) { o.MaxStreams = 2 }})
		alice := s.signIn("alice")
		first := alice.listen("/events")
		first.hello()
		alice.listen("/events").hello()
		a := alice.get(events)
		plain(t, a, http.StatusServiceUnavailable)
		want(t, "Retry-After", a.header.Get("Retry-After"), "5")
		first.close()
		eventually(t, "room for one more", func() bool {
			stream, err := alice.tryListen("/events")
			return err == nil && stream.hello().event == "hello"
		})
	})

	t.Run("a person's oldest streams give way", func(t *testing.T) {
		s := open(t, setup{hub: func(o *live.Options) { slow(o); o.MaxPerUser = 3 }})
		alice, bob := s.signIn("alice"), s.signIn("bob")
		other := bob.listen("/events")
		other.hello()
		var streams []*stream
		for range 6 {
			stream := alice.listen("/events")
			stream.hello()
			streams = append(streams, stream)
		}
		for i, stream := range streams[:3] {
			if f, err := stream.tryNext(); err == nil {
				t.Errorf("stream %d got %+v", i, f)
			}
		}
		s.stop()
		for _, stream := range append(streams[3:], other) {
			stream.untilEvent("bye")
		}
	})
}

func number[N ~int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// head returns the newest change number.
func (s *site) head() store.Seq {
	s.Helper()
	head, err := s.store.Head(context.WithoutCancel(s.Context()))
	must(s, err)
	return head
}

// handedOut waits until the hub has handed out everything committed so far.
func (s *site) handedOut() {
	s.Helper()
	head := s.head()
	eventually(s, "the feed reaching the head", func() bool { return s.hub.Position() >= head })
}
