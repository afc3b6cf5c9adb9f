package handlers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/live"
	"letstalk/store"
)

// watch follows a stream in a replica.
type watch struct {
	*stream
	replica
}

func (p *person) watch(t *testing.T) *watch {
	t.Helper()
	w := &watch{}
	a := p.get("/chat/General")
	must(t, w.load(a.page()))
	w.stream = p.listen(events + "?after=" + a.cursor())
	w.hello()
	return w
}

// sees applies frames until what the watcher sees is as wanted.
func (w *watch) sees(what string, so func() bool) {
	w.Helper()
	for !so() {
		f, err := w.tryNext()
		if err != nil {
			w.Fatalf("%v before %s; here are %q, notices %q", err, what, w.people, w.notices)
		}
		if f.event == "" {
			must(w, w.apply(f.data))
		}
	}
}

func (w *watch) seesPeople(names ...string) {
	w.Helper()
	w.sees(fmt.Sprint(names), func() bool { return slices.Equal(w.people, names) })
}

func (w *watch) seesNotice(text string) {
	w.Helper()
	w.sees(text, func() bool { return slices.Contains(w.notices, text) })
}

func soon(o *live.Options) {
	o.Linger, o.Settle, o.Heartbeat, o.Recheck = 50*time.Millisecond, time.Millisecond, time.Hour, time.Hour
}

func TestPresence(t *testing.T) {
	t.Run("tells who enters and who leaves", func(t *testing.T) {
		s := open(t, setup{hub: soon})
		alice := s.signIn("alice").watch(t)
		alice.seesPeople("Alice Adams")
		bob := s.signIn("bob").listen(events)
		alice.seesNotice("Bob Brown has entered the chat room.")
		alice.seesPeople("Alice Adams", "Bob Brown")
		want(t, "label", alice.here, "2 here")
		bob.close()
		alice.seesNotice("Bob Brown has left the chat room.")
		alice.seesPeople("Alice Adams")
		want(t, "label", alice.here, "1 here")
	})

	t.Run("has one entry per person however many tabs", func(t *testing.T) {
		s := open(t, setup{hub: soon})
		p := s.signIn("alice")
		alice := p.watch(t)
		tabs := []*stream{p.listen(events), p.listen(events), s.signIn("alice").listen(events)}
		for _, tab := range tabs {
			tab.untilData("people-panel")
			tab.close()
		}
		eventually(t, "the tabs' ends", func() bool { return s.endings() == len(tabs) })
		bob := s.signIn("bob")
		bob.listen(events)
		alice.seesPeople("Alice Adams", "Bob Brown")
		want(t, "people on a page", bob.get("/chat/General").page().Find("li.person").Length(), 2)
		for _, notice := range alice.notices {
			if strings.Contains(notice, "Alice") && strings.Contains(notice, "left") {
				t.Errorf("a tab's end was told: %s", notice)
			}
		}
	})

	t.Run("is silent about a reload", func(t *testing.T) {
		s := open(t, setup{hub: func(o *live.Options) { soon(o); o.Linger = time.Hour }})
		alice := s.signIn("alice").watch(t)
		p := s.signIn("bob")
		bob := p.listen(events)
		alice.seesNotice("Bob Brown has entered the chat room.")
		for i := range 3 {
			bob.close()
			eventually(t, "bob's stream ending", func() bool { return s.endings() == i+1 })
			bob = p.listen(events)
			bob.hello()
		}
		s.signIn("carol").listen(events)
		alice.seesNotice("Carol Chen has entered the chat room.")
		want(t, "lines about bob", strings.Count(strings.Join(alice.notices, "\n"), "Bob Brown"), 1)
	})

	t.Run("shows the viewer once and in order on their own page", func(t *testing.T) {
		s := open(t, setup{hub: soon})
		alice, carol := s.signIn("alice"), s.signIn("carol")
		alice.listen(events).untilData("people-panel")
		carol.listen(events).untilData("people-panel")
		bob := s.signIn("bob")
		var page replica
		must(t, page.load(bob.get("/chat/General").page()))
		if diff := cmp.Diff([]string{"Alice Adams", "Bob Brown", "Carol Chen"}, page.people); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		bob.listen(events).untilData("people-panel")
		_, err := s.store.CreateLogin(t.Context(), store.NewLogin{Identity: identityOf(t, bob, "Aaron Brown"), Lifetime: time.Hour})
		must(t, err)
		must(t, page.load(bob.get("/chat/General").page()))
		if diff := cmp.Diff([]string{"Aaron Brown", "Alice Adams", "Carol Chen"}, page.people); diff != "" {
			t.Errorf("under a new name (-want +got):\n%s", diff)
		}
	})

	t.Run("of one room is nothing to another", func(t *testing.T) {
		s := open(t, setup{hub: soon})
		alice := s.signIn("alice").watch(t)
		s.signIn("bob").listen("/chat/Sports/events").untilData("people-panel")
		s.signIn("carol").listen(events)
		alice.seesNotice("Carol Chen has entered the chat room.")
		alice.seesPeople("Alice Adams", "Carol Chen")
	})

	t.Run("escapes names", func(t *testing.T) {
		s := open(t, setup{hub: soon})
		alice := s.signIn("alice").watch(t)
		mallory := s.signIn("mallory")
		stream := mallory.listen(events)
		f := alice.untilData("Mallory")
		must(t, alice.apply(f.data))
		if strings.Contains(f.data, "<script") || strings.Contains(f.data, "\u202e") {
			t.Errorf("frame: %s", f.data)
		}
		if len(alice.notices) == 0 || !strings.HasPrefix(alice.notices[0], "Mallory <script>alert(1)</script>") {
			t.Errorf("notices: %q", alice.notices)
		}
		if want := fmt.Sprintf(`<li class="notice" data-person="%d">`, mallory.id); !strings.Contains(f.data, want) {
			t.Errorf("no %s in %s", want, f.data)
		}
		stream.close()
	})
}

