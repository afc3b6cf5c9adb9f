package sqlstore

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
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
		`ALTER TABLE users SET (autovacuum_enabled = false)`,
		`ALTER TABLE logins SET (autovacuum_enabled = false)`,
		`ALTER TABLE audit SET (autovacuum_enabled = false)`,
		`ALTER TABLE memberships SET (autovacuum_enabled = false)`,
		`ALTER TABLE grants SET (autovacuum_enabled = false)`,
		`INSERT INTO users SELECT g + 100, 'i', 's' || g, 'n', 'e', '[]', TRUE, 5 FROM generate_series(1, 20000) g`,
		`INSERT INTO logins SELECT g + 100, g + 100, 's' || g, NULL, '', '', 5, 5, 1000000, 1000, CASE WHEN g % 2 = 0 THEN 500 + g END
			FROM generate_series(1, 20000) g`,
		`INSERT INTO memberships SELECT 2, g + 100, 'member' FROM generate_series(1, 20000) g`,
		`INSERT INTO grants SELECT 2, g + 100, 'member', 'c', 5 FROM generate_series(1, 20000) g`,
		`INSERT INTO audit SELECT g + 100, g, 'kind' || g % 100, g, 'n', g, 'n', 2, 'p', 0, 0, '', '', '', '', '' FROM generate_series(1, 20000) g`,
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
	byActor, _ := auditText(store.AuditQuery{User: 1, Limit: 1}, "actor_id")
	bySubject, _ := auditText(store.AuditQuery{User: 1, Limit: 1}, "subject_id")
	byKind, _ := auditText(store.AuditQuery{Kind: store.AuditSignedIn, Limit: 1}, "")
	byRoom, _ := auditText(store.AuditQuery{Room: 1, Before: 1, Limit: 1}, "")
	for i, q := range []struct{ text, args string }{
		{selectDue, "900"}, {selectLeaving + whereDue, "900, 100"}, {selectEnded, "20400, 60000"},
		{selectLogin, "5001, 900"}, {selectLeasable, "5001, 900"},
		{selectLeaving + ofPerson, "'i', 900, 's5000'"}, {selectLeaving + ofSession, "'i', 900, 's5001', 's5001'"},
		{selectLeaving + ofTheirSession, "'i', 900, 's5001', 's5001', 's5001'"},
		{selectGrants, "5000"}, {selectByHand, "5000"}, {selectByClaim, "5000"}, {selectRooms, "5000"}, {selectVisible, "5000, 2"},
		{selectStanding, "1, 5000"}, {selectAllStanding, "-1, 5000"},
		{selectTail, ""}, {selectAuditPage, "5000, 20000, 100"},
		{byActor, "5000, 9000, 9000, 100"}, {bySubject, "5000, 9000, 9000, 100"}, {byKind, "'kind7', 9000, 9000, 100"},
		{byRoom, "2, 9000, 9000, 100"}, {byRoom, "1, 9000, 9000, 100"},
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
		args := ""
		if q.args != "" {
			args = "(" + q.args + ")"
		}
		rows, err := conn.QueryContext(t.Context(), fmt.Sprintf(`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE %s%d %s`, when, i, args))
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

// SQLite looks up what it is asked for, too: it never goes through a table of which there may be much.
func TestSQLiteLooksUpWhatIsAskedFor(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for _, text := range []string{
		selectOlder, selectNewer, selectOne, selectFirst, insertMessage, selectRoomChanges, selectState, selectRoom, selectVisible,
		selectDue, selectLeaving + whereDue, selectEnded, selectUserLogins, selectLogin, selectLive, selectDueOf, selectLeasable,
		leaseLogin, selectLeased, delayRecheck, touchLogin, selectLeaving + ofPerson, selectLeaving + ofSession, selectLeaving + ofTheirSession,
		selectGrants, selectByHand, selectByClaim, selectAuditPage, selectLoggedOut,
	} {
		var args []any
		for strings.Contains(text, fmt.Sprint("$", len(args)+1)) {
			args = append(args, 1)
		}
		rows, err := s.readers.Query(`EXPLAIN QUERY PLAN `+text, args...)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var line string
			if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, line)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for _, line := range plan {
			if regexp.MustCompile(`^SCAN (l|m|u|a|b|g|audit|logins|memberships|grants)\b`).MatchString(line) {
				t.Errorf("%s\ngoes\n%s", text, strings.Join(plan, "\n"))
				break
			}
		}
	}
}
