// Package store says what Let's Talk keeps and what can be asked of it: the domain types, the sentinel errors and the
// interfaces every store fulfils. Package storetest holds the proof, package sqlstore the one implementation.
//
// Whoever reads or writes content says on whose behalf, so that authorisation can't be forgotten: what a person may not
// see is [ErrNotFound] to them, never a different answer.
package store

import "context"

// Store is everything Let's Talk keeps. All methods may be called from several goroutines at once; a method that
// returned without an error has made its change durable, one that returned an error has changed nothing. The exception is
// the error of a context that ended while the method waited: the change may yet happen.
type Store interface {
	Users
	Logins
	Rehearsals
	Sessions
	Rooms
	Messages
	Changes
	Audit
	Nodes

	// Epoch is a number that moves with every write of this process after which a person, login, session, room or
	// membership may read differently, before that write returns; messages do not move it. What was read in the same epoch
	// can have become another answer only by other processes or by time; see [Recent].
	Epoch() uint64
	// Outdate moves the epoch, because another process is known to have written.
	Outdate()
	// Workspace names the data for ever, wherever it is kept: 26 letters and digits.
	Workspace() string
	// Shared reports whether several processes may serve the workspace at the same time.
	Shared() bool
	// Ping reports whether the store can answer now.
	Ping(ctx context.Context) error
	// Close waits for writes under way and lets go of the database.
	Close() error
}
