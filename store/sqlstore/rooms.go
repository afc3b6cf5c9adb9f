package sqlstore

import (
	"context"
	"strings"

	"letstalk/store"
)

// The two rules of who may do what, written down once. The viewer is $1 and the room r.
const (
	// maySee: an active person sees a room that is open or that they belong to, by hand or by a claim.
	maySee = `EXISTS (SELECT 1 FROM users v WHERE v.id = $1 AND v.active) AND (r.visibility = 'open'
		OR EXISTS (SELECT 1 FROM memberships b WHERE b.room_id = r.id AND b.user_id = $1)
		OR EXISTS (SELECT 1 FROM grants g WHERE g.room_id = r.id AND g.user_id = $1))`
	// moderates: of those who may see a room its moderators, by hand or by a claim, and administrators.
	moderates = `(EXISTS (SELECT 1 FROM memberships b WHERE b.room_id = r.id AND b.user_id = $1 AND b.role = 'moderator')
		OR EXISTS (SELECT 1 FROM grants g WHERE g.room_id = r.id AND g.user_id = $1 AND g.role = 'moderator')
		OR EXISTS (SELECT 1 FROM users v WHERE v.id = $1 AND (v.admin_by_hand OR v.admin_claim <> '')))`
)

const (
	roomColumns = `r.id, r.slug, r.name, r.topic, r.visibility, r.created_at, r.max_age, r.acr, ` + moderates

	selectRoom = `SELECT ` + roomColumns + ` FROM rooms r WHERE r.slug_key = $2 AND ` + maySee
	// Where the last of a room is asked for, the room is a range and comes first in the order: else PostgreSQL may look for it
	// in all rooms, from the end.

	// selectState falls back to what has been pruned, so that it moves also when a quiet room's last change is forgotten.
	selectState = `SELECT ` + roomColumns + `, c.value, coalesce((
			SELECT h.seq FROM changes h WHERE h.room_id >= r.id AND h.room_id <= r.id ORDER BY h.room_id DESC, h.seq DESC LIMIT 1
		), c.pruned)
		FROM rooms r CROSS JOIN counter c WHERE r.slug_key = $2 AND ` + maySee
	selectVisible = `SELECT ` + moderates + ` FROM rooms r WHERE r.id = $2 AND ` + maySee
	selectRooms   = `SELECT ` + roomColumns + `, ` + maybeColumns + `
		FROM rooms r
		LEFT JOIN messages m ON m.id = (
			SELECT l.id FROM messages l WHERE l.room_id >= r.id AND l.room_id <= r.id AND l.deleted_at IS NULL
			ORDER BY l.room_id DESC, l.id DESC LIMIT 1)
		LEFT JOIN users u ON u.id = m.author_id
		WHERE ` + maySee + ` ORDER BY r.id`
	insertRoom = `
		INSERT INTO rooms (slug, slug_key, name, topic, visibility, created_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`
	upsertMember = `
		INSERT INTO memberships (room_id, user_id, role, given_by, given_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role, given_by = excluded.given_by, given_at = excluded.given_at
		WHERE memberships.role <> excluded.role`
	deleteMember = `DELETE FROM memberships WHERE room_id = $1 AND user_id = $2 RETURNING role`
)

// slugKey is what makes slugs the same without regard to case.
func slugKey(slug string) string { return folded(slug) }

// folded is a text without regard to case. Upper case first, for letters with two lower cases (ς, σ).
func folded(text string) string { return strings.ToLower(strings.ToUpper(text)) }

// visible returns whether the viewer moderates a room, or ErrNotFound if they may not see it.
func (t *tx) visible(viewer store.UserID, room store.RoomID) (moderator bool, err error) {
	err = t.row(selectVisible, viewer, room).Scan(&moderator)
	return moderator, err
}

// Rooms returns the rooms the viewer may enter, each with the last thing said in it.
func (s *Store) Rooms(ctx context.Context, viewer store.UserID) ([]store.RoomSummary, error) {
	return snapshot(ctx, s, "list rooms", func(t *tx) ([]store.RoomSummary, error) {
		return list(t, scanSummary, selectRooms, viewer)
	})
}

// Room returns a room the viewer may enter by its slug.
func (s *Store) Room(ctx context.Context, viewer store.UserID, slug string) (store.Room, error) {
	var r store.Room
	if err := s.read(ctx, "read a room", selectRoom, roomDest(&r), viewer, slugKey(slug)); err != nil {
		return store.Room{}, err
	}
	return r, nil
}

