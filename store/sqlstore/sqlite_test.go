package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"letstalk/store"
	"letstalk/store/storetest"
)

func TestSQLite(t *testing.T) { storetest.Run(t, openIn) }

func openIn(t *testing.T, dir string, now func() time.Time) store.Store {
	t.Helper()
	return open(t, dir, Options{Now: now})
}

func open(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+filepath.Join(dir, "letstalk.db"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// furnish makes a person and a room to post in.
func furnish(t testing.TB, s *Store) (store.UserID, store.RoomID) {
	t.Helper()
	l, err := s.CreateLogin(t.Context(), store.NewLogin{
		Identity: store.Identity{Issuer: "https://id.example", Subject: "alice", Name: "Alice"}, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.CreateRoom(t.Context(), l.User.ID, store.NewRoom{Name: "General", Visibility: store.Open})
	if err != nil {
		t.Fatal(err)
	}
	return l.User.ID, r.ID
}

func TestOpenMakesADatabaseAtAnyPath(t *testing.T) {
	for _, name := range []string{"letstalk.db", "with space.db", "100% #1?mode=memory&x.db", "ü.db"} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for _, path := range []string{name, filepath.Join(t.TempDir(), name)} {
				s, err := Open(t.Context(), "sqlite:"+path, Options{})
				if err != nil {
					t.Fatal(err)
				}
				furnish(t, s)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(path)
				if err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 {
					t.Errorf("file: %v, %v; want one for its owner alone", info, err)
				}
			}
		})
	}
}

func TestOpenByManyAtOnce(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			url := url(t)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					s, err := Open(t.Context(), url, Options{})
					if err != nil {
						t.Error(err)
						return
					}
					if err := errors.Join(s.EnsureRooms(t.Context(), []string{"General", "Sports"}), s.Close()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if head, err := openAt(t, url, Options{}).Head(t.Context()); err != nil || head != 2 {
				t.Errorf("head %d, %v; want two rooms made", head, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("short", "hello")
	write("long", strings.Repeat("This is not a database. ", 1000))
	statement(t, at("newer"), "")
	statement(t, at("newer"), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (7, 1)`)
	write("foreign", "")
	foreign, err := sql.Open("sqlite", at("foreign"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = foreign.Exec(`CREATE TABLE recipes (id INTEGER PRIMARY KEY)`)
	if err := errors.Join(err, foreign.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, url string
		say       []string
	}{
		{"newer schema", "sqlite:" + at("newer"), []string{at("newer"), "was written by a newer Let's Talk (schema 7, this binary knows 3)"}},
		{"short file that is no database", "sqlite:" + at("short"), []string{at("short"), "is not an SQLite database", "choose another path"}},
		{"long file that is no database", "sqlite:" + at("long"), []string{at("long"), "is not an SQLite database", "choose another path"}},
		{"another program's database", "sqlite:" + at("foreign"), []string{at("foreign"), "another program", "choose another path"}},
		{"folder that does not exist", "sqlite:" + at("none/x.db"), []string{at("none"), "no folder", "make it"}},
		{"folder that is a file", "sqlite:" + at("long/x.db"), []string{at("long"), "no folder"}},
		{"folder", "sqlite:" + dir, []string{dir, "is a folder"}},
		{"unwritable folder", "sqlite:" + filepath.Join(unwritable(t), "x.db"), []string{"x.db", "can't be written", "let this user write"}},
		{"no path", "sqlite:", []string{"names no file", "sqlite:letstalk.db"}},
		{"memory", "sqlite::memory:", []string{"names no file", "sqlite:letstalk.db"}},
		{"host", "sqlite://letstalk.db", []string{"sqlite:letstalk.db"}},
		{"unknown scheme", "mysql://root:hunter2@db/chat", []string{`"mysql"`, "sqlite:letstalk.db"}},
		{"no scheme", "letstalk.db", []string{`"letstalk.db"`, "sqlite:letstalk.db"}},
		{"nothing", "", []string{"sqlite:letstalk.db"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			refuses(t, c.url, c.say...)
		})
	}
	for name, want := range map[string]string{"short": "hello", "long": strings.Repeat("This is not a database. ", 1000)} {
		if got, err := os.ReadFile(at(name)); err != nil || string(got) != want {
			t.Errorf("%s was written to", name)
		}
	}
}

// refuses expects Open to say why it does not open a database, in one line that says all that and holds no secret.
func refuses(t *testing.T, url string, say ...string) {
	t.Helper()
	s, err := Open(t.Context(), url, Options{})
	if err == nil {
		t.Fatal("opened", s.Close())
	}
	for _, say := range say {
		if !strings.Contains(err.Error(), say) {
			t.Errorf("%q does not say %q", err, say)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%q is not one line without secrets", err)
	}
}

// statement opens the store at path and runs a statement in it.
func statement(t *testing.T, path, text string) {
	t.Helper()
	s, err := Open(t.Context(), "sqlite:"+path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.writer.ExecContext(t.Context(), text)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// unwritable returns a folder that the user running the tests can't write to.
func unwritable(t *testing.T) string {
	if os.Geteuid() == 0 {
		return "/proc" // permissions do not stop root
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPragmasHoldOnEveryConnection(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, c := range []struct {
		pool *pool
		want map[string]string
	}{
		{s.writer, map[string]string{
			"foreign_keys": "1", "journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "secure_delete": "1", "query_only": "0"}},
		{s.readers, map[string]string{"journal_mode": "wal", "busy_timeout": "10000", "query_only": "1"}},
	} {
		var all []*sql.Conn
		for range c.pool.Stats().MaxOpenConnections {
			conn, err := c.pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, conn)
			got := map[string]string{}
			for name := range c.want {
				var v string
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&v); err != nil {
					t.Fatal(err)
				}
				got[name] = v
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("connection %d (-want +got):\n%s", len(all), diff)
			}
		}
		for _, conn := range all {
			conn.Close()
		}
	}
	if _, err := s.readers.Exec(`DELETE FROM changes`); err == nil {
		t.Error("a reader can write")
	}
}

func TestHotReadsCostNoMoreInALargeRoom(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, text := range hotReads {
		rows, err := s.readers.Query("EXPLAIN QUERY PLAN "+text, make([]any, strings.Count(text, "$"))...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			// The rooms and the one row of the counter may be gone through, nothing else.
			if strings.Contains(step, "TEMP B-TREE") ||
				strings.Contains(step, "SCAN") && step != "SCAN counter" && step != "SCAN c" && step != "SCAN r" && step != "SCAN CONSTANT ROW" {
				t.Errorf("%s in %s", step, text)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeletedWordsLeaveTheFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	user, room := furnish(t, s)
	// The second one is long enough for pages of its own.
	for nonce, body := range map[string]string{"a": "sesame", "b": strings.Repeat("sesame ", 1000)} {
		m, err := s.CreateMessage(t.Context(), user, room, store.Draft{Body: body, Nonce: nonce})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.DeleteMessage(t.Context(), user, room, m.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("sesame")) {
			t.Errorf("%s still has the words", filepath.Base(file))
		}
	}
}

func TestExpiredRowsArePurged(t *testing.T) {
	ctx, now := t.Context(), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	s := open(t, t.TempDir(), Options{Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now }})
	pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	rows := func() map[string]int {
		got := map[string]int{}
		for _, table := range []string{"attempts", "sessions", "rehearsals", "logout_tokens", "logins"} {
			var n int
			if err := s.readers.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
				t.Fatal(err)
			}
			got[table] = n
		}
		return got
	}
	logOut := func(token string, until time.Time) error {
		_, err := s.EndProviderLogins(ctx, store.ProviderLogout{Issuer: "i", Subject: "nobody", Token: token, Expires: until})
		return err
	}
	furnish(t, s)
	for _, name := range []string{"a", "b", "c"} {
		if err := errors.Join(
			s.CreateAttempt(ctx, store.Attempt{State: name}, time.Minute),
			s.SaveSession(ctx, name, nil, now.Add(time.Hour)),
			s.CreateRehearsal(ctx, name, time.Minute),
			logOut(name, now.Add(time.Hour)),
		); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"attempts": 3, "sessions": 3, "rehearsals": 3, "logout_tokens": 3, "logins": 1}, rows()); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	pass(2 * time.Hour)
	furnishLogin := func() {
		if _, err := s.CreateLogin(ctx, store.NewLogin{Identity: store.Identity{Issuer: "i", Subject: "s"}, Lifetime: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	furnishLogin()
	if diff := cmp.Diff(map[string]int{"attempts": 0, "sessions": 0, "rehearsals": 0, "logout_tokens": 0, "logins": 2}, rows()); diff != "" {
		t.Errorf("two hours later (-want +got):\n%s", diff)
	}
	pass(keepLogins + 2*time.Hour)
	furnishLogin()
	if diff := cmp.Diff(map[string]int{"attempts": 0, "sessions": 0, "rehearsals": 0, "logout_tokens": 0, "logins": 1}, rows()); diff != "" {
		t.Errorf("a month later (-want +got):\n%s", diff)
	}
}

func TestWorkspaceKeepsItsID(t *testing.T) {
	dir := t.TempDir()
	id := func() (id string) {
		s := open(t, dir, Options{})
		defer s.Close()
		if err := s.readers.QueryRow(`SELECT id FROM workspace`).Scan(&id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	if first := id(); len(first) < 26 || first != id() {
		t.Errorf("id %q is short or does not last", first)
	}
}

func TestOpenStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "letstalk.db"), Options{}); err == nil {
		t.Fatal("opened", s.Close())
	}
}
