package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"letstalk/store"
)

// dialect is what differs between databases. The SQL text does not, but for what a batch begins with.
type dialect struct {
	goose      goose.Dialect
	migrations string // the folder of this dialect's migrations
	// locker lets one process at a time migrate; nil where the writer's transaction does that.
	locker func() (lock.SessionLocker, error)
	// open returns pools of connections to the database at an address, having checked that it leads to a database of ours
	// or to an empty one.
	open func(ctx context.Context, address string) (pools, error)
	// exists has an error if opening would make a database; nil where it never does.
	exists func(address string) error
	// name is how messages call the database at an address; it holds no secret.
	name func(address string) string

	// turn begins a batch: it keeps all other writers out until the end of the transaction, which makes commit order number
	// order, and answers with the newest change number and the time in milliseconds, 0 if this process's own clock is as
	// good. Where the database is shared it signs the batch: $1 is the writer, $2 the number of its batch.
	turn string
	// snapshot reads the database as it was at one moment.
	snapshot sql.TxOptions
	// instead has, by their common text, statements that this database wants in other words.
	instead map[string]string
	// prepares says that statements have to be kept prepared here; else the driver does.
	prepares bool
	// together says that it pays to post several messages by one statement.
	together bool
	// shared says that several processes may serve one database.
	shared bool

	// move is how a workspace is moved from or to such a database.
	move mover

	// isUnique reports whether the driver says that a UNIQUE constraint refused a row.
	isUnique func(error) bool
	// isNoText reports whether the driver says that some text is none; then nothing can be found by it.
	isNoText func(error) bool
	// passes reports whether what failed may work soon: the database restarts, another one takes over, a lock is held.
	passes func(error) bool
}

// pools are the connections to a database.
type pools struct {
	writer, readers *sql.DB
	migrator        *sql.DB // has no time-outs; may be the writer
}

func (p pools) close() error {
	// The writer goes last: SQLite's last connection to go folds the write-ahead log into the file.
	err := p.readers.Close()
	if p.migrator != p.writer {
		err = errors.Join(err, p.migrator.Close())
	}
	return errors.Join(err, p.writer.Close())
}

// dialects by the scheme of the database URL.
func dialects() map[string]dialect {
	return map[string]dialect{"sqlite": sqlite(), "postgres": postgres(), "postgresql": postgres()}
}

// wrap turns what a driver says into what package store promises. It is the only place that does.
func (s *Store) wrap(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows), s.dialect.isNoText(err):
		return store.ErrNotFound
	case isAnswer(err), errors.Is(err, store.ErrUnavailable):
		return err
	case s.dialect.isUnique(err):
		return store.ErrConflict
	case ctx.Err() != nil && context.Cause(ctx) == store.ErrUnavailable, ctx.Err() == nil && s.dialect.passes(err):
		return fmt.Errorf("%s: %w: %w", doing, store.ErrUnavailable, err)
	case ctx.Err() != nil:
		// A statement cut short by its context says "interrupted" or "done", depending on the moment.
		return ctx.Err()
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// isAnswer reports whether err is an answer to what was asked, found by a statement that worked.
func isAnswer(err error) bool {
	var invalid *store.InvalidError
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrForbidden) || errors.Is(err, store.ErrConflict) ||
		errors.Is(err, store.ErrGap) || errors.Is(err, errRepeated) || errors.As(err, &invalid)
}
