package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"letstalk/store"
)

const (
	messageColumns = `m.id, m.room_id, m.author_id, u.name, m.body, m.created_at, m.edited_at, m.deleted_at`
	fromMessages   = ` FROM messages m JOIN users u ON u.id = m.author_id `

	// selectView answers whether there is a room to look at and what the newest change is.
	selectView = `SELECT c.value FROM rooms r CROSS JOIN counter c WHERE r.id = $2 AND ` + maySee
	// A limit that is a bare parameter makes SQLite prepare the statement anew each time; a sum does not.
	selectOlder = `SELECT ` + messageColumns + fromMessages + `WHERE m.room_id = $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3 + 0`
	selectNewer = `SELECT ` + messageColumns + fromMessages + `WHERE m.room_id = $1 AND m.id > $2 ORDER BY m.id LIMIT $3 + 0`

	// selectOne also answers whether the viewer may change what others wrote in the room.
	selectOne = `SELECT ` + messageColumns + `, ` + moderates + fromMessages + `JOIN rooms r ON r.id = m.room_id
		WHERE m.id = $3 AND m.room_id = $2 AND ` + maySee
	selectFirst = `SELECT ` + messageColumns + `, m.posted` + fromMessages + `JOIN rooms r ON r.id = m.room_id
		WHERE m.author_id = $1 AND m.nonce = $2 AND ` + maySee

	// insertMessage answers with the author's name. It answers with nothing if the author may not see the room, and if the
	// nonce was used before.
	insertMessage = `
		INSERT INTO messages (id, room_id, author_id, nonce, posted, body, created_at)
		SELECT $3, r.id, u.id, $4, $5, $6, $7 FROM rooms r JOIN users u ON u.id = $1 WHERE r.id = $2 AND ` + maySee + `
		ON CONFLICT (author_id, nonce) DO NOTHING RETURNING (SELECT u.name FROM users u WHERE u.id = author_id)`
	updateBody = `UPDATE messages SET body = $2, edited_at = $3 WHERE id = $1`
	deleteBody = `UPDATE messages SET body = '', deleted_at = $2 WHERE id = $1`
)

// Messages returns a part of a room's history. Its cost depends on the page, not on the room.
func (s *Store) Messages(ctx context.Context, viewer store.UserID, room store.RoomID, page store.Page) (store.History, error) {
	// Ids start at 1, so this means the same; it keeps the arithmetic below from running over.
	if page.Before < 0 {
		page.Before = 1
	}
	page.After = min(page.After, math.MaxInt64-1)
	limit := min(page.Limit, store.MaxPage)
	if limit <= 0 {
		limit = 50
	}
	return snapshot(ctx, s, "read messages", func(t *tx) (store.History, error) {
		var h store.History
		if err := t.row(selectView, viewer, room).Scan(&h.Seq); err != nil {
			return h, err
		}
		var err error
		switch {
		case page.Around != 0:
			// One side and the message first, so that an even limit leaves the odd one to the older side.
			if h.Messages, h.Older, err = t.older(room, page.Around+1, limit/2+1); err != nil {
				return h, err
			}
			if n := len(h.Messages); n == 0 || h.Messages[n-1].ID != page.Around {
				return h, store.ErrNotFound
			}
			var newer []store.Message
			newer, h.Newer, err = t.newer(room, page.Around, limit-limit/2-1)
			h.Messages = append(h.Messages, newer...)
		case page.After != 0:
			if h.Messages, h.Newer, err = t.newer(room, page.After, limit); err == nil {
				_, h.Older, err = t.older(room, page.After+1, 0)
			}
		case page.Before != 0:
			if h.Messages, h.Older, err = t.older(room, page.Before, limit); err == nil {
				_, h.Newer, err = t.newer(room, page.Before-1, 0)
			}
		default:
			h.Messages, h.Older, err = t.older(room, math.MaxInt64, limit)
		}
		return h, err
	})
}

// older returns up to limit messages before one, oldest first, and whether there are more before them.
func (t *tx) older(room store.RoomID, before store.MessageID, limit int) (found []store.Message, more bool, err error) {
	found, err = list(t, scanMessage, selectOlder, room, before, limit+1)
	if len(found) > limit {
		found, more = found[:limit], true
	}
	slices.Reverse(found)
	return found, more, err
}

// newer returns up to limit messages after one, oldest first, and whether there are more after them.
func (t *tx) newer(room store.RoomID, after store.MessageID, limit int) (found []store.Message, more bool, err error) {
	found, err = list(t, scanMessage, selectNewer, room, after, limit+1)
	if len(found) > limit {
		found, more = found[:limit], true
	}
	return found, more, err
}

// Message returns one message of a room.
func (s *Store) Message(ctx context.Context, viewer store.UserID, room store.RoomID, id store.MessageID) (store.Message, error) {
	var m store.Message
	var moderator bool
	dest := append(messageDest(&m), &moderator)
	if err := s.read(ctx, "read a message", selectOne, dest, viewer, room, id); err != nil {
		return store.Message{}, err
	}
	return m, nil
}

// errRepeated tells CreateMessage that the author has used the nonce before.
var errRepeated = errors.New("repeated nonce")