func identityOf(t *testing.T, p *person, name string) store.Identity {
	t.Helper()
	u, err := p.store.User(t.Context(), p.id)
	must(t, err)
	u.Identity.Name = name
	return u.Identity
}

func TestStormOfPeople(t *testing.T) {
	s := open(t, setup{hub: func(o *live.Options) { soon(o); o.Settle = 300 * time.Millisecond }})
	alice := s.signIn("alice").watch(t)
	alice.seesPeople("Alice Adams")
	room := s.roomID(1, "General")
	const crowd = 300
	for i := range crowd {
		// They come by the hub itself: three hundred sign-ins prove nothing here.
		l, err := s.store.CreateLogin(t.Context(), store.NewLogin{Lifetime: time.Hour, Identity: store.Identity{
			Issuer: "https://example.org", Subject: fmt.Sprint(i), Name: fmt.Sprintf("%03d %s", i, strings.Repeat(`"`, 95))}})
		must(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.hub.Serve(newDeaf(), requestWith(ctx), live.Reader{Login: l.ID, Person: l.User.Person(), Room: room})
		}()
		t.Cleanup(func() { cancel(); <-done })
	}
	alice.sees("everybody", func() bool { return alice.here == fmt.Sprintf("%d here", crowd+1) })
	if alice.lists > crowd/2 {
		t.Errorf("the list was drawn %d times for %d people", alice.lists, crowd)
	}
	if len(alice.people) > 100 || len(alice.people) < 30 {
		t.Errorf("%d of %d people are listed", len(alice.people), crowd+1)
	}
	bob := s.signIn("bob")
	f := bob.listen(events).untilData("people-panel")
	if len(f.data) > 32<<10 || !strings.Contains(f.data, "more") {
		t.Errorf("a frame of %d bytes: %.200s", len(f.data), f.data)
	}
}
