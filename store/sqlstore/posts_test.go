package sqlstore

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"letstalk/store"
)

// Messages of one batch go in by one statement; that one of them is not taken, or was posted before, is its own affair.
func TestPostsOfOneBatchDoNotMatterToEachOther(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			alice, general := furnish(t, s)
			l, err := s.CreateLogin(t.Context(), store.NewLogin{
				Identity: store.Identity{Issuer: "https://id.example", Subject: "bob", Name: "Bob"}, Lifetime: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			bob := l.User.ID
			secret, err := s.CreateRoom(t.Context(), alice, store.NewRoom{Name: "Secret", Visibility: store.Private})
			if err != nil {
				t.Fatal(err)
			}
			first, err := s.CreateMessage(t.Context(), alice, general, store.Draft{Body: "before", Nonce: "before"})
			if err != nil {
				t.Fatal(err)
			}
			for _, spoil := range []func(i int) (store.UserID, store.RoomID, store.Draft, error){
				nil,
				func(int) (store.UserID, store.RoomID, store.Draft, error) {
					return bob, secret.ID, store.Draft{Body: "let me in", Nonce: "1"}, store.ErrNotFound
				},
				func(int) (store.UserID, store.RoomID, store.Draft, error) {
					return alice, general, store.Draft{Body: "before", Nonce: "before"}, nil
				},
				func(i int) (store.UserID, store.RoomID, store.Draft, error) {
					return alice, general, store.Draft{Body: "twice in the batch", Nonce: "same"}, nil
				},
				func(int) (store.UserID, store.RoomID, store.Draft, error) {
					return 99, general, store.Draft{Body: "nobody", Nonce: "1"}, store.ErrNotFound
				},
			} {
				postTogether(t, s, alice, bob, general, spoil)
			}
			if again, err := s.CreateMessage(t.Context(), alice, general, store.Draft{Body: "before", Nonce: "before"}); err != nil || again != first {
				t.Errorf("%v, %v; want %v", again, err, first)
			}
			head, err := s.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			numbersAreWhole(t, s, int(head))
		})
	}
}

// postTogether has two people post many messages in one batch, every tenth of which is another.
func postTogether(
	t *testing.T, s *Store, alice, bob store.UserID, general store.RoomID, spoil func(int) (store.UserID, store.RoomID, store.Draft, error),
) {
	t.Helper()
	const n = 50
	release := hold(t, s)
	var wg sync.WaitGroup
	for i := range n {
		author, room, d, want := alice, general, store.Draft{Body: fmt.Sprint("message ", i), Nonce: fmt.Sprintf("%p %d", &wg, i)}, error(nil)
		if i%2 == 0 {
			author = bob
		}
		if spoil != nil && i%10 == 5 {
			author, room, d, want = spoil(i)
		}
		wg.Go(func() {
			m, err := s.CreateMessage(t.Context(), author, room, d)
			if !errors.Is(err, want) || err == nil && (m.Body != d.Body || m.Author.ID != author || m.Author.Name == "" || m.ID == 0) {
				t.Errorf("%v of %d in %d: %+v, %v", d, author, room, m, err)
			}
			if err == nil {
				if kept, err := s.Message(t.Context(), author, room, m.ID); err != nil || kept != m {
					t.Errorf("answered with %+v, kept is %+v, %v", m, kept, err)
				}
			}
		})
	}
	for len(s.jobs) < n {
		runtime.Gosched()
	}
	release()
	wg.Wait()
}
