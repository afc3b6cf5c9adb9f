package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/pgtest"
)

// pathOf returns the path of a new SQLite database, which is not yet there.
func pathOf(t *testing.T) string { return filepath.Join(t.TempDir(), "letstalk.db") }

// begun makes a workspace in which nothing has happened, and runs statements in it.
func begun(t *testing.T, url string, statements ...string) string {
	t.Helper()
	if err := openAt(t, url, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	alter(t, url, statements...)
	return url
}

// newest is the newest migration of a database.
func newest(t *testing.T, url string) (version int) {
	t.Helper()
	db := plain(t, url)
	defer db.Close()
	if err := db.QueryRow(`SELECT max(version_id) FROM goose_db_version`).Scan(&version); err != nil {
		t.Fatal(err)
	}
	return version
}

// nameOf is how messages call a database.
func nameOf(t *testing.T, url string) string {
	t.Helper()
	d, address, err := dialectOf(url)
	if err != nil {
		t.Fatal(err)
	}
	return d.name(address)
}

// refusesToMove has a move fail with a line, in which FROM and TO are the names of the databases.
func refusesToMove(t *testing.T, from, to, line string) {
	t.Helper()
	_, err := Move(t.Context(), from, to, func(MoveStep) {})
	if err == nil {
		t.Fatal("it was moved")
	}
	want := strings.NewReplacer("FROM", nameOf(t, from), "TO", nameOf(t, to)).Replace(line)
	if err.Error() != want {
		t.Errorf("it says\n%s\nwant\n%s", err, want)
	}
}

func TestMoveRefusesWhatIsNoWorkspaceOfThisVersion(t *testing.T) {
	for kind, url := range eachDatabase() {
		good, to := begun(t, url(t)), "sqlite:"+pathOf(t)
		known := newest(t, good)
		for _, c := range []struct{ name, change, line string }{
			{"nothing but tables", `DELETE FROM workspace`, "holds no workspace: is the database URL the right one?"},
			{"older schema", `DELETE FROM goose_db_version WHERE version_id > 1`,
				fmt.Sprintf("is one of an older Let's Talk (schema 1, this binary knows %d): start this version with it once, stop it, and move again", known)},
			{"newer schema", fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, TRUE)`, known+1),
				fmt.Sprintf("was written by a newer Let's Talk (schema %d, this binary knows %d): move with that one", known+1, known)},
			{"a column too many", `ALTER TABLE users ADD COLUMN nick TEXT`, "differs in its schema: no migration made users.nick (text)"},
			{"a column too few", `ALTER TABLE attempts DROP COLUMN nonce`, "differs in its schema: it lacks attempts.nonce (text)"},
			{"a column of another type", `ALTER TABLE attempts DROP COLUMN nonce; ALTER TABLE attempts ADD COLUMN nonce INTEGER`,
				"differs in its schema: no migration made attempts.nonce (number)"},
			{"a table too many", `CREATE TABLE recipes (id REAL)`, "differs in its schema: no migration made recipes.id (real)"},
			{"a table too few", `DROP TABLE attempts`, "differs in its schema: it lacks attempts.acr (text)"},
			{"ids that come back", noMoreIDs[kind], "differs in its schema: no migration made logins.id (number)"},
		} {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				line := "the database FROM " + c.line
				if strings.Contains(line, "schema:") {
					line += "; undo what was changed by hand"
				}
				refusesToMove(t, begun(t, url(t), c.change), to, line)
			})
		}
		moved(t, good, to) // which is still empty
	}
}

// noMoreIDs has ids of logins come back.
var noMoreIDs = map[string]string{
	"SQLite": `
		PRAGMA writable_schema = 1;
		UPDATE sqlite_schema SET sql = replace(sql, 'AUTOINCREMENT', '') WHERE name = 'logins'`,
	"PostgreSQL": `ALTER TABLE logins ALTER COLUMN id DROP IDENTITY`,
}

func TestMoveRefusesATarget(t *testing.T) {
	from := begun(t, "sqlite:"+pathOf(t))
	known := newest(t, from)
	for kind, url := range eachDatabase() {
		for _, c := range []struct{ name, line, to string }{
			{"another workspace", "the database TO is not empty (workspace has rows): name an empty one, for nothing is ever overwritten", begun(t, url(t))},
			{"what is left of another workspace", "the database TO is not empty (counter has rows): name an empty one, for nothing is ever overwritten",
				begun(t, url(t), `DELETE FROM workspace`, `UPDATE counter SET pruned = 1`)},
			{"newer schema", fmt.Sprintf("the database TO was written by a newer Let's Talk (schema %d, this binary knows %d): move with that one", known+1, known),
				begun(t, url(t), `DELETE FROM workspace`, fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, TRUE)`, known+1))},
		} {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				before := contents(t, c.to)
				refusesToMove(t, from, c.to, c.line)
				if diff := cmp.Diff(before, contents(t, c.to)); diff != "" {
					t.Errorf("it was changed (-before +now):\n%s", diff)
				}
			})
		}
	}
}

