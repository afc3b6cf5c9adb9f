package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"letstalk/store"
)

const (
	updateSeq    = `UPDATE counter SET value = $1`
	intoChanges  = `INSERT INTO changes (seq, room_id, kind, message_id, user_id, at) VALUES `
	insertChange = intoChanges + `($1, $2, $3, $4, $5, $6)`
	selectSpan   = `SELECT value, pruned FROM counter`

	changeColumns = `c.seq, c.kind, c.room_id, r.slug, c.user_id, c.at, ` + maybeColumns
	fromChanges   = `
		FROM changes c JOIN rooms r ON r.id = c.room_id LEFT JOIN messages m ON m.id = c.message_id LEFT JOIN users u ON u.id = m.author_id`
	selectChanges = `SELECT ` + changeColumns + fromChanges + `
		WHERE c.seq > $1 ORDER BY c.seq LIMIT $2 + 0`
	selectRoomChanges = `SELECT ` + changeColumns + fromChanges + `
		WHERE c.room_id = $1 AND c.seq > $2 AND c.seq <= $3 ORDER BY c.seq LIMIT $4 + 0`
)

// changesTogether is how many changes one statement writes, if there are as many: fewer statements make batches shorter.
const (
	changesTogether = 16
	changeWidth     = 6
)

var insertChanges = intoChanges + rowsOf(changeWidth, changesTogether)

// change is a row of changes. message and user are zero where the kind is not about one.
type change struct {
	seq     store.Seq
	room    store.RoomID
	kind    store.ChangeKind
	message store.MessageID
	user    store.UserID
}

func (c change) args(at time.Time) []any {
	return []any{c.seq, c.room, c.kind,
		sql.Null[int64]{V: int64(c.message), Valid: c.message != 0}, sql.Null[int64]{V: int64(c.user), Valid: c.user != 0}, millis(at)}
}

// next returns the next change number. It is taken by recording a change; nobody else counts meanwhile.
func (t *tx) next() store.Seq { return t.seq + 1 }

// record takes the next number for a change. Both are written at the end of the batch.
func (t *tx) record(kind store.ChangeKind, room store.RoomID, message store.MessageID, user store.UserID) {
	t.seq = t.next()
	t.taken = append(t.taken, change{t.seq, room, kind, message, user})
	t.written = true
}

// count writes the numbers and changes taken.
func (t *tx) count() error {
	if len(t.taken) == 0 {
		return nil
	}
	rest := t.taken
	for ; len(rest) >= changesTogether; rest = rest[changesTogether:] {
		args := make([]any, 0, changesTogether*changeWidth)
		for _, c := range rest[:changesTogether] {
			args = append(args, c.args(t.now)...)
		}
		if _, err := t.exec(insertChanges, args...); err != nil {
			return err
		}
	}
	for _, c := range rest {
		if _, err := t.exec(insertChange, c.args(t.now)...); err != nil {
			return err
		}
	}
	_, err := t.exec(updateSeq, t.seq)
	return err
}

// Head returns the newest committed change number.
func (s *Store) Head(ctx context.Context) (store.Seq, error) {
	var head, pruned store.Seq
	err := s.read(ctx, "read the change number", selectSpan, []any{&head, &pruned})
	return head, err
}

// ChangesSince returns up to limit changes of all rooms after a number, with their messages as of the same moment.
func (s *Store) ChangesSince(ctx context.Context, after store.Seq, limit int) ([]store.Change, error) {
	changes, err := snapshot(ctx, s, "read changes", func(t *tx) ([]store.Change, error) {
		if _, err := t.reachable(after); err != nil {
			return nil, err
		}
		return list(t, scanChange, selectChanges, after, max(limit, 0))
	})
	// Another process may have made them; its writes move no epoch here.
	if slices.ContainsFunc(changes, func(c store.Change) bool { return c.Message.ID == 0 }) {
		s.Outdate()
	}
	return changes, err
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
