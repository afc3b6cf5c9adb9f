package sqlstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/pgtest"
	"letstalk/store"
)

// hold keeps the writer busy until release is called, so that what is submitted meanwhile shares the next batch.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	begun, free := make(chan struct{}), make(chan struct{})
	j := &job{ctx: context.Background(), done: make(chan error, 1), do: func(*tx) error {
		close(begun)
		<-free
		return nil
	}}
	if err := s.submit(j); err != nil {
		t.Fatal(err)
	}
	<-begun
	return func() {
		close(free)
		if err := <-j.done; err != nil {
			t.Error(err)
		}
	}
}

// batch submits writes that share one batch and returns their outcomes.
func batch(t *testing.T, s *Store, writes ...func(*tx) error) []error {
	t.Helper()
	release := hold(t, s)
	var jobs []*job
	for _, do := range writes {
		j := &job{ctx: t.Context(), done: make(chan error, 1), do: do}
		if err := s.submit(j); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	release()
	var errs []error
	for _, j := range jobs {
		errs = append(errs, <-j.done)
	}
	return errs
}

func session(token string) func(*tx) error {
	return func(t *tx) error {
		_, err := t.exec(upsertSession, token, []byte{}, int64(1)<<60)
		return err
	}
}

func tokens(t *testing.T, s *Store) (all []string) {
	t.Helper()
	rows, err := s.readers.Query(`SELECT token FROM sessions ORDER BY token`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var token string
		if err := rows.Scan(&token); err != nil {
			t.Fatal(err)
		}
		all = append(all, token)
	}
	return all
}

func TestFailingWriteLeavesTheOthersOfItsBatch(t *testing.T) {
	for kind, url := range eachDatabase() {
		t.Run(kind, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			oops := errors.New("oops")
			errs := batch(t, s, session("a"),
				func(t *tx) error { return errors.Join(session("b")(t), oops) },
				session("c"),
				func(t *tx) error { session("d")(t); panic("oops") },
				func(t *tx) error {
					_, err := t.exec(`INSERT INTO memberships (room_id, user_id, role) VALUES (99, 99, 'member')`)
					return err
				},
				func(t *tx) error { t.record(store.RoomCreated, 1, 0, 0); return oops },
				session("e"))
			var failed []bool
			for _, err := range errs {
				failed = append(failed, err != nil)
			}
			if diff := cmp.Diff([]bool{false, true, false, true, true, true, false}, failed); diff != "" {
				t.Errorf("%v (-want +got):\n%s", errs, diff)
			}
			if diff := cmp.Diff([]string{"a", "c", "e"}, tokens(t, s)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if head, err := s.Head(t.Context()); err != nil || head != 0 {
				t.Errorf("head %d, %v; the number was not given back", head, err)
			}
		})
	}
}

// PostgreSQL takes no statement after one that failed, though it only read, and commits nothing.
func TestFailingReadLeavesTheOthersOfItsBatch(t *testing.T) {
	for kind, url := range eachDatabase() {
		t.Run(kind, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			errs := batch(t, s, session("a"),
				func(t *tx) error { return t.row(`SELECT no_such_function()`).Scan(new(int)) })
			if errs[0] != nil || errs[1] == nil {
				t.Errorf("%v, want the second alone to fail", errs)
			}
			if diff := cmp.Diff([]string{"a"}, tokens(t, s)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBrokenTransactionFailsTheWholeBatch(t *testing.T) {
	for kind, url := range eachDatabase() {
		t.Run(kind, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			// What SQLite does by itself when the disk is full.
			errs := batch(t, s, session("a"),
				func(t *tx) error { t.exec(`ROLLBACK`); t.written = true; return errors.New("disk full") },
				session("b"))
			for i, err := range errs {
				if err == nil || !strings.Contains(err.Error(), "disk full") {
					t.Errorf("write %d: %v, want the reason", i, err)
				}
			}
			if got := tokens(t, s); got != nil {
				t.Errorf("kept %v", got)
			}
			if errs := batch(t, s, session("c")); errs[0] != nil {
				t.Errorf("the writer did not recover: %v", errs[0])
			}
		})
	}
}

func TestFailingCommitFailsTheWholeBatch(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	errs := batch(t, s, session("a"),
		func(t *tx) error {
			// Checked at the commit.
			_, err := t.exec(`PRAGMA defer_foreign_keys = 1`)
			_, err2 := t.exec(`INSERT INTO memberships (room_id, user_id, role) VALUES (99, 99, 'member')`)
			return errors.Join(err, err2)
		})
	for i, err := range errs {
		if err == nil {
			t.Errorf("write %d was acknowledged", i)
		}
	}
	if got := tokens(t, s); got != nil {
		t.Errorf("kept %v", got)
	}
	if errs := batch(t, s, session("c")); errs[0] != nil {
		t.Errorf("the writer did not recover: %v", errs[0])
	}
}

func TestCancelledWriteIsDroppedBeforeItsTurn(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	release := hold(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan error, 1)
	var ran atomic.Bool
	go func() {
		_, err := write(ctx, s, "", func(*tx) (int, error) { ran.Store(true); return 0, nil })
		answered <- err
	}()
	cancel()
	if err := <-answered; !errors.Is(err, context.Canceled) { // while the writer is still held
		t.Error(err)
	}
	release()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if ran.Load() {
		t.Error("it ran")
	}
}

func TestCancelledWriteThatHasBegunGoesOn(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		if _, err := write(ctx, s, "", func(t *tx) (int, error) {
			cancel()
			<-answered
			return 0, session("a")(t)
		}); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	<-answered
	if errs := batch(t, s, session("b")); errs[0] != nil {
		t.Error(errs[0])
	}
	if diff := cmp.Diff([]string{"a", "b"}, tokens(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCloseWaitsForWritesHandedOver(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	release := hold(t, s)
	var jobs []*job
	for i := range 100 {
		j := &job{ctx: t.Context(), done: make(chan error, 1), do: session(fmt.Sprintf("%03d", i))}
		if err := s.submit(j); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	release()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if err := <-j.done; err != nil {
			t.Error(err)
		}
	}
	if got := tokens(t, open(t, dir, Options{})); len(got) != 100 {
		t.Errorf("kept %d of 100", len(got))
	}
}

// doomed names, in the environment of a child process, the database to post in until killed.
const doomed = "LETSTALK_TEST_DOOMED"

func TestMain(m *testing.M) {
	if url := os.Getenv(doomed); url != "" {
		fmt.Fprintln(os.Stderr, postForEver(url))
		os.Exit(1)
	}
	os.Exit(pgtest.Main(m))
}

// postForEver prints the number of each message once it has been acknowledged.
func postForEver(url string) error {
	ctx := context.Background()
	s, err := Open(ctx, url, Options{})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for i := range 8 {
		go func() {
			for k := 0; ; k++ {
				m, err := s.CreateMessage(ctx, 1, 1, store.Draft{Body: "hello", Nonce: fmt.Sprint(i, "/", k)})
				if err != nil {
					failed <- err
				}
				fmt.Println(m.ID)
			}
		}()
	}
	return <-failed
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) { killWhilePosting(t, url(t)) })
	}
}

func killWhilePosting(t *testing.T, url string) {
	s := openAt(t, url, Options{})
	user, room := furnish(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), doomed+"="+url)
	var complaint strings.Builder
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []store.MessageID
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // after the last whole line
		}
		var id store.MessageID
		if _, err := fmt.Sscan(line, &id); err != nil {
			t.Fatal(err)
		}
		if acknowledged = append(acknowledged, id); len(acknowledged) == 500 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(acknowledged) < 500 {
		t.Fatalf("the child ended by itself after %d messages: %v %s", len(acknowledged), err, complaint.String())
	}
	s = openAt(t, url, Options{})
	for _, id := range acknowledged {
		if _, err := s.Message(t.Context(), user, room, id); err != nil {
			t.Errorf("message %d: %v", id, err)
		}
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	numbersAreWhole(t, s, int(head))
}

func BenchmarkCreateMessage(b *testing.B) {
	for name, url := range eachDatabase() {
		for _, posters := range []int{1, 64, 256} {
			b.Run(fmt.Sprint(name, "/", posters, " at once"), func(b *testing.B) {
				s := openAt(b, url(b), Options{})
				user, room := furnish(b, s)
				var nonce, started atomic.Int64
				// RunParallel starts so many for each processor.
				posters := int64(posters)
				b.SetParallelism(int(posters))
				b.RunParallel(func(pb *testing.PB) {
					if started.Add(1) > posters {
						return
					}
					for pb.Next() {
						_, err := s.CreateMessage(b.Context(), user, room,
							store.Draft{Body: "Shall we have lunch at the usual place?", Nonce: fmt.Sprint(nonce.Add(1))})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			})
		}
	}
}
