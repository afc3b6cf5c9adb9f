package store

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// RoomID names a room for ever; its slug may change.
type RoomID int64

// Visibility says who may enter a room.
type Visibility string

const (
	// Open rooms may be entered by everybody who is signed in.
	Open Visibility = "open"
	// Private rooms exist for their members only.
	Private Visibility = "private"
)

// Role is what a member may do in a room.
type Role string

const (
	// Member may read and write.
	Member Role = "member"
	// Moderator may also edit and delete what others wrote.
	Moderator Role = "moderator"
)

// MaxRoomName is how many characters a room's name may have.
const MaxRoomName = 80

// Room is a place to talk.
type Room struct {
	ID         RoomID
	Slug       string // the room's part of a URL: letters, digits and dashes; unique without regard to case
	Name       string
	Topic      string
	Visibility Visibility
	CreatedAt  time.Time
	Demand     Demand
	// Moderator says that the viewer the room was read for moderates it: by hand, by a claim, or as an administrator.
	Moderator bool
}

// RoomState is a room and how far it has come.
type RoomState struct {
	Room
	// Seq is the newest change committed, in whatever room.
	Seq Seq
	// Changed moves with every change of this room: as long as it stays the same, so do the room's messages.
	Changed Seq
}

// RoomSummary is a room with the last thing said in it.
type RoomSummary struct {
	Room
	// Last is the newest message that is not deleted; its ID is zero if there is none.
	Last Message
}

// NewRoom is a room about to be made.
type NewRoom struct {
	Name       string
	Topic      string
	Visibility Visibility
}

// Slug returns the URL part a room of that name gets: runs of anything but letters and digits become one dash. It is
// empty if the name has neither.
func Slug(name string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return !isSlugRune(r) }) {
		if b.Len() > 0 {
			b.WriteByte('-')
		}
		b.WriteString(word)
	}
	return b.String()
}

// Check returns the room with its name and topic trimmed, or an *InvalidError.
func (n NewRoom) Check() (NewRoom, error) {
	n.Name, n.Topic = strings.TrimSpace(n.Name), strings.TrimSpace(n.Topic)
	switch {
	case !utf8.ValidString(n.Name) || Slug(n.Name) == "":
		return n, &InvalidError{"name", "A room's name needs at least one letter or digit."}
	case utf8.RuneCountInString(n.Name) > MaxRoomName:
		return n, &InvalidError{"name", "A room's name has at most 80 characters."}
	case strings.ContainsFunc(n.Name, unicode.IsControl):
		return n, &InvalidError{"name", "A room's name is one line of text."}
	case !utf8.ValidString(n.Topic) || strings.ContainsRune(n.Topic, 0):
		return n, &InvalidError{"topic", "This text has bytes that are no characters. Remove them and try again."}
	case n.Visibility != Open && n.Visibility != Private:
		return n, &InvalidError{"visibility", "A room is open or private."}
	}
	return n, nil
}

// Rooms keeps the rooms and who belongs to them.
type Rooms interface {
	// Rooms returns the rooms the viewer may enter, in the order they were made.
	Rooms(ctx context.Context, viewer UserID) ([]RoomSummary, error)
	// Room returns a room the viewer may enter by its slug, without regard to case; else ErrNotFound.
	Room(ctx context.Context, viewer UserID, slug string) (Room, error)
	// RoomState returns what Room does, and how far the room has come, as of one moment.
	RoomState(ctx context.Context, viewer UserID, slug string) (RoomState, error)
	// CreateRoom makes a room of which creator is moderator. ErrConflict if the slug is taken, *InvalidError if the name
	// can't be, ErrForbidden if the creator is unknown or locked out.
	CreateRoom(ctx context.Context, creator UserID, r NewRoom) (Room, error)
	// EnsureRooms makes open rooms of those names if the store has no room at all: the first start of a workspace. Blank
	// and repeated names are skipped; one that can't be a room's is *InvalidError at any start, and no room is made.
	EnsureRooms(ctx context.Context, names []string) error
	// SetDemand changes how sure the room wants to be of who enters. Only a moderator of the room may: ErrForbidden for
	// others who may see it; *InvalidError if the demand can't be.
	SetDemand(ctx context.Context, viewer UserID, room RoomID, d Demand) error
	// SetMember gives a person a role in a room, by hand. Only a moderator of the room may: ErrForbidden for other members,
	// ErrNotFound for those who may not see the room and for an unknown person, *InvalidError for an unknown role. The role
	// somebody has already changes nothing.
	SetMember(ctx context.Context, viewer UserID, room RoomID, user UserID, role Role) error
	// RemoveMember takes back what SetMember gave; allowed to moderators and to the person. It does nothing about somebody
	// who was given nothing by hand: what a claim gives, the provider takes away.
	RemoveMember(ctx context.Context, viewer UserID, room RoomID, user UserID) error
}
