package sqlstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/pgtest"
	"letstalk/store"
)

// moments are when a move is cut short.
var moments = map[string]func(MoveStep) bool{
	"before the first row": func(MoveStep) bool { return true },
	"in the middle of a table": func(s MoveStep) bool {
		return s.Doing == "copying" && s.Table == "messages" && s.Done%stride == 0 && s.Done > 0
	},
	"when all is written": func(s MoveStep) bool { return s.Doing == "checking" },
	"at the end":          func(s MoveStep) bool { return s.Doing == "checking" && s.Done == s.Total },
}

func TestMoveThatIsStoppedLeavesNothing(t *testing.T) {
	thereAndBack(t, func(t *testing.T, from, to string) {
		lived(t, from)
		for moment, now := range moments {
			ctx, stop := context.WithCancel(t.Context())
			_, err := Move(ctx, from, to, func(s MoveStep) {
				if now(s) {
					stop()
				}
			})
			stop()
			if !errors.Is(err, context.Canceled) || err.Error() != "stopped: nothing was moved" {
				t.Errorf("%s: %v; want it stopped", moment, err)
			}
		}
		moved(t, from, to) // which is still empty
		same(t, from, to)
	})
}

// These name, in the environment of a child process, what to move, where to, and when to stand still.
const movesFrom, movesTo, standsStill = "LETSTALK_TEST_FROM", "LETSTALK_TEST_TO", "LETSTALK_TEST_MOMENT"

// TestMoveOfAChild is what a child process runs.
func TestMoveOfAChild(t *testing.T) {
	if os.Getenv(movesFrom) == "" {
		return
	}
	now := moments[os.Getenv(standsStill)]
	_, err := Move(t.Context(), os.Getenv(movesFrom), os.Getenv(movesTo), func(s MoveStep) {
		if now(s) {
			fmt.Println("now")
			select {}
		}
	})
	t.Fatal("nobody killed it: ", err)
}

func TestMoveThatIsKilledLeavesNothing(t *testing.T) {
	thereAndBack(t, func(t *testing.T, from, to string) {
		lived(t, from)
		for moment := range moments {
			killWhileMoving(t, from, to, moment)
		}
		moved(t, from, to) // which is still empty
		same(t, from, to)
	})
}

