package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"letstalk/store"
)

var (
	alice = store.Person{ID: 1, Name: "Alice"}
	bob   = store.Person{ID: 2, Name: "Bob"}
	carol = store.Person{ID: 3, Name: "Carol"}
)

func names(list []store.Person) string {
	var names []string
	for _, p := range slices.SortedFunc(slices.Values(list), ByName) {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

// named has the hub's presence frames tell names.
func named(o *Options) {
	o.Presence = func(c PresenceChange) []byte {
		return fmt.Appendf(nil, "entered %s, left %s, here %s.", names(c.Entered), names(c.Left), names(c.People))
	}
}

// newNode returns a hub that closes with the test.
func newNode(t *testing.T) *Hub {
	t.Helper()
	h := newHub(t, named)
	t.Cleanup(func() { h.Close(context.Background()) })
	return h
}

// visit opens a stream of a room and waits until all that follows from it at once has happened. leave closes it alike.
func visit(h *Hub, room store.RoomID, who store.Person) (p *page, leave func()) {
	p = newPage()
	ctx, cancel := context.WithCancel(context.Background())
	ended := serve(ctx, h, p, Reader{Person: who, Room: room})
	synctest.Wait()
	return p, func() {
		cancel()
		<-ended
		synctest.Wait()
	}
}

// presence returns what a page was told of presence after the first part of it.
func (p *page) presence(after int) []string {
	var told []string
	for line := range strings.Lines(p.String()[after:]) {
		if frame, ok := strings.CutPrefix(line, "data: entered "); ok {
			told = append(told, "entered "+strings.TrimSuffix(frame, "\n"))
		}
	}
	return told
}

// isTold does something and checks the frames of presence that a page gets because of it, in as long as it takes.
func (p *page) isTold(t *testing.T, what string, do func(), want ...string) {
	t.Helper()
	time.Sleep(time.Minute) // the room is quiet by now
	synctest.Wait()
	before := len(p.String())
	do()
	time.Sleep(time.Minute)
	synctest.Wait()
	if got := p.presence(before); !slices.Equal(got, want) {
		t.Errorf("%s: told %q, want %q", what, got, want)
	}
}

func here(t *testing.T, h *Hub, room store.RoomID, want ...store.Person) {
	t.Helper()
	if got := h.People(room); !slices.Equal(got, want) {
		t.Errorf("in room %d are %v, want %v", room, got, want)
	}
}

func in(room store.RoomID, list ...store.Person) map[store.RoomID][]store.Person {
	return map[store.RoomID][]store.Person{room: list}
}

func TestPersonIsInARoomOnceHoweverManyTabsAndNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newNode(t)
		p, leave := visit(h, 1, alice)
		_, leaveToo := visit(h, 1, alice)
		p.isTold(t, "on another node", func() { h.SetElsewhere("b", in(1, alice, bob, bob)) },
			"entered Bob, left , here Alice Bob.")
		p.isTold(t, "on a third", func() { h.SetElsewhere("c", in(1, bob, carol)) },
			"entered Carol, left , here Alice Bob Carol.")
		p.isTold(t, "the same again", func() { h.SetElsewhere("c", in(1, carol, bob)) })
		p.isTold(t, "another room", func() { h.SetElsewhere("c", in(2, alice)) })
		here(t, h, 1, alice, bob, carol)
		here(t, h, 2, alice)
		leaveToo()
		leave()
		time.Sleep(time.Minute)
		here(t, h, 1, alice, bob, carol)
		bobs, leave := visit(h, 1, bob)
		defer leave()
		if got := bobs.presence(0); !slices.Equal(got, []string{"entered , left , here Alice Bob Carol."}) {
			t.Errorf("who comes to a room where they are elsewhere is told %q", got)
		}
		bobs.isTold(t, "one node less", func() { h.SetElsewhere("b", in(1, alice)) })
		bobs.isTold(t, "the last one", func() { h.SetElsewhere("b", in(1)) }, "entered , left Alice, here Bob Carol.")
	})
}

// connect tells b what changes on a, as the store does between two nodes.
func connect(ctx context.Context, a *Hub, name string, b *Hub) {
	for {
		select {
		case <-a.Changed():
			b.SetElsewhere(name, a.TakeChanged())
		case <-ctx.Done():
			return
		}
	}
}

func TestMovingFromNodeToNodeIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newNode(t), newNode(t)
		go connect(t.Context(), a, "a", b)
		go connect(t.Context(), b, "b", a)
		ofA, leave := visit(a, 1, alice)
		defer leave()
		ofB, leave := visit(b, 1, carol)
		defer leave()
		both := func(what string, do func(), want ...string) {
			t.Helper()
			ofA.isTold(t, what+", on a", func() { ofB.isTold(t, what+", on b", do, want...) }, want...)
		}

		var gone func()
		both("coming", func() { _, gone = visit(a, 1, bob) }, "entered Bob, left , here Alice Bob Carol.")
		for range 2 {
			for _, to := range []*Hub{b, a} {
				both("moving", func() {
					gone()
					time.Sleep(14 * time.Second)
					_, gone = visit(to, 1, bob)
				})
			}
		}
		both("moving at once", func() {
			from := gone
			_, gone = visit(b, 1, bob)
			from()
		})
		both("going", func() { gone() }, "entered , left Bob, here Alice Carol.")
		here(t, a, 1, alice, carol)
		here(t, b, 1, alice, carol)
	})
}

func TestWhoMovedAwayIsReportedOnceTheyNoLongerLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newNode(t)
		p, leave := visit(h, 1, alice)
		defer leave()
		_, gone := visit(h, 1, bob)
		p.isTold(t, "moving", func() {
			h.SetElsewhere("b", in(1, bob))
			h.TakeChanged()
			gone()
			if got := h.TakeChanged(); len(got) != 0 {
				t.Errorf("while bob lingers, %v is told to others", got)
			}
			time.Sleep(15 * time.Second)
			synctest.Wait()
			if got := h.TakeChanged(); len(got) != 1 || !slices.Equal(got[1], []store.Person{alice}) {
				t.Errorf("when he lingers no longer, %v is told to others", got)
			}
		})
		here(t, h, 1, alice, bob)
	})
}

func TestNodeThatIsGoneTakesItsPeopleAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newNode(t)
		p, leave := visit(h, 1, alice)
		defer leave()
		h.SetElsewhere("b", in(1, alice, bob, carol))
		h.SetElsewhere("c", in(1, carol))
		p.isTold(t, "those who are nowhere else", func() {
			before := len(p.String())
			h.ForgetNode("b")
			synctest.Wait()
			if got := p.presence(before); len(got) != 1 {
				t.Errorf("at once is told %q", got)
			}
			h.ForgetNode("b")
			h.ForgetNode("unheard of")
		}, "entered , left Bob, here Alice Carol.")
		here(t, h, 1, alice, carol)
		p.isTold(t, "back", func() { h.SetElsewhere("b", in(1, bob)) }, "entered Bob, left , here Alice Bob Carol.")
	})
}

func TestManyOfAnotherNodeAreOneFrameARoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 1000
		h := newHub(t, nil)
		defer h.Close(t.Context())
		first, leave := visit(h, 1, alice)
		defer leave()
		second, leave := visit(h, 2, alice)
		defer leave()
		rooms := map[store.RoomID][]store.Person{}
		for i := range crowd {
			for room := store.RoomID(1); room <= 3; room++ {
				rooms[room] = append(rooms[room], store.Person{ID: store.UserID(100 + i), Name: fmt.Sprint(i)})
			}
		}
		both := func(what string, do func(), want ...string) {
			t.Helper()
			first.isTold(t, what, func() { second.isTold(t, what, do, want...) }, want...)
		}
		both("coming", func() { h.SetElsewhere("b", rooms) }, fmt.Sprint("entered 0 left 0 here ", crowd+1))
		both("on one more node", func() { h.SetElsewhere("c", rooms) })
		both("on one node less", func() { h.ForgetNode("b") })
		both("going", func() { h.ForgetNode("c") }, "entered 0 left 0 here 1")
		if len(h.rooms) != 2 || len(h.others.nodes) != 0 {
			t.Errorf("%d rooms and %d nodes are remembered", len(h.rooms), len(h.others.nodes))
		}
	})
}

// When a node stops, its people come to the others within seconds.
func TestListIsDrawnOnceForAllWhoCameFromAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 50
		drawn := 0
		h := newHub(t, func(o *Options) {
			o.Presence = func(PresenceChange) []byte { drawn++; return []byte("list") }
		})
		defer h.Close(t.Context())
		var list []store.Person
		for i := range crowd {
			list = append(list, store.Person{ID: store.UserID(100 + i), Name: fmt.Sprint(i)})
		}
		h.SetElsewhere("b", in(1, list...))
		for _, p := range list {
			page, leave := visit(h, 1, p)
			defer leave()
			if n := strings.Count(page.String(), "data: list"); n != 1 {
				t.Fatalf("shown the list %d times", n)
			}
		}
		h.ForgetNode("b")
		here(t, h, 1, slices.SortedFunc(slices.Values(list), ByName)...)
		if drawn != 1 {
			t.Errorf("the list was drawn %d times", drawn)
		}
	})
}

