package store

import (
	"context"
	"fmt"
	"time"
)

// AuditKind says what an audit entry tells of.
type AuditKind string

// The kinds of audit entries.
const (
	AuditSignedIn      AuditKind = "signin"
	AuditRenewed       AuditKind = "signin.renewed" // the same person in the same browser, again
	AuditSignInRefused AuditKind = "signin.refused"
	AuditSignedOut     AuditKind = "signout"
	AuditLogoutRefused AuditKind = "logout.refused" // a logout token that did not pass
	AuditMemberSet     AuditKind = "member.set"
	AuditMemberRemoved AuditKind = "member.removed"
	AuditAdminGranted  AuditKind = "admin.granted"
	AuditAdminRevoked  AuditKind = "admin.revoked"
	AuditDeactivated   AuditKind = "person.deactivated"
	AuditActivated     AuditKind = "person.activated"
	AuditRoomMade      AuditKind = "room.made"
	AuditRoomChanged   AuditKind = "room.changed"
	AuditMessageEdited AuditKind = "message.edited" // by somebody else than its author
	AuditMessageGone   AuditKind = "message.deleted"
	AuditExported      AuditKind = "audit.exported"
)

// AuditKinds are all kinds, in the order in which people choose among them.
var AuditKinds = []AuditKind{
	AuditSignedIn, AuditRenewed, AuditSignInRefused, AuditSignedOut, AuditLogoutRefused,
	AuditMemberSet, AuditMemberRemoved, AuditAdminGranted, AuditAdminRevoked, AuditDeactivated, AuditActivated,
	AuditRoomMade, AuditRoomChanged, AuditMessageEdited, AuditMessageGone, AuditExported,
}

// AuditEntry is a row of the audit log. It holds no message's text and no token. Names are as they were then.
type AuditEntry struct {
	ID      int64 // 1 for the first, without holes
	At      time.Time
	Kind    AuditKind
	Actor   Person // who did it; the zero Person for nobody in particular, Operator for whoever runs the program
	Subject Person // whom it was done to, or who came and went
	Room    RoomID // zero for none
	Place   string // the room's name
	Message MessageID
	Login   LoginID
	Address string // the address it came from
	Detail  string // the cause, reason, role or count, in words
	Claim   string // the claim behind it

	Before string // the hash of the entry before, 64 hexadecimal digits; zeros for the first
	Hash   string // SHA-256 over Before and all of the above, see package sqlstore
}

// AuditQuery says which entries are wanted; zero fields want all.
type AuditQuery struct {
	Kind   AuditKind
	User   UserID // as actor or subject
	Room   RoomID
	From   time.Time // at or after
	To     time.Time // before
	Before int64     // with lower ids
	Limit  int       // 1 to 500; else 100
}

// AuditHead is how far the log has come. Noted down elsewhere it proves later that nothing before it was changed or cut off.
type AuditHead struct {
	ID   int64
	Hash string
}

// BrokenAuditError says where the log stops being what was written.
type BrokenAuditError struct {
	ID     int64 // of the first entry that can't be trusted
	Reason string
}

func (e *BrokenAuditError) Error() string {
	return fmt.Sprintf("the audit log can't be trusted from entry %d on: %s", e.ID, e.Reason)
}

// Audit is the log of who was let in, of what they were given, and of what was done about others. It only grows.
type Audit interface {
	// RecordAudit appends what happened outside the store: refusals and exports. ID, At and the hashes are filled in.
	RecordAudit(ctx context.Context, e AuditEntry) error
	// AuditEntries returns entries, newest first. ErrForbidden unless the viewer is an administrator or Operator.
	AuditEntries(ctx context.Context, viewer UserID, q AuditQuery) ([]AuditEntry, error)
	// EachAuditEntry calls f with all entries, oldest first, as of one moment, until it fails. It is for the machine's
	// operator; there is no viewer.
	EachAuditEntry(ctx context.Context, f func(AuditEntry) error) error
	// VerifyAudit reads all entries and returns the head, or a *BrokenAuditError.
	VerifyAudit(ctx context.Context) (AuditHead, error)
}