func killWhileMoving(t *testing.T, from, to, moment string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMoveOfAChild$")
	child.Env = append(os.Environ(), movesFrom+"="+from, movesTo+"="+to, standsStill+"="+moment)
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "now\n" {
		t.Errorf("%s: the child says %q, %v", moment, line, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
}

// What has gone to the disk by then is undone by whoever opens the file next.
func TestMoveThatIsKilledMuchLaterLeavesNothing(t *testing.T) {
	from, path := "sqlite:"+pathOf(t), pathOf(t)
	begun(t, from, `INSERT INTO users (issuer, subject, name, email, groups, active, created_at) VALUES ('i', 's', 'n', 'e', '', 1, 1)`,
		`INSERT INTO rooms (slug, slug_key, name, topic, visibility, created_at) VALUES ('s', 's', 'n', '', 'open', 1)`)
	talk(t, from, 1000, strings.Repeat("𝕊", store.MaxBody))
	killWhileMoving(t, from, "sqlite:"+path, "when all is written")
	if info, err := os.Stat(path); err != nil || info.Size() < 10<<20 {
		t.Errorf("%v, %v: nothing had gone to the disk", info, err)
	}
	for table, rows := range contents(t, "sqlite:"+path) {
		if len(rows) > 0 && table != "counter" {
			t.Errorf("%s holds %d rows", table, len(rows))
		}
	}
	moved(t, from, "sqlite:"+path)
	same(t, from, "sqlite:"+path)
}

// While a workspace is moved nobody gets at either end; then everybody does, at once.
func TestNobodyServesWhatIsBeingMoved(t *testing.T) {
	thereAndBack(t, func(t *testing.T, from, to string) {
		lived(t, from)
		steps := 0
		_, err := Move(t.Context(), from, to, func(s MoveStep) {
			if steps++; steps > 1 {
				return
			}
			for _, url := range []string{from, to} {
				var err error
				want := "is being moved to another database: wait until that is done"
				if strings.HasPrefix(url, "sqlite:") {
					// Open would wait ten seconds for a lock, and say the same then.
					_, err = plain(t, url).Exec(`SELECT * FROM counter`)
					want = "database is locked"
				} else {
					_, err = Open(t.Context(), url, Options{})
				}
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v; want that it %s", err, want)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		openAt(t, from, Options{})
		openAt(t, to, Options{})
	})
}

func TestMoveOfWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	user, room := furnish(t, s)
	m, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: "in the log alone", Nonce: "1"})
	if err != nil {
		t.Fatal(err)
	}
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil { // with -wal and -shm
		t.Fatal(err)
	}
	for range 2 {
		to := "sqlite:" + pathOf(t)
		moved(t, "sqlite:"+filepath.Join(crashed, "letstalk.db"), to)
		if got, err := openAt(t, to, Options{}).Message(t.Context(), user, room, m.ID); err != nil || got.Body != m.Body {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestMoveWhoseCommitIsNotAnsweredSaysHowToFindOut(t *testing.T) {
	for name, lose := range map[string]int32{"committed": loseAnswer, "not committed": loseCommit} {
		t.Run(name, func(t *testing.T) {
			from := begun(t, "sqlite:"+pathOf(t))
			g, to := newGate(t)
			_, err := Move(t.Context(), from, to, func(s MoveStep) {
				if s.Done == s.Total {
					g.lose.Store(lose)
				}
			})
			if err == nil || !strings.HasPrefix(err.Error(), "the connection broke at the last moment (") ||
				!strings.HasSuffix(err.Error(), "): move again; if the database "+nameOf(t, to)+" is said not to be empty then, all is there") {
				t.Errorf("it says %v", err)
			}
			if lose == loseAnswer {
				refusesToMove(t, from, to, "the database TO is not empty (workspace has rows): name an empty one, for nothing is ever overwritten")
			} else {
				moved(t, from, to)
			}
			same(t, from, to)
		})
	}
}

func TestMoveTakesAsLongAsItTakes(t *testing.T) {
	url := pgtest.Shared(t).Database(t) + "&statement_timeout=9999&idle_in_transaction_session_timeout=9999&lock_timeout=9999"
	db, err := alonePostgres(t.Context(), strings.TrimPrefix(url, "postgres:"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, name := range []string{"statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout", "idle_session_timeout"} {
		var limit string
		if err := db.QueryRow(`SHOW ` + name).Scan(&limit); err != nil || limit != "0" {
			t.Errorf("%s is %q, %v", name, limit, err)
		}
	}
}

func TestMoveLeavesTheSchemaThatMigrationsMake(t *testing.T) {
	for kind, url := range eachDatabase() {
		t.Run(kind, func(t *testing.T) {
			queries := []string{inspect["sqlite"]}
			if kind == "PostgreSQL" {
				queries = []string{inspect["postgres"], inspectChecks}
			}
			made, filled := begun(t, url(t)), url(t)
			moved(t, begun(t, "sqlite:"+pathOf(t)), filled)
			if diff := cmp.Diff(schemaOf(t, plain(t, made), queries...), schemaOf(t, plain(t, filled), queries...)); diff != "" {
				t.Errorf("(-migrated +moved):\n%s", diff)
			}
		})
	}
}

func TestMoveTellsHowFarItIs(t *testing.T) {
	from := "sqlite:" + pathOf(t)
	lived(t, from)
	var last MoveStep
	told := map[string]int64{}
	tables, err := Move(t.Context(), from, "sqlite:"+pathOf(t), func(s MoveStep) {
		if s.Done < last.Done && s.Doing == last.Doing || s.Done > s.Total || s.Total == 0 {
			t.Errorf("after %+v came %+v", last, s)
		}
		last = s
		told[s.Doing+" "+s.Table] = s.Rows
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{}
	var total int64
	for _, table := range tables {
		want["copying "+table.Name], want["checking "+table.Name] = table.Rows, table.Rows
		total += table.Rows
	}
	if diff := cmp.Diff(want, told); diff != "" || last.Done != total || last.Total != total {
		t.Errorf("at the end %+v of %d rows (-want +told):\n%s", last, total, diff)
	}
}
