package pgtest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"letstalk/internal/pgtest"
)

func TestAStandbyHasWhatWasAcknowledged(t *testing.T) {
	primary := pgtest.New(t)
	url := primary.Database(t)
	standby := primary.NewStandby(t)
	if err := primary.AwaitStandbys(); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	tell(t, conn, "CREATE TABLE remembered (what text)")
	for range 20 {
		tell(t, conn, "INSERT INTO remembered VALUES ('this')")
	}
	if err := errors.Join(primary.Stop("immediate"), standby.Promote()); err != nil {
		t.Fatal(err)
	}
	now := connect(t, standby.URL(name(url)))
	if got := ask(t, now, "SELECT count(*)::text FROM remembered"); got != "20" {
		t.Errorf("it has %s of 20", got)
	}
	// Nobody follows this one, and it waits for nobody.
	tell(t, now, "INSERT INTO remembered VALUES ('that')")
}

func TestAPrimaryWaitsForItsStandby(t *testing.T) {
	primary := pgtest.New(t)
	url := primary.Database(t)
	standby := primary.NewStandby(t)
	if err := errors.Join(primary.AwaitStandbys(), standby.Stop("immediate")); err != nil {
		t.Fatal(err)
	}
	writer, watcher := connect(t, url), connect(t, url)
	done := make(chan error, 1)
	go func() {
		_, err := writer.Exec(t.Context(), "CREATE TABLE remembered ()")
		done <- err
	}()
	await(t, "the writer waits for the standby", func() bool {
		return ask(t, watcher, "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1"
	})
	if err := standby.Run(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestAStandbyLetsPeopleReadOnly(t *testing.T) {
	primary := pgtest.New(t)
	url := primary.Database(t)
	standby := primary.NewStandby(t)
	conn := connect(t, standby.URL(name(url)))
	if got := ask(t, conn, "SELECT pg_is_in_recovery()::text"); got != "true" {
		t.Error("it is no standby")
	}
	if _, err := conn.Exec(t.Context(), "CREATE TABLE remembered ()"); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("writing there: %v", err)
	}
	if err := standby.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(standby.Socket())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder: %v", err)
	}
}

func TestAStandbyOfAStoppedServerSaysWhy(t *testing.T) {
	primary := pgtest.New(t)
	if err := primary.Stop("fast"); err != nil {
		t.Fatal(err)
	}
	if standby, err := primary.Standby(); err == nil {
		t.Error("there is one", standby.Close())
	} else if !strings.Contains(err.Error(), "pg_basebackup") || !strings.Contains(err.Error(), "connection to server") {
		t.Error(err)
	}
}

// name is the database's in a URL.
func name(url string) string {
	_, rest, _ := strings.Cut(url, "@/")
	name, _, _ := strings.Cut(rest, "?")
	return name
}
