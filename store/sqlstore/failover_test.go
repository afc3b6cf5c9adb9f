package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letstalk/internal/pgtest"
	"letstalk/store"
)

// pair is a primary, which acknowledges what its standby has, and that standby.
type pair struct {
	primary, standby *pgtest.Server
	database         string
	url              string // names both
}

func newPair(t *testing.T) pair {
	t.Helper()
	p := pair{primary: pgtest.New(t)}
	p.database = testName.FindString(p.primary.Database(t))
	p.standby = p.primary.NewStandby(t)
	if err := p.primary.AwaitStandbys(); err != nil {
		t.Fatal(err)
	}
	p.url = fmt.Sprintf("postgres://letstalk@/%s?host=%s,%s&port=5432,5432&target_session_attrs=read-write",
		p.database, filepath.Dir(p.primary.Socket()), filepath.Dir(p.standby.Socket()))
	return p
}

// failOver stops the primary in a mode and has the standby take over.
func (p pair) failOver(t *testing.T, mode string) {
	t.Helper()
	if err := errors.Join(p.primary.Stop(mode), p.standby.Promote()); err != nil {
		t.Fatal(err)
	}
}

// asking returns how to ask a server over a connection that is not the store's.
func (p pair) asking(t *testing.T, server *pgtest.Server) func(question string) (answer bool) {
	t.Helper()
	db, err := sql.Open("pgx", server.URL(p.database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return func(question string) (answer bool) {
		t.Helper()
		if err := db.QueryRowContext(t.Context(), question).Scan(&answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !is() {
		if !wait(ctx, 10*time.Millisecond) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// insist posts as a page does, under the same nonce while the database is away, which must not be for long.
func insist(ctx context.Context, s *Store, user store.UserID, room store.RoomID, nonce string) (store.Message, error) {
	for end := time.Now().Add(time.Minute); ; {
		m, err := s.CreateMessage(ctx, user, room, store.Draft{Body: nonce, Nonce: nonce})
		if !errors.Is(err, store.ErrUnavailable) || time.Now().After(end) {
			return m, err
		}
	}
}

// crowd posts, and remembers what was acknowledged.
type crowd struct {
	wg     sync.WaitGroup
	stop   context.CancelFunc
	posted atomic.Int64
	acked  sync.Map // bodies by id
}

func startCrowd(t *testing.T, s *Store, writers int, user store.UserID, room store.RoomID) *crowd {
	ctx, stop := context.WithCancel(t.Context())
	c := &crowd{stop: stop}
	for w := range writers {
		c.wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				m, err := insist(t.Context(), s, user, room, fmt.Sprint(w, "/", i))
				if err != nil {
					t.Errorf("post %d of %d: %v", i, w, err)
					return
				}
				if _, twice := c.acked.LoadOrStore(m.ID, m.Body); twice {
					t.Errorf("message %d was acknowledged twice", m.ID)
				}
				c.posted.Add(1)
			}
		})
	}
	return c
}

// more waits until some more was posted.
func (c *crowd) more(t *testing.T, posts int64) {
	t.Helper()
	want := c.posted.Load() + posts
	await(t, fmt.Sprintf("%d posts are acknowledged", want), func() bool { return c.posted.Load() >= want || t.Failed() })
}

// follow meets each change after a number in order, as the feed does, until all were met that there are once ended is
// closed. It returns how many those were.
func follow(t *testing.T, s *Store, last store.Seq, ended <-chan struct{}) (met int) {
	for done := false; ; {
		changes, err := s.ChangesSince(t.Context(), last, 500)
		if err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("following: %v", err)
			return met
		}
		for _, c := range changes {
			if last++; c.Seq != last {
				t.Errorf("change %d was met after %d", c.Seq, last-1)
				return met
			}
		}
		if met += len(changes); done && err == nil && len(changes) == 0 {
			return met
		}
		select {
		case <-ended:
			done = true
		default:
		}
	}
}

// What was acknowledged is there once under its number, and nobody opens anything anew.
func TestStandbyTakesOverWhileManyWrite(t *testing.T) {
	for name, mode := range map[string]string{"after a crash": "immediate", "in good order": "fast"} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			s := openAt(t, p.url, Options{})
			user, room := furnish(t, s)
			c := startCrowd(t, s, 8, user, room)
			ended, met := make(chan struct{}), make(chan int)
			go func() { met <- follow(t, s, 2, ended) }()
			c.more(t, 100)
			p.failOver(t, mode)
			c.more(t, 100)
			c.stop()
			c.wg.Wait()
			close(ended)
			if met, want := <-met, int(c.posted.Load()); met != want {
				t.Errorf("who followed met %d of %d", met, want)
			}
			numbersAreWhole(t, s, int(c.posted.Load())+2)
			c.areThere(t, s, user, room)
		})
	}
}

// areThere expects what was acknowledged, word for word.
func (c *crowd) areThere(t *testing.T, s *Store, user store.UserID, room store.RoomID) {
	t.Helper()
	c.acked.Range(func(id, body any) bool {
		m, err := s.Message(t.Context(), user, room, id.(store.MessageID))
		if err != nil || m.Body != body {
			t.Errorf("message %d is %q, %v; %q was acknowledged", id, m.Body, err, body)
		}
		return err == nil
	})
}

