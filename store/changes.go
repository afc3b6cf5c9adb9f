package store

import (
	"context"
	"time"
)

// Seq is a change number: one counter for the whole workspace, taken inside the transaction that makes the change, so
// that commit order is number order and there are no holes.
type Seq int64

// ChangeKind says what a change was.
type ChangeKind string

// The kinds of change.
const (
	MessageCreated ChangeKind = "message.created"
	MessageEdited  ChangeKind = "message.edited"
	MessageDeleted ChangeKind = "message.deleted"
	RoomCreated    ChangeKind = "room.created"
	RoomChanged    ChangeKind = "room.changed"
	MemberSet      ChangeKind = "member.set"     // or what gives them their role has changed
	MemberRemoved  ChangeKind = "member.removed" // they may be a member still, by a claim or by hand
)

// Change is one committed change.
type Change struct {
	Seq  Seq
	Kind ChangeKind
	Room RoomID
	Slug string // the room's slug now
	// User is the member concerned, for the kinds about members.
	User UserID
	// Message is the message as it is now, not as it was at the change, for the kinds about messages.
	Message Message
	At      time.Time
}

// Changes is the log of everything that happened, in the order it was committed.
type Changes interface {
	// Head returns the newest committed change number.
	Head(ctx context.Context) (Seq, error)
	// ChangesSince returns up to limit changes after a number, oldest first, of all rooms: it is for the feed, which
	// delivers to those who may see. ErrGap if some have been pruned or after is beyond Head.
	ChangesSince(ctx context.Context, after Seq, limit int) ([]Change, error)
	// RoomChanges returns the changes of one room in (after, upTo], oldest first. ErrGap if there are more than limit, if
	// some have been pruned or if after is beyond upTo; ErrNotFound if the viewer may not see the room.
	RoomChanges(ctx context.Context, viewer UserID, room RoomID, after, upTo Seq, limit int) ([]Change, error)
	// PruneChanges forgets a change once it is older than before or once there are keep newer ones, whichever is first;
	// messages and rooms stay. It goes in steps that let other writes in between: an error may leave some of the changes
	// for the next call.
	PruneChanges(ctx context.Context, before time.Time, keep int) error
	// Committed receives the newest change number soon after this process has committed changes. Signals are merged: one
	// stands for any number of changes.
	Committed() <-chan Seq
}
