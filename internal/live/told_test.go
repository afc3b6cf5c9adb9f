package live

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"letstalk/store"
)

// events returns the ids and names of the frames a page got, as "id name", without those of heartbeats.
func (p *page) events() []string {
	var list []string
	for frame := range strings.SplitSeq(strings.TrimSuffix(p.String(), "\n\n"), "\n\n") {
		id, name := "", "change"
		for line := range strings.SplitSeq(frame, "\n") {
			if v, ok := strings.CutPrefix(line, "id: "); ok {
				id = v
			}
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				name = v
			}
		}
		list = append(list, id+" "+name)
	}
	return list
}

func TestPersonIsToldOnAllTheirStreamsBeforeTheChangeIsHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, func(o *Options) { o.Position = 5 })
		inRoom, inLobby, others := newPage(), newPage(), newPage()
		ended := []<-chan struct{}{
			serve(t.Context(), h, inRoom, Reader{Person: alice, Room: 1}),
			serve(t.Context(), h, inLobby, Reader{Person: alice}),
			serve(t.Context(), h, others, Reader{Person: bob, Room: 2}),
		}
		synctest.Wait()
		h.Publish(7, []Delivery{{Room: 1, UpTo: 7, Data: []byte("one")}})
		h.TellUser(alice.ID, "rooms", 9)
		h.Publish(9, []Delivery{{Room: 1, UpTo: 8, Data: []byte("two")}})
		h.Close(t.Context())
		for _, e := range ended {
			<-e
		}
		for name, c := range map[string]struct {
			page *page
			want []string
		}{
			"in the room":  {inRoom, []string{"5 hello", "5 change", "7 change", "7 rooms", "8 change", "8 bye"}},
			"in the lobby": {inLobby, []string{"5 hello", "7 rooms", "7 bye"}},
			"somebody":     {others, []string{"5 hello", "5 change", "5 bye"}},
		} {
			if got := c.page.events(); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	})
}

func TestHelloSaysWhatThePersonMayNotHaveBeenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, func(o *Options) { o.Position = 5 })
		defer h.Close(t.Context())
		told := func(who store.Person) string {
			p, leave := visit(h, 0, who)
			defer leave()
			_, after, _ := strings.Cut(p.String(), `"told":`)
			number, _, _ := strings.Cut(after, ",")
			return number
		}
		if got := told(alice); got != "5" {
			t.Errorf("of what was before the hub began it says %s", got)
		}
		h.Publish(8, nil)
		h.TellUser(alice.ID, "rooms", 10)
		if got := told(alice); got != "10" {
			t.Errorf("while the change is on its way it says %s", got)
		}
		h.Publish(12, nil)
		if a, b := told(alice), told(bob); a != "10" || b != "5" {
			t.Errorf("it says %s to her whom it concerns and %s to others", a, b)
		}
		h.Resync()
		if a, b := told(alice), told(bob); a != "12" || b != "12" {
			t.Errorf("after a gap it says %s and %s", a, b)
		}
	})
}

func TestLoginsThatHaveStreamsAreListedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, nil)
		defer h.Close(t.Context())
		var leave func()
		for i, login := range []store.LoginID{3, 1, 3, 2} {
			p := newPage()
			serve(t.Context(), h, p, Reader{Login: login, Person: alice, Room: store.RoomID(i)})
		}
		synctest.Wait()
		_, leave = visit(h, 0, bob) // login 0
		list := func() []store.LoginID { return slices.Sorted(slices.Values(h.Logins())) }
		if got := list(); !slices.Equal(got, []store.LoginID{0, 1, 2, 3}) {
			t.Errorf("they are %v", got)
		}
		leave()
		h.EndLogin(3)
		synctest.Wait()
		if got := list(); !slices.Equal(got, []store.LoginID{1, 2}) {
			t.Errorf("afterwards they are %v", got)
		}
	})
}

func TestARoomThatAsksForSomethingElseHasItsPagesComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, nil)
		defer h.Close(t.Context())
		pages := []*page{newPage(), newPage(), newPage()}
		var ended []<-chan struct{}
		for i, p := range pages {
			ended = append(ended, serve(t.Context(), h, p, Reader{Person: store.Person{ID: store.UserID(i)}, Room: store.RoomID(min(i, 1))}))
		}
		synctest.Wait()
		h.EndRoom(1)
		for i, p := range pages[1:] {
			<-ended[i+1]
			if last := p.lastFrame(t); last["event"] != "resync" || last["id"] != "0" {
				t.Errorf("a page of the room is told %v", last)
			}
		}
		synctest.Wait()
		select {
		case <-ended[0]:
			t.Error("a stream of no room ended")
		default:
		}
	})
}
