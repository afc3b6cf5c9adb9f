package sqlstore

import (
	"database/sql"
	"errors"
	"slices"

	"letstalk/store"
)

const (
	setAdminClaim = `UPDATE users SET admin_claim = $2 WHERE id = $1`
	selectGrants  = `SELECT room_id, role, claim FROM grants WHERE user_id = $1 ORDER BY room_id`
	selectByName  = `SELECT r.id FROM rooms r WHERE r.slug_key = $1`
	// upsertGrant keeps the time of a grant of which only the claim's words are new.
	upsertGrant = `
		INSERT INTO grants (room_id, user_id, role, claim, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role, claim = excluded.claim,
			at = CASE WHEN grants.role = excluded.role THEN grants.at ELSE excluded.at END`
	deleteGrant = `DELETE FROM grants WHERE room_id = $1 AND user_id = $2`
)

// grant is a row of grants.
type grant struct {
	room  store.RoomID
	role  store.Role
	claim string
}

func scanGrant(row scanner) (g grant, err error) {
	err = row.Scan(&g.room, &g.role, &g.claim)
	return g, err
}

// give makes what claims give a person be what a says, nothing else. login is where the claims came from. Nil changes
// nothing.
func (t *tx) give(user store.User, a *store.Access, login store.LoginID) error {
	if a == nil {
		return nil
	}
	if err := t.giveAdmin(user, decoration(a.Admin), login); err != nil {
		return err
	}
	before, err := list(t, scanGrant, selectGrants, user.ID)
	if err != nil {
		return err
	}
	now, err := t.grants(a.Rooms, login)
	if err != nil {
		return err
	}
	for _, g := range before {
		if slices.ContainsFunc(now, func(n grant) bool { return n.room == g.room }) {
			continue
		}
		if _, err := t.exec(deleteGrant, g.room, user.ID); err != nil {
			return err
		}
		if err := t.granted(store.MemberRemoved, store.AuditMemberRemoved, user, g, login); err != nil {
			return err
		}
	}
	for _, g := range now {
		i := slices.IndexFunc(before, func(b grant) bool { return b.room == g.room })
		if i >= 0 && before[i] == g {
			continue
		}
		if _, err := t.exec(upsertGrant, g.room, user.ID, g.role, g.claim, millis(t.now)); err != nil {
			return err
		}
		if i >= 0 && before[i].role == g.role {
			continue // said in other words
		}
		if err := t.granted(store.MemberSet, store.AuditMemberSet, user, g, login); err != nil {
			return err
		}
	}
	return nil
}

// granted tells everybody of a grant that came or went.
func (t *tx) granted(kind store.ChangeKind, audit store.AuditKind, user store.User, g grant, login store.LoginID) error {
	t.record(kind, g.room, 0, user.ID)
	return t.audit(store.AuditEntry{Kind: audit, Subject: user.Person(), Room: g.room, Login: login, Detail: string(g.role), Claim: g.claim})
}

// giveAdmin keeps the claim that makes a person an administrator, if one does.
func (t *tx) giveAdmin(user store.User, claim string, login store.LoginID) error {
	if user.AdminClaim == claim {
		return nil
	}
	if _, err := t.exec(setAdminClaim, user.ID, claim); err != nil {
		return err
	}
	was := user.Admin()
	e := store.AuditEntry{Kind: store.AuditAdminGranted, Subject: user.Person(), Login: login, Claim: claim}
	if was {
		e.Kind, e.Claim = store.AuditAdminRevoked, user.AdminClaim
	}
	if user.AdminClaim = claim; user.Admin() == was {
		return nil
	}
	return t.audit(e)
}

// grants finds the rooms of grants, and makes those that are not there. A grant that names no room there could be gives
// nothing; of several for one room the strongest counts.
func (t *tx) grants(all []store.Grant, login store.LoginID) ([]grant, error) {
	var found []grant
	for _, g := range all {
		n, err := store.NewRoom{Name: g.Room, Visibility: store.Private}.Check()
		if err != nil || g.Role != store.Member && g.Role != store.Moderator {
			continue
		}
		room, err := t.roomNamed(n, decoration(g.Claim), login)
		if err != nil {
			return nil, err
		}
		one := grant{room, g.Role, decoration(g.Claim)}
		switch i := slices.IndexFunc(found, func(f grant) bool { return f.room == room }); {
		case i < 0:
			found = append(found, one)
		case found[i].role == store.Member && one.role == store.Moderator:
			found[i] = one
		}
	}
	return found, nil
}

// roomNamed finds a room by its name, or makes it.
func (t *tx) roomNamed(n store.NewRoom, claim string, login store.LoginID) (id store.RoomID, err error) {
	err = t.row(selectByName, slugKey(store.Slug(n.Name))).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	r, err := t.makeRoom(n, store.AuditEntry{Login: login, Claim: claim})
	return r.ID, err
}
