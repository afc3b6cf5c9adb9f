package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"

	"letstalk/store"
)

// dialect is what differs between databases. The SQL text does not.
type dialect struct {
	goose      goose.Dialect
	migrations string // the folder of this dialect's migrations
	// open returns the pool of the one writer and that of the readers, having checked that the address leads to a
	// database of ours or to an empty one.
	open func(ctx context.Context, address string) (writer, readers *sql.DB, err error)
	// isUnique reports whether the driver says that a UNIQUE constraint refused a row.
	isUnique func(error) bool
}

// dialects by the scheme of the database URL.
func dialects() map[string]dialect {
	return map[string]dialect{"sqlite": sqlite()}
}

// wrap turns what a driver says into what package store promises. It is the only place that does.
func (s *Store) wrap(ctx context.Context, doing string, err error) error {
	var invalid *store.InvalidError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrForbidden), errors.Is(err, store.ErrConflict),
		errors.Is(err, store.ErrGap), errors.Is(err, errRepeated), errors.As(err, &invalid):
		return err
	case s.dialect.isUnique(err):
		return store.ErrConflict
	case ctx.Err() != nil:
		// A statement cut short by its context says "interrupted" or "done", depending on the moment.
		return ctx.Err()
	}
	return fmt.Errorf("%s: %w", doing, err)
}
