package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letstalk/internal/pgtest"
	"letstalk/store"
	"letstalk/store/storetest"
)

func TestPostgres(t *testing.T) {
	template := migrated(t)
	var databases sync.Map // URLs by folder
	storetest.Run(t, func(t *testing.T, dir string, now func() time.Time) store.Store {
		t.Helper()
		url, known := databases.Load(dir)
		if !known {
			url = pgtest.Shared(t).Copy(t, template)
			databases.Store(dir, url)
		}
		return openAt(t, url.(string), Options{Now: now})
	})
}

// migrated returns the name of a database that has our schema and nothing in it: migrating anew took half the time of a
// short test.
func migrated(t *testing.T) string {
	t.Helper()
	url := pgtest.Shared(t).Database(t)
	s := openAt(t, url, Options{})
	if _, err := s.writer.Exec(`DELETE FROM workspace`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return testName.FindString(url)
}

var testName = regexp.MustCompile(`test_\d+`)

func openAt(t testing.TB, url string, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// eachDatabase returns, by name, how to make an empty database of each kind. The function returns its URL.
func eachDatabase() map[string]func(testing.TB) string {
	return map[string]func(testing.TB) string{
		"SQLite":     func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "letstalk.db") },
		"PostgreSQL": func(t testing.TB) string { return pgtest.Shared(t).Database(t) },
	}
}

func TestCommitWhoseAnswerWasLostIsDoneOnce(t *testing.T) {
	for name, lose := range map[string]int32{"committed": loseAnswer, "not committed": loseCommit} {
		t.Run(name, func(t *testing.T) {
			g, url := newGate(t)
			s := openAt(t, url, Options{})
			user, _ := furnish(t, s)
			before, err := s.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			g.lose.Store(lose)
			// Done twice, this is a conflict with itself.
			if _, err := s.CreateRoom(t.Context(), user, store.NewRoom{Name: "Tea", Visibility: store.Open}); err != nil {
				t.Error(err)
			}
			if g.lose.Load() != letThrough {
				t.Error("no commit was lost")
			}
			if head, err := s.Head(t.Context()); err != nil || head != before+2 {
				t.Errorf("head %d, %v; want %d", head, err, before+2)
			}
		})
	}
}

// A process that was stopped in the middle of a transaction keeps the others waiting no longer than the server allows.
func TestStalledWriterGivesWay(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	one, two := openAt(t, url, Options{}), openAt(t, url, Options{})
	user, room := furnish(t, one)
	var posts atomic.Int32
	begun, free := make(chan struct{}, 8), make(chan struct{})
	stalled := make(chan error, 1)
	go func() {
		_, err := write(t.Context(), one, "", func(tx *tx) (struct{}, error) {
			begun <- struct{}{}
			<-free
			tx.record(store.MemberSet, room, 0, user)
			posts.Add(1)
			return struct{}{}, nil
		})
		stalled <- err
	}()
	<-begun
	if _, err := two.CreateMessage(t.Context(), user, room, store.Draft{Body: "me too", Nonce: "1"}); err != nil {
		t.Errorf("behind a stalled writer: %v", err)
	}
	close(free)
	if err := <-stalled; err != nil || posts.Load() != 2 {
		t.Errorf("the stalled one was run %d times: %v", posts.Load(), err)
	}
	numbersAreWhole(t, one, 4)
}

// numbersAreWhole expects as many changes, numbered without holes.
func numbersAreWhole(t *testing.T, s *Store, want int) {
	t.Helper()
	changes, err := s.ChangesSince(t.Context(), 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range changes {
		if c.Seq != store.Seq(i+1) {
			t.Fatalf("change %d came after %d", c.Seq, i)
		}
	}
	if len(changes) != want {
		t.Errorf("%d changes, want %d", len(changes), want)
	}
}

// Three processes write while a reader follows the log by its numbers, as the feed does: it must meet every change.
func TestNumbersOfSeveralWritersComeInOrder(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	const each, writers = 300, 3
	reader := openAt(t, url, Options{})
	user, room := furnish(t, reader)
	last, err := reader.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range writers {
		s := openAt(t, url, Options{})
		for p := range 10 {
			wg.Go(func() {
				for i := range each / 10 {
					if _, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "hello", Nonce: fmt.Sprint(w, p, i)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	written := make(chan struct{})
	go func() { wg.Wait(); close(written) }()
	met := 0
	for done := false; ; {
		changes, err := reader.ChangesSince(t.Context(), last, 500)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if last++; c.Seq != last {
				t.Fatalf("change %d was met after %d", c.Seq, last-1)
			}
		}
		met += len(changes)
		if done && len(changes) == 0 {
			break
		}
		select {
		case <-written:
			done = true
		default:
		}
	}
	if met != each*writers {
		t.Errorf("met %d of %d", met, each*writers)
	}
}

// What was acknowledged is there once, and what failed was given up after a while, whatever the server does.
func TestServerRestartsWhileManyWrite(t *testing.T) {
	server := pgtest.New(t)
	s := openAt(t, server.Database(t), Options{})
	user, room := furnish(t, s)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var posted atomic.Int64
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "hello", Nonce: fmt.Sprint(w, "/", i)})
				if err != nil {
					t.Errorf("post %d of %d: %v", i, w, err)
					return
				}
				posted.Add(1)
			}
		})
	}
	for _, mode := range []string{"immediate", "fast", "immediate"} {
		from := posted.Load()
		for posted.Load() < from+100 && !t.Failed() {
			runtime.Gosched()
		}
		if err := errors.Join(server.Stop(mode), server.Run()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	wg.Wait()
	numbersAreWhole(t, s, int(posted.Load())+2)
}

func TestDatabaseAwayTooLongIsUnavailable(t *testing.T) {
	server := pgtest.New(t)
	s := openAt(t, server.Database(t), Options{})
	user, room := furnish(t, s)
	if err := server.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "hello", Nonce: "1"}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a write: %v", err)
		}
	})
	wg.Go(func() {
		if _, err := s.User(t.Context(), user); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a read: %v", err)
		}
	})
	wg.Go(func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Rooms(ctx, user); !errors.Is(err, context.Canceled) {
			t.Errorf("a read nobody waits for: %v", err)
		}
	})
	wg.Wait()
	if err := server.Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "hello", Nonce: "1"}); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