func TestRoomIsLetGoOfWhenNobodyIsLeftOnAnyNode(t *testing.T) {
	for name, emptied := range map[string]func(h *Hub){
		"nobody, said twice":       func(h *Hub) { h.SetElsewhere("b", in(1)); time.Sleep(time.Minute); h.SetElsewhere("b", in(1)) },
		"people elsewhere only":    func(h *Hub) { h.SetElsewhere("b", in(1)) },
		"people of a node gone":    func(h *Hub) { h.ForgetNode("b") },
		"somebody here meanwhile":  func(h *Hub) { _, leave := visit(h, 1, alice); h.ForgetNode("b"); leave() },
		"somebody here before":     func(h *Hub) { _, leave := visit(h, 1, alice); leave(); time.Sleep(time.Minute); h.ForgetNode("b") },
		"the same person here":     func(h *Hub) { _, leave := visit(h, 1, bob); h.ForgetNode("b"); leave() },
		"the same person lingered": func(h *Hub) { _, leave := visit(h, 1, bob); leave(); h.ForgetNode("b") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				drawn := 0
				h := newHub(t, func(o *Options) {
					o.Presence = func(PresenceChange) []byte { drawn++; return []byte("x") }
				})
				defer h.Close(t.Context())
				h.SetElsewhere("b", in(1, bob))
				here(t, h, 1, bob)
				if drawn != 0 {
					t.Error("a frame was drawn that nobody sees")
				}
				time.Sleep(time.Minute)
				emptied(h)
				time.Sleep(time.Minute)
				synctest.Wait()
				here(t, h, 1)
				h.mu.Lock()
				defer h.mu.Unlock()
				if len(h.rooms) != 0 {
					t.Error("an empty room is remembered")
				}
			})
		})
	}
}

func TestNameIsThatOfTheStreamsHereElseTheLastTold(t *testing.T) {
	as := func(name string) store.Person { return store.Person{ID: 7, Name: name} }
	synctest.Test(t, func(t *testing.T) {
		h := newNode(t)
		p, leave := visit(h, 1, alice)
		defer leave()
		p.isTold(t, "names alone", func() {
			h.SetElsewhere("b", in(1, as("One")))
			time.Sleep(time.Minute)
			here(t, h, 1, alice, as("One"))
			h.SetElsewhere("b", in(1, as("Zero")))
			here(t, h, 1, alice, as("Zero"))
			h.SetElsewhere("c", in(1, as("Two")))
			here(t, h, 1, alice, as("Two"))
			h.SetElsewhere("b", in(1, as("Three")))
			here(t, h, 1, alice, as("Three"))
			h.ForgetNode("c")
			here(t, h, 1, alice, as("Three"))

			_, gone := visit(h, 1, as("Four"))
			here(t, h, 1, alice, as("Four"))
			h.SetElsewhere("b", in(1, as("Five")))
			here(t, h, 1, alice, as("Four"))
			gone()
			time.Sleep(time.Minute)
			here(t, h, 1, alice, as("Five"))
		},
			"entered One, left , here Alice One.")
		p.isTold(t, "going", func() { h.ForgetNode("b") }, "entered , left Five, here Alice.")
	})
}