// A commit that the primary was about to acknowledge when it crashed counts if the standby has it; else it is done again,
// though others have written since.
func TestCommitInDoubtAtAFailover(t *testing.T) {
	t.Run("the standby has it", func(t *testing.T) {
		p := newPair(t)
		// It has it on its disk and does not show it yet, which the primary waits for.
		err := p.primary.Exec("postgres", "ALTER DATABASE "+p.database+" SET synchronous_commit = remote_apply; "+
			"GRANT pg_monitor TO letstalk")
		if err != nil {
			t.Fatal(err)
		}
		// Where any server will do, the store asks this one before it knows.
		p.url = strings.TrimSuffix(p.url, "&target_session_attrs=read-write")
		ask := p.asking(t, p.standby)
		loseTheAnswer(t, p, func() error { return p.standby.Exec("postgres", "SELECT pg_wal_replay_pause()") },
			"SELECT EXISTS (SELECT FROM pg_stat_replication WHERE flush_lsn = pg_current_wal_lsn())", func() error {
				await(t, "the standby was asked what became of it", func() bool {
					return ask("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'letstalk' AND query = 'rollback')")
				})
				return nil
			})
	})
	t.Run("the standby has it not", func(t *testing.T) {
		p := newPair(t)
		loseTheAnswer(t, p, func() error { return p.standby.Stop("immediate") }, "SELECT TRUE", p.standby.Run)
	})
}

// loseTheAnswer fails over while a write waits for the standby, which is hindered before. The write must be there once.
func loseTheAnswer(t *testing.T, p pair, hinder func() error, until string, unhinder func() error) {
	t.Helper()
	one, two := openAt(t, p.url, Options{}), openAt(t, p.url, Options{})
	user, room := furnish(t, one)
	ask := p.asking(t, p.primary)
	if err := hinder(); err != nil {
		t.Fatal(err)
	}
	// Somebody who waits for as long as it takes: this is about what is done, not about when.
	j := &job{ctx: t.Context(), done: make(chan error, 1), do: func(tx *tx) error {
		tx.record(store.MemberSet, room, 0, user)
		return nil
	}}
	if err := one.submit(j); err != nil {
		t.Fatal(err)
	}
	await(t, "the commit waits for the standby", func() bool {
		return ask("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')") && ask(until)
	})
	if err := errors.Join(p.primary.Stop("immediate"), unhinder(), p.standby.Promote()); err != nil {
		t.Fatal(err)
	}
	const posts = 5
	for i := range posts {
		if _, err := insist(t.Context(), two, user, room, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-j.done; err != nil {
		t.Error(err)
	}
	numbersAreWhole(t, one, 2+1+posts)
}

func TestOnlyAStandbyIsThere(t *testing.T) {
	p := newPair(t)
	s := openAt(t, p.url, Options{})
	user, room := furnish(t, s)
	if err := p.primary.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "1", Nonce: "1"}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a write: %v", err)
		}
	})
	wg.Go(func() {
		if _, err := s.User(t.Context(), user); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a read: %v", err)
		}
	})
	for say, url := range map[string]string{
		"can't be reached": p.url,
		"is read-only: enter the address of the primary server": p.standby.URL(p.database),
	} {
		wg.Go(func() {
			if s, err := Open(t.Context(), url, Options{}); err == nil {
				t.Errorf("opened %s: %v", url, s.Close())
			} else if !strings.Contains(err.Error(), say) || !strings.Contains(err.Error(), "read") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q does not say %q in one line", err, say)
			}
		})
	}
	wg.Wait()
	if err := p.standby.Promote(); err != nil {
		t.Fatal(err)
	}
	if _, err := insist(t.Context(), s, user, room, "1"); err != nil {
		t.Errorf("a write after it took over: %v", err)
	}
	if _, err := s.User(t.Context(), user); err != nil {
		t.Errorf("a read after it took over: %v", err)
	}
	numbersAreWhole(t, openAt(t, p.url, Options{}), 3)
}

// An address that moves, as a load balancer's does, may lead to a standby for a while. Who went there must not stay.
func TestStoreLeavesAStandby(t *testing.T) {
	p := newPair(t)
	address := filepath.Join(t.TempDir(), filepath.Base(p.primary.Socket()))
	lead := func(to *pgtest.Server) {
		t.Helper()
		if err := errors.Join(os.RemoveAll(address), os.Symlink(to.Socket(), address)); err != nil {
			t.Fatal(err)
		}
	}
	lead(p.primary)
	s := openAt(t, fmt.Sprintf("postgres://letstalk@/%s?host=%s&port=5432", p.database, filepath.Dir(address)), Options{})
	user, room := furnish(t, s)
	if err := p.primary.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	lead(p.standby)
	if _, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "1", Nonce: "1"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("on a standby: %v", err)
	}
	var there bool
	if err := s.writer.QueryRow(`SELECT pg_is_in_recovery()`).Scan(&there); err != nil || !there {
		t.Errorf("the writer went to a standby: %v, %v", there, err)
	}
	lead(p.primary)
	if err := p.primary.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := insist(t.Context(), s, user, room, "1"); err != nil {
		t.Errorf("on the primary: %v", err)
	}
	numbersAreWhole(t, s, 3)
}
