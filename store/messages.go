package store

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxBody is how many characters a message may have.
const MaxBody = 8000

// MaxNonce is how many bytes a nonce may have.
const MaxNonce = 64

// MaxPage is how many messages one page of history holds at most.
const MaxPage = 100

// MessageID is the change number that created the message; later messages have higher ids.
type MessageID int64

// Message is something said in a room.
type Message struct {
	ID        MessageID
	Room      RoomID
	Author    Person
	Body      string // Markdown as it was typed, CRLF turned into LF; empty once deleted
	CreatedAt time.Time
	EditedAt  time.Time // zero if never edited
	DeletedAt time.Time // zero unless deleted
}

// Edited reports whether the author changed the message after posting it.
func (m Message) Edited() bool { return !m.EditedAt.IsZero() }

// Deleted reports whether the message was taken back. It keeps its place, its words are gone.
func (m Message) Deleted() bool { return !m.DeletedAt.IsZero() }

// Draft is a message about to be posted.
type Draft struct {
	Body  string
	Nonce string // chosen by the browser, the same for each try at the same message
}

// CleanBody returns a message's text as it is kept: CRLF and CR turned into LF, blank edges trimmed. An *InvalidError
// tells the writer what is wrong with text that can't be kept.
func CleanBody(body string) (string, error) {
	if !utf8.ValidString(body) || strings.ContainsRune(body, 0) {
		return "", &InvalidError{"body", "This text has bytes that are no characters. Remove them and try again."}
	}
	body = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(body)
	// Leading spaces are Markdown (an indented code block), so only blank lines go at the front.
	body = strings.TrimRight(body, " \t\n\v\f\u0085\u00a0\u2028\u2029")
	for {
		line, rest, found := strings.Cut(body, "\n")
		if !found || strings.TrimSpace(line) != "" {
			break
		}
		body = rest
	}
	switch n := utf8.RuneCountInString(body); {
	case blank(body):
		return "", &InvalidError{"body", "Write something first."}
	case n > MaxBody:
		return "", &InvalidError{"body", "This is too long: a message has at most 8,000 characters. Split it in two."}
	}
	return body, nil
}

// blank reports whether a reader would see nothing at all.
func blank(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !isInvisible(r) }) < 0
}

// Check returns the draft as it is kept, or an *InvalidError.
func (d Draft) Check() (Draft, error) {
	if d.Nonce == "" || len(d.Nonce) > MaxNonce || !utf8.ValidString(d.Nonce) || strings.ContainsRune(d.Nonce, 0) {
		return d, &InvalidError{"nonce", "The form has lost its number. Reload the page and try again."}
	}
	var err error
	d.Body, err = CleanBody(d.Body)
	return d, err
}

// Page says which part of a room's history is wanted. At most one of Before, After and Around is set; none means the
// newest messages.
type Page struct {
	Before MessageID // messages older than this one
	After  MessageID // messages newer than this one
	Around MessageID // this message with about as many on both sides; ErrNotFound if the room has no such message
	Limit  int       // 1 to MaxPage, more is MaxPage; zero or less for 50
}

// History is a part of a room's messages, oldest first, as of one moment.
type History struct {
	Messages []Message
	Older    bool // there are messages before the first
	Newer    bool // there are messages after the last
	Seq      Seq  // the newest change this snapshot includes
}

// Messages keeps what was said.
type Messages interface {
	// Messages returns a part of a room's history. ErrNotFound if the viewer may not see the room.
	Messages(ctx context.Context, viewer UserID, room RoomID, page Page) (History, error)
	// Message returns one message of a room, or ErrNotFound.
	Message(ctx context.Context, viewer UserID, room RoomID, id MessageID) (Message, error)
	// CreateMessage posts. The same viewer, nonce, room and text again returns the first result and posts nothing; the
	// same nonce with other words or in another room is ErrConflict. ErrNotFound if the viewer may not see the room.
	CreateMessage(ctx context.Context, viewer UserID, room RoomID, d Draft) (Message, error)
	// EditMessage replaces the text. Only the author and the room's moderators may, others get ErrForbidden; a deleted
	// message is ErrConflict. The same text again changes nothing.
	EditMessage(ctx context.Context, viewer UserID, room RoomID, id MessageID, body string) (Message, error)
	// DeleteMessage takes the message back: its words are gone from the store, its place stays. Same rights as editing;
	// deleting twice does nothing more.
	DeleteMessage(ctx context.Context, viewer UserID, room RoomID, id MessageID) (Message, error)
}