func TestTakeChangedTellsWhoIsHereWhereThatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newNode(t)
		takes := func(what string, signalled bool, want string) {
			t.Helper()
			select {
			case <-h.Changed():
				if !signalled {
					t.Errorf("%s: signalled", what)
				}
			default:
				if signalled {
					t.Errorf("%s: not signalled", what)
				}
			}
			var got []string
			for room, people := range h.TakeChanged() {
				got = append(got, fmt.Sprintf("%d: %s.", room, names(people)))
			}
			slices.Sort(got)
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}

		takes("at first", false, "")
		_, leave := visit(h, 1, alice)
		_, leaveOther := visit(h, 2, alice)
		_, leaveBob := visit(h, 1, bob)
		takes("streams", true, "1: Alice Bob. 2: Alice.")
		takes("nothing new", false, "")
		h.SetElsewhere("b", in(1, carol))
		takes("people elsewhere", false, "")
		_, leaveTab := visit(h, 1, alice)
		leaveTab()
		takes("one more tab", false, "")
		leaveBob()
		takes("lingering", false, "")
		_, leaveBob = visit(h, 1, bob)
		takes("back in time", false, "")
		leaveOther()
		time.Sleep(time.Minute)
		takes("nobody is left", true, "2: .")
		_, leaveRenamed := visit(h, 1, store.Person{ID: bob.ID, Name: "Robert"})
		takes("another name", true, "1: Alice Robert.")
		leaveBob()
		leaveRenamed()
		h.Retell()
		takes("told again while one lingers", true, "1: Alice Robert.")
		time.Sleep(time.Minute)
		takes("gone", true, "1: Alice.")
		leave()
		time.Sleep(time.Minute)
		h.Retell()
		takes("told again with nobody here", true, "1: .")
		h.Retell()
		takes("told again, which has been told", true, "")
		_, _ = visit(h, 1, alice)
		h.Close(t.Context())
		takes("closed", true, "1: Alice.")
	})
}

func TestNothingIsAnnouncedOnceTheHubIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newNode(t)
		h.Close(t.Context())
		h.SetElsewhere("b", in(1, bob))
		h.ForgetNode("b")
		h.mu.Lock()
		defer h.mu.Unlock()
		if r := h.rooms[1]; r != nil && r.announcing != nil {
			t.Error("a timer was started")
		}
	})
}

// Streams come and go while three nodes tell, are forgotten and come back. What was told last is the union of what is left.
func TestUnionIsRightAfterAnyRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rounds = 60
		moments := func(n int) time.Duration { return time.Duration(rand.N(n)) * 100 * time.Millisecond } // many share one
		person := func(i int) store.Person { return store.Person{ID: store.UserID(100 + i), Name: fmt.Sprint(i % 3)} }
		h := newHub(t, func(o *Options) { named(o); o.Linger, o.Settle = time.Second, 100*time.Millisecond })
		defer h.Close(t.Context())
		p, leave := visit(h, 1, alice)
		defer leave()
		copied := newHub(t, nil) // what another node knows
		defer copied.Close(t.Context())
		go connect(t.Context(), h, "this", copied)

		var group sync.WaitGroup
		stay := make(chan struct{})
		local := map[store.UserID]store.Person{}
		for i := range 8 {
			local[person(i).ID] = person(i)
			group.Go(func() {
				for round := range rounds {
					ctx, cancel := context.WithCancel(t.Context())
					ended := serve(ctx, h, newPage(), Reader{Person: person(i), Room: 1})
					if time.Sleep(moments(30)); round == rounds-1 {
						<-stay
					}
					cancel()
					<-ended
				}
			})
		}
		want := in(1, alice)
		for n, node := range []string{"b", "c", "d"} {
			last := []store.Person{person(4 + 3*n), person(5 + 3*n), person(20 + n)}
			want[1] = append(want[1], last...)
			group.Go(func() {
				for range rounds {
					h.SetElsewhere(node, map[store.RoomID][]store.Person{1: {person(rand.N(20)), person(rand.N(20))}, 2: {bob}})
					if rand.N(4) == 0 {
						h.ForgetNode(node)
					}
					h.People(1)
					time.Sleep(moments(10))
				}
				h.SetElsewhere(node, map[store.RoomID][]store.Person{1: last, 2: nil})
			})
		}
		time.Sleep(10 * rounds * time.Second)
		synctest.Wait()

		for _, p := range local {
			want[1] = append(want[1], p)
		}
		slices.SortFunc(want[1], ByName)
		want[1] = slices.Compact(want[1])
		here(t, h, 1, want[1]...)
		here(t, h, 2)
		told := p.presence(0)
		if !strings.HasSuffix(told[len(told)-1], "here "+names(want[1])+".") {
			t.Errorf("the last frame is %q", told[len(told)-1])
		}
		if got := len(copied.People(1)); got != len(local)+1 {
			t.Errorf("another node knows of %d people", got)
		}
		close(stay)
		group.Wait()
		for _, node := range []string{"b", "c", "d"} {
			h.ForgetNode(node)
		}
		leave()
		time.Sleep(time.Minute)
		synctest.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.rooms) != 0 || len(h.others.nodes) != 0 {
			t.Errorf("%d rooms and %d nodes are remembered", len(h.rooms), len(h.others.nodes))
		}
	})
}