// The clocks of two machines may differ by minutes: the database's is the one that counts.
func TestTimeIsTheDatabases(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	s := openAt(t, url, Options{})
	s.now = func() time.Time { return time.Now().Add(-7 * time.Minute) } // as if this machine's clock were wrong
	user, room := furnish(t, s)
	m, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "hello", Nonce: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var late float64
	if err := s.readers.QueryRow(`SELECT abs(extract(epoch FROM clock_timestamp()) * 1000 - $1::bigint)`, m.CreatedAt.UnixMilli()).Scan(&late); err != nil {
		t.Fatal(err)
	}
	if drift := time.Duration(late) * time.Millisecond; drift > time.Minute {
		t.Errorf("a message is %v off", drift)
	}
}

func TestOpenRefusesPostgres(t *testing.T) {
	server := pgtest.Shared(t)
	is := func(statement string) string {
		url := server.Database(t)
		name := testName.FindString(url)
		if err := server.Exec(name, strings.ReplaceAll(statement, "NAME", name)); err != nil {
			t.Fatal(err)
		}
		return url
	}
	newer := server.Database(t)
	s := openAt(t, newer, Options{})
	if _, err := s.writer.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (7, true)`); err != nil {
		t.Fatal(err)
	}
	s.Close()
	taken := server.Database(t)
	mover, err := sql.Open("pgx", taken)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mover.Close() })
	mover.SetMaxOpenConns(1)
	if _, err := mover.Exec(`SELECT pg_advisory_lock($1)`, int64(claim)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, url string
		say       []string
	}{
		{"garbage", "postgres://user:hunter2@host:port/x", []string{"none that PostgreSQL knows", "postgres://USER:PASSWORD@HOST:5432/DATABASE"}},
		{"more garbage", "postgres:%zz:hunter2", []string{"none that PostgreSQL knows"}},
		{"an option that is none", "postgres://user:hunter2@db/x?sslmode=sometimes", []string{"sslmode"}},
		{"nobody there", "postgres://user:hunter2@127.0.0.1:1/chat", []string{"chat at 127.0.0.1:1 can't be reached", "that the server runs", "refused"}},
		{"no such socket", "postgres://user:hunter2@/chat?host=/nowhere", []string{"chat at /nowhere can't be reached"}},
		{"no such host", "postgres://user:hunter2@db.invalid/chat", []string{"chat at db.invalid:5432 can't be reached", "check the database URL"}},
		{"no such database", server.URL("nothing"), []string{"make it first: createdb"}},
		{"no such user", strings.Replace(server.URL("postgres"), "//letstalk@", "//nobody:hunter2@", 1), []string{"check the user and password"}},
		{"read-only", is(`ALTER DATABASE NAME SET default_transaction_read_only = on`), []string{"is read-only", "target_session_attrs=read-write"}},
		{"another program's", is(`CREATE TABLE recipes (id int)`), []string{"another program", "choose another database"}},
		{"no right to make tables", is(`ALTER DATABASE NAME OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM PUBLIC`), []string{"make the user its owner", "GRANT CREATE ON SCHEMA public"}},
		{"no schema", is(`ALTER DATABASE NAME SET search_path = nowhere`), []string{"search_path"}},
		{"newer schema", newer, []string{"was written by a newer Let's Talk (schema 7, this binary knows 3)"}},
		{"being moved", taken, []string{"is being moved"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // some wait a while for a server
			refuses(t, c.url, c.say...)
		})
	}
}

// These servers can't be had here.
func TestServersThatAreNotTaken(t *testing.T) {
	good := about{version: 150004, encoding: "UTF8", schema: "public", creates: true}
	if err := good.check("chat at db:5432"); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*about){
		"the database chat at db:5432 is on PostgreSQL 14: Let's Talk needs version 15 or later":                                                  func(a *about) { a.version = 140022 },
		"the database chat at db:5432 has the encoding LATIN1: make it anew with ENCODING 'UTF8' TEMPLATE template0":                              func(a *about) { a.encoding = "LATIN1" },
		"the database chat at db:5432 is read-only: enter the address of the primary server, or all of them and ?target_session_attrs=read-write": func(a *about) { a.standby = true },
	} {
		bad := good
		spoil(&bad)
		if err := bad.check("chat at db:5432"); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
