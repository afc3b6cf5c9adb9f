package sqlstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

// auditLog makes a store whose log has five entries, and returns them.
func auditLog(t *testing.T, url string) (*Store, []store.AuditEntry) {
	t.Helper()
	s := openAt(t, url, Options{Now: func() time.Time { return time.UnixMilli(1_735_689_600_000) }})
	for i := range 5 {
		e := store.AuditEntry{
			Kind: store.AuditMemberSet, Actor: store.Person{ID: 1, Name: "Alice"}, Subject: store.Person{ID: 2, Name: "Bob"},
			Room: 3, Place: "Tea", Message: 4, Login: 5, Address: "192.0.2.1", Detail: fmt.Sprint("member ", i), Claim: "claim",
		}
		if err := s.RecordAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return s, entries(t, s)
}

func entries(t *testing.T, s *Store) (all []store.AuditEntry) {
	t.Helper()
	if err := s.EachAuditEntry(t.Context(), func(e store.AuditEntry) error { all = append(all, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// run runs statements behind the store's back.
func run(t *testing.T, s *Store, statements ...string) {
	t.Helper()
	for _, text := range statements {
		if _, err := s.writer.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// unguard takes away what keeps the audit log from being changed, as whoever owns the database can.
func unguard(t *testing.T, s *Store) {
	t.Helper()
	if s.dialect.shared {
		run(t, s, `ALTER TABLE audit DISABLE TRIGGER ALL`)
		return
	}
	rows, err := s.writer.Query(`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'`)
	if err != nil {
		t.Fatal(err)
	}
	var drop []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		drop = append(drop, `DROP TRIGGER `+name)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	run(t, s, drop...)
}

// SQLite replaces a row without asking what guards against its deletion, unless it is told otherwise.
func TestAuditLogReplacesNothing(t *testing.T) {
	s, before := auditLog(t, "sqlite:"+filepath.Join(t.TempDir(), "letstalk.db"))
	for _, text := range []string{
		`INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = 3`, `REPLACE INTO audit SELECT * FROM audit`,
		`UPDATE OR REPLACE audit SET id = 4 WHERE id = 5`,
		`INSERT INTO audit SELECT * FROM audit WHERE id = 3 ON CONFLICT (id) DO UPDATE SET detail = 'nothing'`,
	} {
		if _, err := s.writer.Exec(text); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: error %v", text, err)
		}
	}
	if after := entries(t, s); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the log is\n%v, was\n%v", after, before)
	}
}

func TestVerifyAuditNamesWhatWasTamperedWith(t *testing.T) {
	type tampering struct {
		name       string
		statements []string
		broken     int64
	}
	cases := []tampering{
		{"a first one taken away", []string{`DELETE FROM audit WHERE id = 1`}, 1},
		{"one in the middle taken away", []string{`DELETE FROM audit WHERE id = 3`}, 3},
		{"one taken away and the gap closed", []string{`DELETE FROM audit WHERE id = 3`,
			`UPDATE audit SET id = 3 WHERE id = 4`, `UPDATE audit SET id = 4 WHERE id = 5`}, 3},
		{"two that changed places", []string{`UPDATE audit SET id = 9 WHERE id = 2`, `UPDATE audit SET id = 2 WHERE id = 3`,
			`UPDATE audit SET id = 3 WHERE id = 9`}, 2},
		{"the words of two that changed places", []string{`UPDATE audit SET detail = CASE id WHEN 2 THEN 'member 2' ELSE 'member 1' END
			WHERE id IN (2, 3)`}, 2},
		{"one put in between", []string{`UPDATE audit SET id = id + 10 WHERE id > 2`,
			`INSERT INTO audit SELECT 3, at, kind, actor_id, actor_name, subject_id, subject_name, room_id, place, message_id, login_id,
				address, 'forged', claim, hash, hash FROM audit WHERE id = 2`,
			`UPDATE audit SET id = id - 9 WHERE id > 10`}, 3},
		{"one put before the first", []string{`INSERT INTO audit SELECT 0, at, kind, actor_id, actor_name, subject_id, subject_name,
			room_id, place, message_id, login_id, address, detail, claim, before, hash FROM audit WHERE id = 1`,
			`UPDATE audit SET id = id + 10`, `UPDATE audit SET id = id - 9`}, 2},
	}
	for _, column := range []string{"at", "actor_id", "subject_id", "room_id", "message_id", "login_id"} {
		cases = append(cases, tampering{"another " + column, []string{`UPDATE audit SET ` + column + ` = ` + column + ` + 1 WHERE id = 3`}, 3})
	}
	for _, column := range []string{"kind", "actor_name", "subject_name", "place", "address", "detail", "claim"} {
		cases = append(cases, tampering{"another " + column, []string{`UPDATE audit SET ` + column + ` = ` + column + ` || '.' WHERE id = 3`}, 3})
	}
	for _, column := range []string{"before", "hash"} {
		cases = append(cases, tampering{"another " + column, []string{`UPDATE audit SET ` + column + ` = '` + noHash[:63] + `1' WHERE id = 3`}, 3})
	}
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			s, original := auditLog(t, url(t))
			unguard(t, s)
			run(t, s, `CREATE TABLE original AS SELECT * FROM audit`)
			again := func() { run(t, s, `DELETE FROM audit`, `INSERT INTO audit SELECT * FROM original`) }
			// Somebody who knows how to make a hash does not know how to make the next one fit.
			forged := original[2]
			forged.Detail = "nothing"
			cases := append(cases, tampering{"words and their hash", []string{
				`UPDATE audit SET detail = 'nothing', hash = '` + auditHash(forged) + `' WHERE id = 3`}, 4})
			for _, c := range cases {
				run(t, s, c.statements...)
				var broken *store.BrokenAuditError
				if head, err := s.VerifyAudit(t.Context()); !errors.As(err, &broken) || broken.ID != c.broken || broken.Reason == "" {
					t.Errorf("%s: head %v, error %v; want entry %d named", c.name, head, err, c.broken)
				}
				again()
			}
			// Nothing in the log itself tells of its last entries. Whoever noted down how far it had come does.
			run(t, s, `DELETE FROM audit WHERE id = 5`)
			head, err := s.VerifyAudit(t.Context())
			if noted := (store.AuditHead{ID: 5, Hash: original[4].Hash}); err != nil || head.ID != 4 || head == noted {
				t.Errorf("the last one taken away: head %v, %v", head, err)
			}
			if err := s.RecordAudit(t.Context(), store.AuditEntry{Kind: store.AuditExported}); err != nil {
				t.Fatal(err)
			}
			if head, err = s.VerifyAudit(t.Context()); err != nil || head.ID != 5 || head.Hash == original[4].Hash {
				t.Errorf("the last one replaced: head %v, %v; it was %s", head, err, original[4].Hash)
			}
			again()
			if head, err = s.VerifyAudit(t.Context()); err != nil || head != (store.AuditHead{ID: 5, Hash: original[4].Hash}) {
				t.Errorf("as it was: head %v, %v", head, err)
			}
		})
	}
}
