package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"letstalk/store"
)

// directions runs a test for each pair of databases.
func directions(t *testing.T, test func(t *testing.T, from, to string)) {
	thereAndBack(t, test)
	for kind, url := range eachDatabase() {
		t.Run(kind+" to "+kind, func(t *testing.T) { test(t, url(t), url(t)) })
	}
}

// thereAndBack runs a test for each pair of unlike databases.
func thereAndBack(t *testing.T, test func(t *testing.T, from, to string)) {
	sqlite, postgres := eachDatabase()["SQLite"], eachDatabase()["PostgreSQL"]
	t.Run("SQLite to PostgreSQL", func(t *testing.T) { test(t, sqlite(t), postgres(t)) })
	t.Run("PostgreSQL to SQLite", func(t *testing.T) { test(t, postgres(t), sqlite(t)) })
}

func moved(t *testing.T, from, to string) []MovedTable {
	t.Helper()
	tables, err := Move(t.Context(), from, to, func(MoveStep) {})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// plain opens a database without any of the store's care.
func plain(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, address := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, address = "sqlite", path
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// alter runs statements in a database that nobody has open.
func alter(t *testing.T, url string, statements ...string) {
	t.Helper()
	db := plain(t, url)
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// past is what has happened in a workspace.
type past struct {
	login, gone store.Login // Alice's, and that of somebody of whom nothing is left
	user        store.UserID
	room        store.RoomID
	workspace   string
}

// lived makes a workspace in which people have talked.
func lived(t *testing.T, url string) (p past) {
	t.Helper()
	s := openAt(t, url, Options{})
	user, room := furnish(t, s)
	signIn := func(name string) store.Login {
		l, err := s.CreateLogin(t.Context(), store.NewLogin{Tokens: []byte{0, 1, 0xff}, Lifetime: time.Hour,
			Identity: store.Identity{Issuer: "https://id.example", Subject: name, Name: name}})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	p = past{login: signIn("alice"), gone: signIn("eve"), user: user, room: room, workspace: s.Workspace()}
	if err := errors.Join(s.SaveSession(t.Context(), "t", nil, time.Now().Add(time.Hour)), s.Close()); err != nil {
		t.Fatal(err)
	}
	talk(t, url, 1031, "hello ") // more than are written or told of at once, and some left over
	alter(t, url, `DELETE FROM changes WHERE seq <= 500`, `UPDATE counter SET pruned = 500`,
		fmt.Sprint(`DELETE FROM logins WHERE id = `, p.gone.ID), fmt.Sprint(`DELETE FROM users WHERE id = `, p.gone.User.ID))
	return p
}

// talk has somebody post n messages in a new room, from change number 100 on.
func talk(t *testing.T, url string, n int, body string) {
	t.Helper()
	db := plain(t, url)
	_, err := db.Exec(`
		WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < $1 + 99)
		INSERT INTO messages (id, room_id, author_id, nonce, posted, body, created_at)
		SELECT i, 1, 1, CAST(i AS TEXT), $2, CAST($3 AS TEXT) || i, $4 FROM n`, n, fingerprint(body), body, time.Now().UnixMilli())
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	alter(t, url, `INSERT INTO changes (seq, room_id, kind, message_id, at) SELECT id, room_id, '`+string(store.MessageCreated)+`', id, created_at FROM messages`,
		`UPDATE counter SET value = (SELECT max(id) FROM messages)`)
}

func TestMoveGoesOnWhereItWas(t *testing.T) {
	directions(t, func(t *testing.T, from, to string) {
		p := lived(t, from)
		before := openAt(t, from, Options{})
		changes, err := before.RoomChanges(t.Context(), p.user, p.room, 500, 650, 300)
		head, headErr := before.Head(t.Context())
		if err := errors.Join(err, headErr, before.Close()); err != nil {
			t.Fatal(err)
		}
		tables := moved(t, from, to)
		same(t, from, to)

		s := openAt(t, to, Options{})
		if s.Workspace() != p.workspace {
			t.Errorf("the workspace is now %s, was %s", s.Workspace(), p.workspace)
		}
		if now, err := s.Head(t.Context()); err != nil || now != head {
			t.Errorf("the head is now %d, %v; was %d", now, err, head)
		}
		if got, err := s.Login(t.Context(), p.login.ID); err != nil || cmp.Diff(p.login, got) != "" {
			t.Errorf("the login is now %+v, %v; was %+v", got, err, p.login)
		}
		again, err := s.RoomChanges(t.Context(), p.user, p.room, 500, 650, 300)
		if diff := cmp.Diff(changes, again); err != nil || diff != "" || len(again) != 150 {
			t.Errorf("%d changes after the cursor, %v (-before +now):\n%s", len(again), err, diff)
		}
		next, err := s.CreateLogin(t.Context(), store.NewLogin{Identity: store.Identity{Issuer: "https://id.example", Subject: "bob"}, Lifetime: time.Hour})
		if err != nil || next.ID <= p.gone.ID || next.User.ID <= p.gone.User.ID {
			t.Errorf("the next login is %d of person %d, %v; they come back", next.ID, next.User.ID, err)
		}
		m, err := s.CreateMessage(t.Context(), next.User.ID, p.room, store.Draft{Body: "I am new here", Nonce: "1"})
		if err != nil || store.Seq(m.ID) != head+1 {
			t.Errorf("the next message is %d, %v; want %d", m.ID, err, head+1)
		}
		if i := slices.IndexFunc(tables, func(t MovedTable) bool { return t.Name == "messages" }); i < 0 || tables[i].Rows != 1031 || len(tables[i].Sum) != 64 {
			t.Errorf("it tells of %+v", tables)
		}
	})
}