func TestMoveRefusesAddresses(t *testing.T) {
	from := begun(t, "sqlite:"+pathOf(t))
	link := pathOf(t)
	if err := os.Symlink(strings.TrimPrefix(from, "sqlite:"), link); err != nil {
		t.Fatal(err)
	}
	server := pgtest.Shared(t)
	postgres := begun(t, server.Database(t))
	folder := t.TempDir()
	foreign := "sqlite:" + pathOf(t)
	alter(t, foreign, `CREATE TABLE recipes (id INTEGER)`)
	empty := "sqlite:" + pathOf(t)
	alter(t, empty, `VACUUM`)
	const itself = "the database TO can't be moved to itself: name another one"
	for _, c := range []struct{ name, from, to, line string }{
		{"itself", from, from, itself},
		{"itself by another path", from, "sqlite:" + filepath.Dir(from[7:]) + "/./letstalk.db", itself},
		{"itself by a link", from, "sqlite:" + link, itself},
		{"itself as somebody else", postgres, strings.Replace(postgres, "//letstalk@", "//postgres:hunter2@", 1), itself},
		{"no file", "sqlite:" + folder + "/none.db", from, "there is no database FROM: is the database URL the right one?"},
		{"no folder for it", from, "sqlite:" + folder + "/none/new.db", "the database TO can't be made: there is no folder " + folder + "/none; make it or choose another path"},
		{"an empty file", empty, "sqlite:" + folder + "/never.db", "the database FROM holds no workspace: is the database URL the right one?"},
		{"another program's to read", foreign, "sqlite:" + folder + "/never.db", "the database FROM holds the data of another program: choose another path"},
		{"another program's to write", from, foreign, "the database TO holds the data of another program: choose another path"},
	} {
		t.Run(c.name, func(t *testing.T) { refusesToMove(t, c.from, c.to, c.line) })
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	for _, c := range []struct{ name, from, to, say string }{
		{"unknown source", "mysql://root:hunter2@db/chat", from, `where to move from: the database URL starts with "mysql"`},
		{"unknown target", from, "mysql://root:hunter2@db/chat", `where to move to: the database URL starts with "mysql"`},
		{"no address", from, "postgres://user:hunter2@host:port/x", "none that PostgreSQL knows"},
		{"no such database", from, strings.Replace(server.URL("nothing"), "//letstalk@", "//letstalk:hunter2@", 1), "make it first: createdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Move(t.Context(), c.from, c.to, func(MoveStep) {})
			if err == nil || !strings.Contains(err.Error(), c.say) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v is not one line without secrets that says %q", err, c.say)
			}
		})
	}
}

func TestMoveRefusesWhatIsServed(t *testing.T) {
	lines := map[string]string{
		"SQLite":     "is in use by another program: stop that one first (database is locked (5) (SQLITE_BUSY))",
		"PostgreSQL": "can't be moved: a running Let's Talk uses it: stop that one first",
	}
	for kind, url := range eachDatabase() {
		for _, end := range []string{"FROM", "TO"} {
			t.Run(kind+"/"+end, func(t *testing.T) {
				t.Parallel() // a while is waited for a program that is about to stop
				served, other := url(t), begun(t, "sqlite:"+pathOf(t))
				s := openAt(t, served, Options{})
				if end == "FROM" {
					refusesToMove(t, served, "sqlite:"+pathOf(t), "the database FROM "+lines[kind])
				} else {
					refusesToMove(t, other, served, "the database TO "+lines[kind])
				}
				if err := errors.Join(s.Ping(t.Context()), s.Close()); err != nil {
					t.Error(err)
				}
				moved(t, served, "sqlite:"+pathOf(t))
			})
		}
	}
}

func TestMoveRefusesWhatWouldNotArrive(t *testing.T) {
	user := `INSERT INTO users (issuer, subject, name, email, groups, active, created_at) VALUES ('i', 's', %s, 'e', '', %d, 1)`
	to := pgtest.Shared(t).Database(t)
	for _, c := range []struct{ name, change, line string }{
		{"a NUL", fmt.Sprintf(user, `'a' || char(0)`, 1), `copying users: a row has text in name that is none, with a NUL or bytes beyond UTF-8: mend it first`},
		{"half a letter", fmt.Sprintf(user, `CAST(x'c3' AS TEXT)`, 1), `copying users: a row has text in name that is none, with a NUL or bytes beyond UTF-8: mend it first`},
		{"a truth beyond true", fmt.Sprintf(user, `'n'`, 2), `the copy of users is not like the original: 1 rows with the checksum \w{12}, not 1 with \w{12}`},
		{"a row that refers to nothing", `INSERT INTO memberships (room_id, user_id, role) VALUES (1, 1, 'member')`, `finishing: ERROR: insert or update on table "memberships" violates foreign key constraint .*`},
		{"a member of no role", `PRAGMA ignore_check_constraints = 1; ` + fmt.Sprintf(user, `'n'`, 1) + `; INSERT INTO memberships (room_id, user_id, role) VALUES (1, 1, '')`,
			`copying memberships: ERROR: new row for relation "memberships" violates check constraint .*`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Move(t.Context(), begun(t, "sqlite:"+pathOf(t), c.change), to, func(MoveStep) {})
			if err == nil || !regexp.MustCompile(`^`+c.line+`; nothing was moved$`).MatchString(err.Error()) {
				t.Errorf("it says\n%v\nwant\n%s", err, c.line)
			}
		})
	}
	moved(t, begun(t, "sqlite:"+pathOf(t)), to) // which is still empty
}