// CreateMessage posts.
func (s *Store) CreateMessage(ctx context.Context, viewer store.UserID, room store.RoomID, d store.Draft) (store.Message, error) {
	d, err := d.Check()
	if err != nil {
		return store.Message{}, err
	}
	p := &posting{viewer: viewer, room: room, draft: d, posted: fingerprint(d.Body)}
	m, err := post(ctx, s, p)
	if errors.Is(err, errRepeated) {
		return s.first(ctx, viewer, room, d.Nonce, p.posted)
	}
	return m, err
}

// first returns what the author posted with a nonce before, or ErrConflict if that was something else.
func (s *Store) first(ctx context.Context, viewer store.UserID, room store.RoomID, nonce string, posted []byte) (store.Message, error) {
	var m store.Message
	var before []byte
	if err := s.read(ctx, "read a repeated message", selectFirst, append(messageDest(&m), &before), viewer, nonce); err != nil {
		// The author may since have lost the room that message is in; then it was in another one, or the write says so.
		if errors.Is(err, store.ErrNotFound) {
			err = store.ErrConflict
		}
		return store.Message{}, err
	}
	if m.Room != room || !slices.Equal(before, posted) {
		return store.Message{}, store.ErrConflict
	}
	return m, nil
}

// fingerprint tells words from others after they were edited or deleted. It is short, so that it says little about them.
func fingerprint(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return sum[:8]
}

// EditMessage replaces the text.
func (s *Store) EditMessage(
	ctx context.Context, viewer store.UserID, room store.RoomID, id store.MessageID, body string,
) (store.Message, error) {
	body, err := store.CleanBody(body)
	if err != nil {
		return store.Message{}, err
	}
	return writeInEpoch(ctx, s, "edit a message", func(t *tx) (store.Message, error) {
		m, err := t.changeable(viewer, room, id)
		switch {
		case err != nil:
			return m, err
		case m.Deleted():
			return m, store.ErrConflict
		case m.Body == body:
			return m, nil
		}
		m.Body, m.EditedAt = body, t.now
		if _, err := t.exec(updateBody, id, body, millis(t.now)); err != nil {
			return m, err
		}
		t.record(store.MessageEdited, room, id, 0)
		return m, t.meddled(store.AuditMessageEdited, viewer, m)
	})
}

// DeleteMessage takes the message back.
func (s *Store) DeleteMessage(ctx context.Context, viewer store.UserID, room store.RoomID, id store.MessageID) (store.Message, error) {
	return writeInEpoch(ctx, s, "delete a message", func(t *tx) (store.Message, error) {
		m, err := t.changeable(viewer, room, id)
		if err != nil || m.Deleted() {
			return m, err
		}
		m.Body, m.DeletedAt = "", t.now
		if _, err := t.exec(deleteBody, id, millis(t.now)); err != nil {
			return m, err
		}
		t.record(store.MessageDeleted, room, id, 0)
		return m, t.meddled(store.AuditMessageGone, viewer, m)
	})
}

// meddled notes who changed what another one wrote. The words are not in the log.
func (t *tx) meddled(kind store.AuditKind, viewer store.UserID, m store.Message) error {
	if viewer == m.Author.ID {
		return nil
	}
	return t.audit(store.AuditEntry{Kind: kind, Actor: store.Person{ID: viewer}, Subject: m.Author, Room: m.Room, Message: m.ID})
}

// changeable returns a message the viewer may edit and delete.
func (t *tx) changeable(viewer store.UserID, room store.RoomID, id store.MessageID) (store.Message, error) {
	var m store.Message
	var moderator bool
	if err := t.row(selectOne, viewer, room, id).Scan(append(messageDest(&m), &moderator)...); err != nil {
		return m, err
	}
	if m.Author.ID != viewer && !moderator {
		return m, store.ErrForbidden
	}
	return m, nil
}

func messageDest(m *store.Message) []any {
	return []any{&m.ID, &m.Room, &m.Author.ID, &m.Author.Name, &m.Body,
		moment{&m.CreatedAt}, moment{&m.EditedAt}, moment{&m.DeletedAt}}
}

func scanMessage(row scanner) (store.Message, error) {
	var m store.Message
	err := row.Scan(messageDest(&m)...)
	return m, err
}

// maybeColumns are those of a message that an outer join may not have found, without its room.
const maybeColumns = `m.id, m.author_id, u.name, m.body, m.created_at, m.edited_at, m.deleted_at`

// maybeMessage reads maybeColumns.
type maybeMessage struct {
	id         sql.Null[store.MessageID]
	author     sql.Null[store.UserID]
	name, body sql.Null[string]

	created, edited, deleted time.Time
}

func (r *maybeMessage) dest() []any {
	return []any{&r.id, &r.author, &r.name, &r.body, moment{&r.created}, moment{&r.edited}, moment{&r.deleted}}
}

// message returns the message, the zero one if there was none.
func (r *maybeMessage) message(room store.RoomID) store.Message {
	if !r.id.Valid {
		return store.Message{}
	}
	return store.Message{
		ID: r.id.V, Room: room, Author: store.Person{ID: r.author.V, Name: r.name.V}, Body: r.body.V,
		CreatedAt: r.created, EditedAt: r.edited, DeletedAt: r.deleted,
	}
}
