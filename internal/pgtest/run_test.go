package pgtest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"letstalk/internal/pgtest"
)

func TestDataSurvivesARestart(t *testing.T) {
	s := pgtest.New(t)
	url := s.Database(t)
	tell(t, connect(t, url), "CREATE TABLE remembered AS SELECT 'this' AS what")
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, connect(t, url), "SELECT what FROM remembered"); got != "this" {
		t.Errorf("got %q", got)
	}
}

func TestAnImmediateStopKeepsWhatWasCommittedOnly(t *testing.T) {
	s := pgtest.New(t)
	url := s.Database(t)
	conn := connect(t, url)
	tell(t, conn, "CREATE TABLE remembered AS SELECT 'committed' AS what")
	tell(t, conn, "BEGIN")
	tell(t, conn, "INSERT INTO remembered VALUES ('not committed')")
	if err := s.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err == nil {
		t.Error("the connection still works")
	}
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		conn.Close(t.Context())
		t.Error("a stopped server accepts connections")
	}
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, connect(t, url), "SELECT string_agg(what, ', ') FROM remembered"); got != "committed" {
		t.Errorf("got %q", got)
	}
	log, err := os.ReadFile(filepath.Join(filepath.Dir(s.Socket()), "log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "automatic recovery in progress") {
		t.Errorf("it was no crash to PostgreSQL:\n%s", log)
	}
}

func TestTwoServersRunSideBySide(t *testing.T) {
	one, other := pgtest.New(t), pgtest.New(t)
	if one.Socket() == other.Socket() {
		t.Fatal("they have one socket")
	}
	url, otherURL := one.Database(t), other.Database(t)
	tell(t, connect(t, url), "CREATE TABLE remembered AS SELECT 'one' AS what")
	tell(t, connect(t, otherURL), "CREATE TABLE remembered AS SELECT 'other' AS what")
	if err := other.Stop("immediate"); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, connect(t, url), "SELECT what FROM remembered"); got != "one" {
		t.Errorf("got %q", got)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	for _, before := range []string{"running", "stopped"} {
		t.Run(before, func(t *testing.T) {
			s, err := pgtest.Start()
			if err != nil {
				t.Fatal(err)
			}
			if before == "stopped" {
				if err := s.Stop("fast"); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Stat(filepath.Dir(s.Socket())); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("its folder: %v", err)
			}
			if err := s.Stop("fast"); err == nil || !strings.Contains(err.Error(), "does not run") {
				t.Errorf("stopping it: %v", err)
			}
			if err := s.Run(); err == nil {
				t.Error("it runs again")
			}
		})
	}
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	s := pgtest.Shared(t)
	if err := s.Run(); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("running it twice: %v", err)
	}
	if err := s.Stop("gently"); err == nil || !strings.Contains(err.Error(), `"gently"`) {
		t.Errorf("stopping it gently: %v", err)
	}
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	s := pgtest.New(t)
	if err := s.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(filepath.Dir(s.Socket()), "data", "postgresql.conf")
	if err := os.WriteFile(config, []byte("no_such_setting = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(); err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("got %v", err)
	}
}
