package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"letstalk/store"
)

func record(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n {
		if err := s.RecordAudit(t.Context(), store.AuditEntry{Kind: store.AuditSignInRefused, Address: "192.0.2.1", Detail: fmt.Sprint("reason ", i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAuditLogOnlyGrows(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			record(t, s, 3)
			statements := []string{
				`UPDATE audit SET detail = 'nothing' WHERE id = 2`,
				`DELETE FROM audit WHERE id = 3`,
				`DELETE FROM audit`,
			}
			if s.dialect.shared {
				statements = append(statements, `TRUNCATE audit`)
			} else {
				statements = append(statements, `INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE id = 1`)
			}
			for _, statement := range statements {
				if _, err := s.writer.Exec(statement); err == nil || !strings.Contains(err.Error(), "the audit log only grows") {
					t.Errorf("%s: %v", statement, err)
				}
			}
			if head, err := s.VerifyAudit(t.Context()); err != nil || head.ID != 3 {
				t.Errorf("it ends at %+v, %v", head, err)
			}
		})
	}
}

// Whoever owns the database can take the triggers away. What they change shows.
func TestAuditLogThatWasChangedIsFoundOut(t *testing.T) {
	loosen := map[string]string{
		"SQLite":     `DROP TRIGGER audit_stays; DROP TRIGGER audit_keeps; DROP TRIGGER audit_adds`,
		"PostgreSQL": `DROP TRIGGER audit_stays ON audit`,
	}
	for name, url := range eachDatabase() {
		s := openAt(t, url(t), Options{})
		if _, err := s.writer.Exec(loosen[name]); err != nil {
			t.Fatal(err)
		}
		record(t, s, auditPage+3) // more than are read at once
		whole, err := s.VerifyAudit(t.Context())
		if err != nil || whole.ID != auditPage+3 {
			t.Fatalf("%+v, %v", whole, err)
		}
		for _, c := range []struct {
			name, change, back string
			first              int64
		}{
			{"other words", `UPDATE audit SET detail = 'nothing' WHERE id = 2`, `UPDATE audit SET detail = 'reason 1' WHERE id = 2`, 2},
			{"another time", `UPDATE audit SET at = at + 1 WHERE id = 502`, `UPDATE audit SET at = at - 1 WHERE id = 502`, 502},
			{"another person", `UPDATE audit SET actor_id = 1 WHERE id = 3`, `UPDATE audit SET actor_id = 0 WHERE id = 3`, 3},
			{"one that is gone", `UPDATE audit SET id = 9999 WHERE id = 7`, `UPDATE audit SET id = 7 WHERE id = 9999`, 7},
			{"the last gone but for its neighbour", `UPDATE audit SET id = id + 1 WHERE id = 503`, `UPDATE audit SET id = id - 1 WHERE id = 504`, 503},
			{"a hash that fits nothing", `UPDATE audit SET hash = 'f' || substr(hash, 2) WHERE id = 4`, "", 4},
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				if c.back == "" {
					var hash string
					if err := s.writer.QueryRow(`SELECT hash FROM audit WHERE id = 4`).Scan(&hash); err != nil {
						t.Fatal(err)
					}
					if hash[0] == 'f' {
						c.change = strings.Replace(c.change, "'f'", "'e'", 1)
					}
					c.back = `UPDATE audit SET hash = '` + hash + `' WHERE id = 4`
				}
				if _, err := s.writer.Exec(c.change); err != nil {
					t.Fatal(err)
				}
				var broken *store.BrokenAuditError
				if _, err := s.VerifyAudit(t.Context()); !errors.As(err, &broken) || broken.ID != c.first {
					t.Errorf("%v, want it broken at %d", err, c.first)
				}
				if _, err := s.writer.Exec(c.back); err != nil {
					t.Fatal(err)
				}
				if head, err := s.VerifyAudit(t.Context()); err != nil || head != whole {
					t.Errorf("as it was: %+v, %v", head, err)
				}
			})
		}
	}
}

// The form is for ever, and for everybody: other programs check it, too.
func TestHashOfAnAuditEntryCanBeReckonedElsewhere(t *testing.T) {
	e := store.AuditEntry{
		ID: 7, At: time.UnixMilli(1709251198765).UTC(), Kind: store.AuditMemberSet,
		Actor: store.Person{ID: -1, Name: "the operator"}, Subject: store.Person{ID: 3, Name: "Zoë \"Z\" <z@example.org> & Söhne"},
		Room: 2, Place: "Tea\tRoom", Message: 4, Login: 5, Address: "192.0.2.1", Detail: "moderator", Claim: `groups has "a\b"`,
		Before: strings.Repeat("0", 64),
	}
	sum := sha256.Sum256([]byte(strings.Repeat("0", 64) + "\n" +
		`[7,1709251198765,"member.set",-1,"the operator",3,"Zoë \"Z\" <z@example.org> & Söhne",2,"Tea\tRoom",4,5,"192.0.2.1","moderator","groups has \"a\\b\""]`))
	if want := hex.EncodeToString(sum[:]); auditHash(e) != want {
		t.Errorf("%s, want %s", auditHash(e), want)
	}
}

// A write that fails takes its entries with it; those of the same batch stay, one after the other.
func TestAuditOfABatchIsWhole(t *testing.T) {
	for name, url := range eachDatabase() {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, url(t), Options{})
			add := func(detail string) func(*tx) error {
				return func(t *tx) error { return t.audit(store.AuditEntry{Kind: store.AuditExported, Detail: detail}) }
			}
			errs := batch(t, s, add("one"), func(t *tx) error {
				return errors.Join(t.audit(store.AuditEntry{Kind: store.AuditExported, Detail: "never"}), store.ErrConflict)
			}, add("two"), add("three"))
			if errs[0] != nil || !errors.Is(errs[1], store.ErrConflict) || errs[2] != nil || errs[3] != nil {
				t.Fatal(errs)
			}
			var details []string
			err := s.EachAuditEntry(t.Context(), func(e store.AuditEntry) error {
				details = append(details, e.Detail)
				return nil
			})
			if got := strings.Join(details, " "); err != nil || got != "one two three" {
				t.Errorf("%s, %v", got, err)
			}
			if head, err := s.VerifyAudit(t.Context()); err != nil || head.ID != 3 {
				t.Errorf("%+v, %v", head, err)
			}
		})
	}
}

// What comes while the log is read is for the next reading, or reading might never end.
func TestAuditIsReadAsOfOneMoment(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	record(t, s, 2)
	n := 0
	err := s.EachAuditEntry(t.Context(), func(store.AuditEntry) error {
		n++
		return s.RecordAudit(context.WithoutCancel(t.Context()), store.AuditEntry{Kind: store.AuditExported})
	})
	if err != nil || n != 2 {
		t.Errorf("%d entries, %v; want 2", n, err)
	}
}
