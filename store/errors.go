package store

import "errors"

// The errors callers can tell apart with errors.Is. Anything else is a fault of the store or of its disk.
var (
	// ErrNotFound is the answer for what does not exist and, alike, for what the viewer may not see.
	ErrNotFound = errors.New("not found")
	// ErrForbidden is the answer for what the viewer may see but not do.
	ErrForbidden = errors.New("forbidden")
	// ErrConflict is the answer when the present state does not allow the change.
	ErrConflict = errors.New("conflict")
	// ErrGap is the answer when changes can't be replayed without a hole: too many of them, already pruned, or
	// asked for with a cursor from the future.
	ErrGap = errors.New("change log cannot be replayed from there")
	// ErrUnavailable is the answer when the database did not answer in time, for about 5 s: it restarts, another one takes
	// over, the network is down. As after the end of a context, a change may yet happen.
	ErrUnavailable = errors.New("database is unavailable")
)

// InvalidError says which field of a draft can't be accepted and why, in words for the person who wrote it.
type InvalidError struct {
	Field  string // the form field, for example "body"
	Reason string // a sentence without the field's name, for example "Write something first."
}

func (e *InvalidError) Error() string { return "invalid " + e.Field + ": " + e.Reason }
