package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"letstalk/store"
)

const (
	selectUsers   = `SELECT ` + userColumns + ` FROM users u`
	setActive     = `UPDATE users SET active = $2 WHERE id = $1`
	setAdmin      = `UPDATE users SET admin_by_hand = $2 WHERE id = $1`
	selectByHand  = `SELECT b.room_id, b.role, '', b.given_by, p.name, b.given_at FROM memberships b LEFT JOIN users p ON p.id = b.given_by WHERE b.user_id = $1`
	selectByClaim = `SELECT g.room_id, g.role, g.claim, NULL, NULL, g.at FROM grants g WHERE g.user_id = $1`

	// What a person $2 may enter, of what the viewer $1 may see.
	selectStanding    = `SELECT ` + roomColumns + ` FROM rooms r WHERE ` + entersToo + ` AND ` + maySee + ` ORDER BY r.id`
	selectAllStanding = `SELECT ` + roomColumns + ` FROM rooms r WHERE ` + entersToo + ` ORDER BY r.id`
	entersToo         = `(r.visibility = 'open' OR EXISTS (SELECT 1 FROM memberships h WHERE h.room_id = r.id AND h.user_id = $2)
		OR EXISTS (SELECT 1 FROM grants h WHERE h.room_id = r.id AND h.user_id = $2))`
)

// viewer returns the person on whose behalf something is done, or ErrForbidden if nothing may be.
func (t *tx) viewer(id store.UserID) (store.User, error) {
	if id == store.Operator {
		return operator, nil
	}
	u, err := t.user(id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !u.Active {
		err = store.ErrForbidden
	}
	return u, err
}

// mayActFor returns the viewer, or ErrForbidden unless that is the person themselves or an administrator.
func (t *tx) mayActFor(viewer, user store.UserID) (store.User, error) {
	v, err := t.viewer(viewer)
	if err == nil && viewer != user && !v.Admin() {
		err = store.ErrForbidden
	}
	return v, err
}

// administrator returns the viewer, or ErrForbidden unless that is an administrator.
func (t *tx) administrator(viewer store.UserID) (store.User, error) {
	v, err := t.viewer(viewer)
	if err == nil && !v.Admin() {
		err = store.ErrForbidden
	}
	return v, err
}

// Users returns the people whose name or e-mail address contains some text. They are looked through here: databases disagree
// about letters beyond ASCII.
func (s *Store) Users(ctx context.Context, viewer store.UserID, containing string, limit int) ([]store.User, error) {
	wanted := folded(containing)
	return snapshot(ctx, s, "list people", func(t *tx) ([]store.User, error) {
		if _, err := t.administrator(viewer); err != nil {
			return nil, err
		}
		all, err := list(t, scanUser, selectUsers)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(u store.User) bool {
			return !strings.Contains(folded(u.Identity.Name), wanted) && !strings.Contains(folded(u.Identity.Email), wanted)
		})
		slices.SortFunc(all, func(a, b store.User) int {
			return cmp.Or(strings.Compare(folded(a.Identity.Name), folded(b.Identity.Name)), cmp.Compare(a.ID, b.ID))
		})
		return all[:min(len(all), max(limit, 0))], nil
	})
}

// SetUserActive lets a person in or locks them out, which also ends their logins.
func (s *Store) SetUserActive(ctx context.Context, viewer, user store.UserID, active bool) ([]store.LoginID, error) {
	return write(ctx, s, "set a person active", func(t *tx) ([]store.LoginID, error) {
		u, err := t.inOffice(viewer, user, active)
		if err != nil || u.Active == active {
			return nil, err
		}
		e := store.AuditEntry{Kind: store.AuditActivated, Actor: store.Person{ID: viewer}, Subject: u.Person()}
		if !active {
			e.Kind = store.AuditDeactivated
		}
		if err := t.audit(e); err != nil {
			return nil, err
		}
		var ended []store.LoginID
		if !active { // first, because then none of theirs is live
			ended, err = t.end(store.Ending{Cause: store.Deactivated, By: viewer}, `l.user_id = $1 AND `+live+` ORDER BY l.id`, user, millis(t.now))
			if err != nil {
				return nil, err
			}
		}
		_, err = t.exec(setActive, user, active)
		return ended, err
	})
}

// SetAdmin makes a person an administrator by hand, or no longer.
func (s *Store) SetAdmin(ctx context.Context, viewer, user store.UserID, admin bool) error {
	_, err := write(ctx, s, "set an administrator", func(t *tx) (struct{}, error) {
		u, err := t.inOffice(viewer, user, admin)
		if err != nil || u.AdminByHand == admin {
			return struct{}{}, err
		}
		if _, err := t.exec(setAdmin, user, admin); err != nil {
			return struct{}{}, err
		}
		e := store.AuditEntry{Kind: store.AuditAdminGranted, Actor: store.Person{ID: viewer}, Subject: u.Person(), Detail: "by hand"}
		if !admin {
			e.Kind = store.AuditAdminRevoked
		}
		return struct{}{}, t.audit(e)
	})
	return err
}

// inOffice returns a person about whom an administrator does something. gives says that it gives rather than takes: nobody
// takes from themselves, so that there is always somebody who can give it back.
func (t *tx) inOffice(viewer, user store.UserID, gives bool) (store.User, error) {
	if _, err := t.administrator(viewer); err != nil {
		return store.User{}, err
	}
	if viewer == user && !gives {
		return store.User{}, store.ErrConflict
	}
	return t.user(user)
}

// Standing returns all that a person may do, and why. Of somebody locked out it is what they could do if they were let in.
func (s *Store) Standing(ctx context.Context, viewer, user store.UserID) (store.Standing, error) {
	return snapshot(ctx, s, "read what a person may do", func(t *tx) (store.Standing, error) {
		var st store.Standing
		if _, err := t.mayActFor(viewer, user); err != nil {
			return st, err
		}
		var err error
		if st.User, err = t.user(user); err != nil {
			return st, err
		}
		text := selectStanding
		if viewer == store.Operator {
			text = selectAllStanding
		}
		rooms, err := list(t, scanRoom, text, viewer, user)
		if err != nil {
			return st, err
		}
		var reasons []reason
		for _, text := range []string{selectByHand, selectByClaim} {
			some, err := list(t, scanReason, text, user)
			if err != nil {
				return st, err
			}
			reasons = append(reasons, some...)
		}
		for _, r := range rooms {
			of := store.RoomReasons{Room: r}
			for _, why := range reasons {
				if why.room == r.ID {
					of.Reasons = append(of.Reasons, why.Reason)
				}
			}
			st.Rooms = append(st.Rooms, of)
		}
		return st, nil
	})
}

// reason is a reason with its room.
type reason struct {
	store.Reason
	room store.RoomID
}

func scanReason(row scanner) (r reason, err error) {
	var by sql.Null[store.UserID]
	var name sql.Null[string]
	err = row.Scan(&r.room, &r.Role, &r.Claim, &by, &name, moment{&r.At})
	r.By = store.Person{ID: by.V, Name: name.V}
	return r, err
}
