package sqlstore

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"letstalk/internal/pgtest"
	"letstalk/store"
)

// What is asked of a quiet room touches its own rows alone, and what is asked of a large one the rows of a page, however
// much is said elsewhere. That is when the planner errs most: when it has last looked at tables that were empty, and when it
// has seen messages in one room alone.
func TestPostgresTouchesOnlyWhatIsAskedFor(t *testing.T) {
	s := openAt(t, pgtest.Shared(t).Database(t), Options{})
	user, _ := furnish(t, s)
	if _, err := s.CreateRoom(t.Context(), user, store.NewRoom{Name: "Quiet", Visibility: store.Open}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`ALTER TABLE messages SET (autovacuum_enabled = false)`,
		`ALTER TABLE changes SET (autovacuum_enabled = false)`,
		`INSERT INTO messages SELECT g + 100, 1, 1, 'n' || g, '', 'hello', 5 FROM generate_series(1, 20000) g`,
		`INSERT INTO changes SELECT g + 100, 1, 'message.created', g + 100, NULL, 5 FROM generate_series(1, 20000) g`,
		`UPDATE counter SET value = 30000`,
	} {
		if _, err := s.writer.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	touchesLittle(t, s, "grown")
	if _, err := s.writer.Exec(`ANALYZE`); err != nil {
		t.Fatal(err)
	}
	touchesLittle(t, s, "known")
}

func touchesLittle(t *testing.T, s *Store, when string) {
	t.Helper()
	conn, err := s.readers.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i, q := range []struct{ text, args string }{
		{selectOlder, "2, 9000000, 51"}, {selectOlder, "1, 10000, 51"},
		{selectNewer, "2, 0, 51"}, {selectNewer, "1, 10000, 51"},
		{selectRoomChanges, "2, 5, 30000, 301"}, {selectRoomChanges, "1, 10000, 10100, 301"},
		{selectState, "1, 'QUIET'"}, {selectState, "1, 'quiet'"}, {selectState, "1, 'general'"},
		{selectRooms, "1"},
		{selectOne, "1, 1, 10000"}, {selectFirst, "1, 'n5000'"}, {selectView, "1, 2"},
	} {
		text := cmp.Or(s.dialect.instead[q.text], q.text)
		if _, err := conn.ExecContext(t.Context(), fmt.Sprintf(`PREPARE %s%d AS %s`, when, i, text)); err != nil {
			t.Fatal(err)
		}
		rows, err := conn.QueryContext(t.Context(), fmt.Sprintf(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE %s%d (%s)`, when, i, q.args))
		if err != nil {
			t.Fatal(err)
		}
		var plan string
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan += line + "\n"
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:actual rows=|Removed by Filter: )(\d+)`).FindAllStringSubmatch(plan, -1) {
			if n, err := strconv.Atoi(m[1]); err != nil || n > 400 {
				t.Errorf("%s: %s (%s) touches %d rows:\n%s", when, text, q.args, n, plan)
				break
			}
		}
	}
}
