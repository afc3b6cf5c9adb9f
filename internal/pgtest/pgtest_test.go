package pgtest_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"letstalk/internal/pgtest"
)

// patience is how long a test waits for what it needs; it is long because only a broken test waits for it.
const patience = time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(asVictim) != "" {
		victim()
	}
	os.Exit(pgtest.Main(m))
}

func TestAServerWritesAsInProduction(t *testing.T) {
	conn := connect(t, pgtest.Shared(t).Database(t))
	for setting, want := range map[string]string{
		"fsync":              "on",
		"full_page_writes":   "on",
		"synchronous_commit": "on",
		"autovacuum":         "on",
		"listen_addresses":   "",
		"max_connections":    "200",
		"server_encoding":    "UTF8",
		"lc_collate":         "C",
	} {
		if got := ask(t, conn, "SELECT current_setting($1)", setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
}

func TestADatabaseIsEmptyAndItsOwnerNobodySpecial(t *testing.T) {
	s := pgtest.Shared(t)
	first, second := connect(t, s.Database(t)), connect(t, s.Database(t))
	tell(t, first, "CREATE TABLE remembered (what text)")
	if got := ask(t, second, "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
		t.Errorf("another new database has %s tables", got)
	}
	if got := ask(t, first, "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user"); got != "false" {
		t.Error("the owner may do everything")
	}
}

func TestADatabaseIsDroppedThoughSomebodyIsConnected(t *testing.T) {
	s := pgtest.Shared(t)
	var url string
	t.Run("has one", func(t *testing.T) {
		url = s.Database(t)
		// Not closed by this test.
		if _, err := pgx.Connect(t.Context(), url); err != nil {
			t.Fatal(err)
		}
	})
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		conn.Close(t.Context())
		t.Fatal("the database is still there")
	}
	if !strings.Contains(err.Error(), "does not exist") {
		t.Fatal(err)
	}
}

func TestExecIsSuperuserAndTakesSeveralStatements(t *testing.T) {
	s := pgtest.Shared(t)
	conn := connect(t, s.Database(t))
	name := ask(t, conn, "SELECT current_database()")
	if err := s.Exec(name, "CREATE TABLE a (); CREATE TABLE b (); SELECT pg_reload_conf()"); err != nil {
		t.Fatal(err)
	}
	err := s.Exec(name, "SELECT nonsense")
	if err == nil || !strings.Contains(err.Error(), `column "nonsense" does not exist`) {
		t.Fatalf("got %v", err)
	}
}

func TestAURLIsReadAlikeByAllWhoReadIt(t *testing.T) {
	t.Setenv("PGPORT", "6543")
	s := pgtest.Shared(t)
	config, err := pgx.ParseConfig(s.URL("some where"))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(s.Socket())
	if config.Host != folder || config.Port != 5432 || config.User != "letstalk" || config.Database != "some where" {
		t.Errorf("pgx: %s, %d, %s, %s", config.Host, config.Port, config.User, config.Database)
	}
	u, err := url.Parse(s.URL("some where"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Query().Get("host") != folder || u.Query().Get("port") != "5432" || u.User.Username() != "letstalk" ||
		u.Path != "/some where" || u.Host != "" {
		t.Errorf("net/url: %#v", u)
	}
}

func TestTheSocketIsForTheTestOnly(t *testing.T) {
	s := pgtest.Shared(t)
	// The server trusts everybody who reaches it, so the folder must let nobody in.
	if info, err := os.Stat(filepath.Dir(s.Socket())); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder: %v, %v", info, err)
	}
	if info, err := os.Stat(s.Socket()); err != nil || info.Mode().Type() != os.ModeSocket {
		t.Errorf("no socket: %v, %v", info, err)
	}
	if len(s.Socket()) > 100 {
		t.Errorf("%s is too long for a socket", s.Socket())
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func tell(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, conn *pgx.Conn, sql string, args ...any) (answer string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}