// RoomState returns a room the viewer may enter by its slug, and how far it has come.
func (s *Store) RoomState(ctx context.Context, viewer store.UserID, slug string) (store.RoomState, error) {
	var r store.RoomState
	dest := append(roomDest(&r.Room), &r.Seq, &r.Changed)
	if err := s.read(ctx, "read a room", selectState, dest, viewer, slugKey(slug)); err != nil {
		return store.RoomState{}, err
	}
	return r, nil
}

// CreateRoom makes a room of which creator is moderator.
func (s *Store) CreateRoom(ctx context.Context, creator store.UserID, n store.NewRoom) (store.Room, error) {
	n, err := n.Check()
	if err != nil {
		return store.Room{}, err
	}
	return write(ctx, s, "make a room", func(t *tx) (store.Room, error) {
		var active bool
		if err := t.row(`SELECT EXISTS (SELECT 1 FROM users WHERE id = $1 AND active)`, creator).Scan(&active); err != nil {
			return store.Room{}, err
		}
		if !active {
			return store.Room{}, store.ErrForbidden
		}
		r, err := t.makeRoom(n, store.AuditEntry{Actor: store.Person{ID: creator}})
		if err != nil {
			return store.Room{}, err
		}
		r.Moderator = true
		if _, err := t.exec(upsertMember, r.ID, creator, store.Moderator, creator, millis(t.now)); err != nil {
			return store.Room{}, err
		}
		t.record(store.MemberSet, r.ID, 0, creator)
		return r, t.audit(store.AuditEntry{Kind: store.AuditMemberSet, Actor: store.Person{ID: creator}, Subject: store.Person{ID: creator},
			Room: r.ID, Place: r.Name, Detail: string(store.Moderator)})
	})
}

// EnsureRooms makes open rooms of those names if there is no room at all.
func (s *Store) EnsureRooms(ctx context.Context, names []string) error {
	var rooms []store.NewRoom
	seen := map[string]bool{}
	for _, name := range names {
		if strings.TrimSpace(name) == "" {
			continue
		}
		n, err := store.NewRoom{Name: name, Visibility: store.Open}.Check()
		if err != nil {
			return err
		}
		if key := slugKey(store.Slug(n.Name)); !seen[key] {
			seen[key] = true
			rooms = append(rooms, n)
		}
	}
	_, err := write(ctx, s, "make the first rooms", func(t *tx) (struct{}, error) {
		var any bool
		if err := t.row(`SELECT EXISTS (SELECT 1 FROM rooms)`).Scan(&any); err != nil || any {
			return struct{}{}, err
		}
		for _, n := range rooms {
			if _, err := t.makeRoom(n, store.AuditEntry{}); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// makeRoom makes a room that has been checked; the constraint on its slug decides whether it can be. because says for the
// audit log who makes it, or why.
func (t *tx) makeRoom(n store.NewRoom, because store.AuditEntry) (store.Room, error) {
	r := store.Room{Slug: store.Slug(n.Name), Name: n.Name, Topic: n.Topic, Visibility: n.Visibility, CreatedAt: t.now}
	err := t.returning(insertRoom, r.Slug, slugKey(r.Slug), r.Name, r.Topic, r.Visibility, millis(r.CreatedAt)).Scan(&r.ID)
	if err != nil {
		return store.Room{}, err
	}
	t.record(store.RoomCreated, r.ID, 0, 0)
	because.Kind, because.Room, because.Place, because.Detail = store.AuditRoomMade, r.ID, r.Name, string(r.Visibility)
	return r, t.audit(because)
}

func roomDest(r *store.Room) []any {
	return []any{&r.ID, &r.Slug, &r.Name, &r.Topic, &r.Visibility, moment{&r.CreatedAt}, span{&r.Demand.MaxAge}, &r.Demand.ACR, &r.Moderator}
}

func scanRoom(row scanner) (r store.Room, err error) {
	err = row.Scan(roomDest(&r)...)
	return r, err
}

func scanSummary(row scanner) (store.RoomSummary, error) {
	var r store.RoomSummary
	var last maybeMessage
	if err := row.Scan(append(roomDest(&r.Room), last.dest()...)...); err != nil {
		return store.RoomSummary{}, err
	}
	r.Last = last.message(r.ID)
	return r, nil
}
