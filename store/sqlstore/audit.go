package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"letstalk/store"
)

const (
	auditColumns = `id, at, kind, actor_id, actor_name, subject_id, subject_name, room_id, place, message_id, login_id, address, detail,
		claim, before, hash`

	selectTail  = `SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1`
	insertAudit = `INSERT INTO audit (` + auditColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`
	selectPerson = `SELECT name FROM users WHERE id = $1`
	selectPlace  = `SELECT name FROM rooms WHERE id = $1`
	selectAudit  = `SELECT ` + auditColumns + ` FROM audit WHERE `
	// selectAuditPage reads on from an entry, up to another one.
	selectAuditPage = selectAudit + `id > $1 AND id <= $2 ORDER BY id LIMIT $3 + 0`
)

// operator is whom the log and rights know as store.Operator.
var operator = store.User{ID: store.Operator, Identity: store.Identity{Name: "the operator"}, Active: true, AdminByHand: true}

// noHash stands before the first entry.
var noHash = strings.Repeat("0", 2*sha256.Size)

// person returns the person of an id, with the name they have now.
func (t *tx) person(id store.UserID) (store.Person, error) {
	p := store.Person{ID: id}
	if id == store.Operator {
		return operator.Person(), nil
	}
	if id == 0 {
		return p, nil
	}
	err := t.row(selectPerson, id).Scan(&p.Name)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

// audit appends an entry. Names it does not have are looked up. Its number and hash follow from the entry before, which is
// read anew each time: what a write did may be undone before the next one.
func (t *tx) audit(e store.AuditEntry) (err error) {
	for _, p := range []*store.Person{&e.Actor, &e.Subject} {
		if p.Name == "" {
			if *p, err = t.person(p.ID); err != nil {
				return err
			}
		}
	}
	if e.Room != 0 && e.Place == "" {
		if err := t.row(selectPlace, e.Room).Scan(&e.Place); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	for _, text := range []*string{&e.Actor.Name, &e.Subject.Name, &e.Place, &e.Address, &e.Detail, &e.Claim} {
		*text = decoration(*text)
	}
	head, err := t.auditHead()
	if err != nil {
		return err
	}
	e.ID, e.At, e.Before = head.ID+1, t.now, head.Hash
	e.Hash = auditHash(e)
	_, err = t.exec(insertAudit, e.ID, millis(e.At), e.Kind, e.Actor.ID, e.Actor.Name, e.Subject.ID, e.Subject.Name, e.Room, e.Place,
		e.Message, e.Login, e.Address, e.Detail, e.Claim, e.Before, e.Hash)
	return err
}

// auditHead is how far the log has come: entry 0 if there is none.
func (t *tx) auditHead() (store.AuditHead, error) {
	head := store.AuditHead{Hash: noHash}
	err := t.row(selectTail).Scan(&head.ID, &head.Hash)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return head, err
}

// auditHash is the SHA-256, in hexadecimal digits, of the hash of the entry before, a line feed, and a JSON array of what
// this entry says: id, at in milliseconds since 1970, kind, actor's id and name, subject's id and name, room, place,
// message, login, address, detail, claim. The array has no spaces between its elements, and of its texts only quotes,
// backslashes, control characters and U+2028 and U+2029 are escaped, as package encoding/json does.
func auditHash(e store.AuditEntry) string {
	var b bytes.Buffer
	b.WriteString(e.Before + "\n")
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	if err := j.Encode([]any{e.ID, e.At.UnixMilli(), e.Kind, e.Actor.ID, e.Actor.Name, e.Subject.ID, e.Subject.Name, e.Room, e.Place,
		e.Message, e.Login, e.Address, e.Detail, e.Claim}); err != nil {
		panic(err) // numbers and texts can always be encoded
	}
	sum := sha256.Sum256(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	return hex.EncodeToString(sum[:])
}

func scanAudit(row scanner) (e store.AuditEntry, err error) {
	err = row.Scan(&e.ID, moment{&e.At}, &e.Kind, &e.Actor.ID, &e.Actor.Name, &e.Subject.ID, &e.Subject.Name, &e.Room, &e.Place,
		&e.Message, &e.Login, &e.Address, &e.Detail, &e.Claim, &e.Before, &e.Hash)
	return e, err
}

// RecordAudit appends what happened outside the store.
func (s *Store) RecordAudit(ctx context.Context, e store.AuditEntry) error {
	_, err := writeInEpoch(ctx, s, "write the audit log", func(t *tx) (struct{}, error) { return struct{}{}, t.audit(e) })
	return err
}

// Entries are read by pages of at most this many.
const (
	auditPage    = 500
	auditDefault = 100
)

// AuditEntries returns entries, newest first.
func (s *Store) AuditEntries(ctx context.Context, viewer store.UserID, q store.AuditQuery) ([]store.AuditEntry, error) {
	if q.Limit < 1 || q.Limit > auditPage {
		q.Limit = auditDefault
	}
	return snapshot(ctx, s, "read the audit log", func(t *tx) ([]store.AuditEntry, error) {
		if _, err := t.administrator(viewer); err != nil {
			return nil, err
		}
		if q.User == 0 {
			return t.auditEntries(q, "")
		}
		// One after the other, each from its index.
		as, err := t.auditEntries(q, "actor_id")
		if err != nil {
			return nil, err
		}
		to, err := t.auditEntries(q, "subject_id")
		if err != nil {
			return nil, err
		}
		all := append(as, to...)
		slices.SortFunc(all, func(a, b store.AuditEntry) int { return cmp.Compare(b.ID, a.ID) })
		all = slices.CompactFunc(all, func(a, b store.AuditEntry) bool { return a.ID == b.ID })
		return all[:min(len(all), q.Limit)], nil
	})
}

func (t *tx) auditEntries(q store.AuditQuery, column string) ([]store.AuditEntry, error) {
	text, args := auditText(q, column)
	return list(t, scanAudit, text, args...)
}

// auditText is the statement for what a query asks for, of a person in one of two columns. What there may be least of leads:
// it is asked for as a range of its index, in its order, for the reasons that postgresWords gives.
func auditText(q store.AuditQuery, column string) (text string, args []any) {
	if q.Before <= 0 {
		q.Before = math.MaxInt64
	}
	text, lead := selectAudit, ""
	with := func(condition string, arg any) {
		args = append(args, arg)
		text += fmt.Sprintf(condition, len(args)) + " AND "
	}
	equal := func(column string, arg any) {
		if lead != "" {
			with(column+" = $%d", arg)
			return
		}
		lead = column + " DESC, "
		with(column+" >= $%d", arg)
		text += fmt.Sprintf("(%s, id) < ($1, $2) AND ", column)
		args = append(args, q.Before)
	}
	if column != "" {
		equal(column, q.User)
	}
	if q.Room != 0 {
		equal("room_id", q.Room)
	}
	if q.Kind != "" {
		equal("kind", q.Kind)
	}
	if !q.From.IsZero() {
		with("at >= $%d", q.From.UnixMilli())
	}
	if !q.To.IsZero() {
		with("at < $%d", q.To.UnixMilli())
	}
	with("id < $%d", q.Before)
	args = append(args, q.Limit)
	return strings.TrimSuffix(text, " AND ") + fmt.Sprintf(" ORDER BY %sid DESC LIMIT $%d + 0", lead, len(args)), args
}

// EachAuditEntry calls f with all entries, oldest first. It reads them by pages: f may take its time, and since the log
// only grows, what was there at the first page is the log as of that moment.
func (s *Store) EachAuditEntry(ctx context.Context, f func(store.AuditEntry) error) error {
	head, err := snapshot(ctx, s, "read the audit log", (*tx).auditHead)
	for after := int64(0); err == nil && after < head.ID; {
		var page []store.AuditEntry
		page, err = snapshot(ctx, s, "read the audit log", func(t *tx) ([]store.AuditEntry, error) {
			return list(t, scanAudit, selectAuditPage, after, head.ID, auditPage)
		})
		for _, e := range page {
			if err := f(e); err != nil {
				return err
			}
			after = e.ID
		}
		if len(page) < auditPage {
			break
		}
	}
	return err
}

// VerifyAudit reads all entries and returns the head.
func (s *Store) VerifyAudit(ctx context.Context) (store.AuditHead, error) {
	head := store.AuditHead{Hash: noHash}
	err := s.EachAuditEntry(ctx, func(e store.AuditEntry) error {
		broken := func(reason string) error { return &store.BrokenAuditError{ID: head.ID + 1, Reason: reason} }
		switch {
		case e.ID != head.ID+1:
			return broken("it is missing")
		case e.Before != head.Hash:
			return broken("it does not follow from the one before")
		case e.Hash != auditHash(e):
			return broken("it was changed")
		}
		head = store.AuditHead{ID: e.ID, Hash: e.Hash}
		return nil
	})
	if err != nil {
		return store.AuditHead{}, err
	}
	return head, nil
}
