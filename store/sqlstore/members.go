package sqlstore

import (
	"context"

	"letstalk/store"
)

const setDemand = `UPDATE rooms SET max_age = $2, acr = $3 WHERE id = $1 AND (max_age <> $2 OR acr <> $3)`

// SetDemand changes how sure a room wants to be of who enters.
func (s *Store) SetDemand(ctx context.Context, viewer store.UserID, room store.RoomID, d store.Demand) error {
	d, err := d.Check()
	if err != nil {
		return err
	}
	_, err = write(ctx, s, "set what a room demands", func(t *tx) (struct{}, error) {
		moderator, err := t.visible(viewer, room)
		if err != nil {
			return struct{}{}, err
		}
		if !moderator {
			return struct{}{}, store.ErrForbidden
		}
		n, err := t.exec(setDemand, room, d.MaxAge.Milliseconds(), d.ACR)
		if err != nil || n == 0 {
			return struct{}{}, err
		}
		t.record(store.RoomChanged, room, 0, 0)
		return struct{}{}, t.audit(store.AuditEntry{Kind: store.AuditRoomChanged, Actor: store.Person{ID: viewer}, Room: room, Detail: d.String()})
	})
	return err
}

// SetMember gives a person a role in a room. The role they have already changes nothing.
func (s *Store) SetMember(ctx context.Context, viewer store.UserID, room store.RoomID, user store.UserID, role store.Role) error {
	if role != store.Member && role != store.Moderator {
		return &store.InvalidError{Field: "role", Reason: "Somebody is a member or a moderator."}
	}
	_, err := write(ctx, s, "set a member", func(t *tx) (struct{}, error) {
		moderator, err := t.visible(viewer, room)
		if err != nil {
			return struct{}{}, err
		}
		if !moderator {
			return struct{}{}, store.ErrForbidden
		}
		var known bool
		if err := t.row(`SELECT EXISTS (SELECT 1 FROM users WHERE id = $1)`, user).Scan(&known); err != nil {
			return struct{}{}, err
		}
		if !known {
			return struct{}{}, store.ErrNotFound
		}
		n, err := t.exec(upsertMember, room, user, role, viewer, millis(t.now))
		if err != nil || n == 0 {
			return struct{}{}, err
		}
		t.record(store.MemberSet, room, 0, user)
		return struct{}{}, t.audit(store.AuditEntry{Kind: store.AuditMemberSet,
			Actor: store.Person{ID: viewer}, Subject: store.Person{ID: user}, Room: room, Detail: string(role)})
	})
	return err
}

// RemoveMember takes back what SetMember gave.
func (s *Store) RemoveMember(ctx context.Context, viewer store.UserID, room store.RoomID, user store.UserID) error {
	_, err := write(ctx, s, "remove a member", func(t *tx) (struct{}, error) {
		moderator, err := t.visible(viewer, room)
		if err != nil {
			return struct{}{}, err
		}
		if !moderator && viewer != user {
			return struct{}{}, store.ErrForbidden
		}
		roles, err := list(t, scanRole, deleteMember, room, user)
		if err != nil || len(roles) == 0 {
			return struct{}{}, err
		}
		t.record(store.MemberRemoved, room, 0, user)
		return struct{}{}, t.audit(store.AuditEntry{Kind: store.AuditMemberRemoved,
			Actor: store.Person{ID: viewer}, Subject: store.Person{ID: user}, Room: room, Detail: string(roles[0])})
	})
	return err
}

func scanRole(row scanner) (role store.Role, err error) {
	err = row.Scan(&role)
	return role, err
}
