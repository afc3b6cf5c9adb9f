package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"letstalk/store"
)

// postsTogether is how many messages one statement posts, if there are as many: on PostgreSQL most of the time of a single
// one goes into starting it.
const (
	postsTogether = 16
	postWidth     = 7
)

// insertMessages posts several. It answers with fewer rows, or fails, if one of them can't be posted.
var insertMessages = func() string {
	var rows []string
	for i := range postsTogether {
		args := make([]any, postWidth)
		for k := range args {
			args[k] = fmt.Sprint("$", i*postWidth+k+1)
		}
		rows = append(rows, fmt.Sprintf(`(%[3]s, (SELECT r.id FROM rooms r WHERE r.id = %[2]s AND `+
			strings.ReplaceAll(maySee, "$1", "%[1]s")+`), %[1]s, %[4]s, %[5]s, %[6]s, %[7]s)`, args...))
	}
	return `INSERT INTO messages (id, room_id, author_id, nonce, posted, body, created_at) VALUES ` + strings.Join(rows, ", ") +
		` ON CONFLICT (author_id, nonce) DO NOTHING RETURNING id, (SELECT u.name FROM users u WHERE u.id = author_id)`
}()

// posting is a message on its way in.
type posting struct {
	viewer  store.UserID
	room    store.RoomID
	draft   store.Draft
	posted  []byte        // its fingerprint
	message store.Message // as it was posted
}

// at gives the message a number, and returns what the statements that post it want to know.
func (p *posting) at(t *tx, id store.MessageID) []any {
	p.message = store.Message{ID: id, Room: p.room, Author: store.Person{ID: p.viewer}, Body: p.draft.Body, CreatedAt: t.now}
	return []any{p.viewer, p.room, id, p.draft.Nonce, p.posted, p.draft.Body, millis(t.now)}
}

// post posts a message by itself.
func (t *tx) post(p *posting) error {
	err := t.row(insertMessage, p.at(t, store.MessageID(t.next()))...).Scan(&p.message.Author.Name)
	if errors.Is(err, sql.ErrNoRows) {
		if _, err = t.visible(p.viewer, p.room); err == nil {
			err = errRepeated
		}
	}
	if err == nil {
		t.record(store.MessageCreated, p.room, p.message.ID, 0)
	}
	return err
}

// postTogether posts postsTogether messages. If it fails the transaction is spoilt.
func (t *tx) postTogether(posts []*posting) error {
	args := make([]any, 0, postsTogether*postWidth)
	for i, p := range posts {
		args = append(args, p.at(t, store.MessageID(t.next())+store.MessageID(i))...)
	}
	names := map[store.MessageID]string{}
	_, err := list(t, func(row scanner) (struct{}, error) {
		var id store.MessageID
		var name string
		err := row.Scan(&id, &name)
		names[id] = name
		return struct{}{}, err
	}, insertMessages, args...)
	if err != nil {
		return err
	}
	if len(names) < len(posts) {
		return errSpoilt
	}
	for _, p := range posts {
		p.message.Author.Name = names[p.message.ID]
		t.record(store.MessageCreated, p.room, p.message.ID, 0)
	}
	return nil
}
