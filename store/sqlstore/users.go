package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"letstalk/store"
)

const (
	userColumns = `u.id, u.issuer, u.subject, u.name, u.email, u.groups, u.active, u.created_at`

	selectUser = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`

	// upsertUser leaves active and created_at of somebody known as they are.
	upsertUser = `
		INSERT INTO users (issuer, subject, name, email, groups, active, created_at) VALUES ($1, $2, $3, $4, $5, TRUE, $6)
		ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, email = excluded.email, groups = excluded.groups
		RETURNING id, issuer, subject, name, email, groups, active, created_at`
)

// User returns a person by id.
func (s *Store) User(ctx context.Context, id store.UserID) (store.User, error) {
	var u userRow
	if err := s.read(ctx, "read a person", selectUser, u.dest(), id); err != nil {
		return store.User{}, err
	}
	return u.user()
}

// SetUserActive lets a person in or locks them out, which also ends their logins.
func (s *Store) SetUserActive(ctx context.Context, id store.UserID, active bool) error {
	_, err := write(ctx, s, "set a person active", func(t *tx) (struct{}, error) {
		n, err := t.exec(`UPDATE users SET active = $2 WHERE id = $1`, id, active)
		if err != nil {
			return struct{}{}, err
		}
		if n == 0 {
			return struct{}{}, store.ErrNotFound
		}
		if !active {
			_, err = t.exec(`UPDATE logins SET ended_at = $2, tokens = NULL WHERE user_id = $1 AND ended_at IS NULL`,
				id, millis(t.now))
		}
		return struct{}{}, err
	})
	return err
}

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
	var u userRow
	row := t.returning(upsertUser, id.Issuer, id.Subject, decoration(id.Name), decoration(id.Email), string(encoded), millis(t.now))
	if err := row.Scan(u.dest()...); err != nil {
		return store.User{}, err
	}
	return u.user()
}

// userRow reads userColumns.
type userRow struct {
	store.User
	groups string
}

func (r *userRow) dest() []any {
	u := &r.User
	return []any{&u.ID, &u.Identity.Issuer, &u.Identity.Subject, &u.Identity.Name, &u.Identity.Email, &r.groups,
		&u.Active, moment{&u.CreatedAt}}
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

// decoration mends text that only describes: databases disagree about bytes that are no characters, and a broken name
// or User-Agent is no reason to turn somebody away.
func decoration(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}
