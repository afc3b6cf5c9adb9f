package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"letstalk/store"
)

const (
	selectSeq    = `SELECT value FROM counter`
	updateSeq    = `UPDATE counter SET value = $1`
	insertChange = `INSERT INTO changes (seq, room_id, kind, message_id, user_id, at) VALUES ($1, $2, $3, $4, $5, $6)`
	selectSpan   = `SELECT value, pruned FROM counter`

	changeColumns = `c.seq, c.kind, c.room_id, r.slug, c.user_id, c.at, ` + maybeColumns
	selectChanges = `SELECT ` + changeColumns + `
		FROM changes c JOIN rooms r ON r.id = c.room_id LEFT JOIN messages m ON m.id = c.message_id LEFT JOIN users u ON u.id = m.author_id
		WHERE c.seq > $1 ORDER BY c.seq LIMIT $2 + 0`
	selectRoomChanges = `SELECT ` + changeColumns + `
		FROM changes c JOIN rooms r ON r.id = c.room_id LEFT JOIN messages m ON m.id = c.message_id LEFT JOIN users u ON u.id = m.author_id
		WHERE c.room_id = $1 AND c.seq > $2 AND c.seq <= $3 ORDER BY c.seq LIMIT $4 + 0`
)

// next takes the next change number. It is counted in memory for the whole batch and written with its commit; that nobody
// else counts meanwhile is what makes commit order number order.
func (t *tx) next() (store.Seq, error) {
	if !t.counting {
		if err := t.row(selectSeq).Scan(&t.seq); err != nil {
			return 0, err
		}
		t.counting = true
	}
	t.changed = true
	t.seq++
	return t.seq, nil
}

// count writes the numbers taken.
func (t *tx) count() error {
	if !t.counting {
		return nil
	}
	_, err := t.exec(updateSeq, t.seq)
	return err
}

// record writes a change that took seq. message and user are zero where the kind is not about one.
func (t *tx) record(seq store.Seq, kind store.ChangeKind, room store.RoomID, message store.MessageID, user store.UserID) error {
	_, err := t.exec(insertChange, seq, room, kind,
		sql.Null[int64]{V: int64(message), Valid: message != 0}, sql.Null[int64]{V: int64(user), Valid: user != 0}, millis(t.now))
	return err
}

// change takes a number and writes the change.
func (t *tx) change(kind store.ChangeKind, room store.RoomID, message store.MessageID, user store.UserID) error {
	seq, err := t.next()
	if err != nil {
		return err
	}
	return t.record(seq, kind, room, message, user)
}

// Head returns the newest committed change number.
func (s *Store) Head(ctx context.Context) (store.Seq, error) {
	var head, pruned store.Seq
	err := s.readers.read(ctx, selectSpan).Scan(&head, &pruned)
	return head, s.wrap(ctx, "read the change number", err)
}

// ChangesSince returns up to limit changes of all rooms after a number, with their messages as of the same moment.
func (s *Store) ChangesSince(ctx context.Context, after store.Seq, limit int) ([]store.Change, error) {
	return snapshot(ctx, s, "read changes", func(t *tx) ([]store.Change, error) {
		if _, err := t.reachable(after); err != nil {
			return nil, err
		}
		return list(t, scanChange, selectChanges, after, max(limit, 0))
	})
}

// RoomChanges returns the changes of one room in (after, upTo].
func (s *Store) RoomChanges(
	ctx context.Context, viewer store.UserID, room store.RoomID, after, upTo store.Seq, limit int,
) ([]store.Change, error) {
	return snapshot(ctx, s, "read a room's changes", func(t *tx) ([]store.Change, error) {
		if _, err := t.visible(viewer, room); err != nil {
			return nil, err
		}
		if _, err := t.reachable(after); err != nil {
			return nil, err
		}
		if after > upTo {
			return nil, store.ErrGap
		}
		limit = max(limit, 0)
		changes, err := list(t, scanChange, selectRoomChanges, room, after, upTo, limit+1)
		if err != nil {
			return nil, err
		}
		if len(changes) > limit {
			return nil, store.ErrGap
		}
		return changes, nil
	})
}

// reachable returns the head, or ErrGap if the changes after a number are not all there or not yet.
func (t *tx) reachable(after store.Seq) (head store.Seq, err error) {
	var pruned store.Seq
	if err := t.row(selectSpan).Scan(&head, &pruned); err != nil {
		return 0, err
	}
	if after < pruned || after > head {
		return 0, store.ErrGap
	}
	return head, nil
}

func scanChange(row scanner) (store.Change, error) {
	var c store.Change
	var user sql.Null[store.UserID]
	var m maybeMessage
	err := row.Scan(append([]any{&c.Seq, &c.Kind, &c.Room, &c.Slug, &user, moment{&c.At}}, m.dest()...)...)
	c.User, c.Message = user.V, m.message(c.Room)
	return c, err
}

// pruneStep is how many changes one write forgets, so that nobody's message waits long behind it.
const pruneStep = 1000

// PruneChanges forgets the changes that are older than before or that have keep newer ones, in steps.
func (s *Store) PruneChanges(ctx context.Context, before time.Time, keep int) error {
	for {
		more, err := writeInEpoch(ctx, s, "prune changes", func(t *tx) (bool, error) { return t.prune(before, store.Seq(max(keep, 0))) })
		if err != nil || !more {
			return err
		}
	}
}

// prune forgets up to pruneStep changes from the far end and reports whether there are more to forget.
func (t *tx) prune(before time.Time, keep store.Seq) (more bool, err error) {
	var head, pruned store.Seq
	if err := t.row(selectSpan).Scan(&head, &pruned); err != nil {
		return false, err
	}
	end := min(pruned+pruneStep, head)
	// Clocks go back now and then: what is kept starts at the first change that is young enough, and has no hole.
	var young sql.Null[store.Seq]
	err = t.row(`SELECT min(seq) FROM changes WHERE seq > $1 AND seq <= $2 AND at >= $3`,
		head-keep, end, before.UnixMilli()).Scan(&young)
	if err != nil {
		return false, err
	}
	if young.Valid {
		end = young.V - 1
	}
	if end <= pruned {
		return false, nil
	}
	if _, err := t.exec(`DELETE FROM changes WHERE seq <= $1`, end); err != nil {
		return false, err
	}
	_, err = t.exec(`UPDATE counter SET pruned = $1`, end)
	return !young.Valid && end < head, err
}
