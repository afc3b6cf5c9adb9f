package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"letstalk/store"
)

const (
	userColumns = `u.id, u.issuer, u.subject, u.name, u.email, u.groups, u.active, u.admin_by_hand, u.admin_claim, u.created_at`

	selectUser = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`

	// upsertUser leaves what somebody known may do, and created_at, as they are.
	upsertUser = `
		INSERT INTO users (issuer, subject, name, email, groups, active, created_at) VALUES ($1, $2, $3, $4, $5, TRUE, $6)
		ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, email = excluded.email, groups = excluded.groups
		RETURNING id, issuer, subject, name, email, groups, active, admin_by_hand, admin_claim, created_at`
)

// User returns a person by id.
func (s *Store) User(ctx context.Context, id store.UserID) (store.User, error) {
	var u userRow
	if err := s.read(ctx, "read a person", selectUser, u.dest(), id); err != nil {
		return store.User{}, err
	}
	return u.user()
}

// user reads a person.
func (t *tx) user(id store.UserID) (store.User, error) { return scanUser(t.row(selectUser, id)) }

// signIn creates the person or refreshes what is known of them.
func (t *tx) signIn(id store.Identity) (store.User, error) {
	groups := []string{}
	for _, g := range id.Groups {
		groups = append(groups, decoration(g))
	}
	encoded, err := json.Marshal(groups)
	if err != nil {
		return store.User{}, fmt.Errorf("encode groups: %w", err)
	}
	return scanUser(t.returning(upsertUser,
		id.Issuer, id.Subject, decoration(id.Name), decoration(id.Email), string(encoded), millis(t.now)))
}

// userRow reads userColumns.
type userRow struct {
	store.User
	groups string
}

func (r *userRow) dest() []any {
	u := &r.User
	return []any{&u.ID, &u.Identity.Issuer, &u.Identity.Subject, &u.Identity.Name, &u.Identity.Email, &r.groups,
		&u.Active, &u.AdminByHand, &u.AdminClaim, moment{&u.CreatedAt}}
}

func (r *userRow) user() (store.User, error) {
	if r.groups == "[]" {
		return r.User, nil // no groups are nil, as they were given
	}
	if err := json.Unmarshal([]byte(r.groups), &r.Identity.Groups); err != nil {
		return store.User{}, fmt.Errorf("groups of person %d: %w", r.ID, err)
	}
	return r.User, nil
}

func scanUser(row scanner) (store.User, error) {
	var u userRow
	if err := row.Scan(u.dest()...); err != nil {
		return store.User{}, err
	}
	return u.user()
}

// decoration mends text that only describes: databases disagree about bytes that are no characters, and a broken name
// or User-Agent is no reason to turn somebody away.
func decoration(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}
