package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"letstalk/store"
)

// pool is a pool of connections that keeps the statements run most prepared.
type pool struct {
	*sql.DB
	stmts   map[string]*sql.Stmt // by their text; not written to after prepare
	instead map[string]string    // of the dialect
}

// refresh closes a connection that is not in use, so that the next one is made to whatever serves now.
func (p *pool) refresh() {
	p.SetMaxIdleConns(-1)
	p.SetMaxIdleConns(1)
}

func (p *pool) prepare(ctx context.Context, texts []string) error {
	p.stmts = make(map[string]*sql.Stmt, len(texts))
	for _, text := range texts {
		stmt, err := p.PrepareContext(ctx, text)
		if err != nil {
			return fmt.Errorf("prepare %q: %w", text, err)
		}
		p.stmts[text] = stmt
	}
	return nil
}

// read runs one statement that answers with one row, into dest.
func (s *Store) read(ctx context.Context, doing, text string, dest []any, args ...any) error {
	return s.try(ctx, doing, func(ctx context.Context) error {
		if stmt, ok := s.readers.stmts[text]; ok {
			return stmt.QueryRowContext(ctx, args...).Scan(dest...)
		}
		return s.readers.QueryRowContext(ctx, text, args...).Scan(dest...)
	})
}

// begin starts a transaction. The caller rolls it back in any case; that does nothing after a commit.
func (p *pool) begin(ctx context.Context, opts *sql.TxOptions) (*tx, error) {
	t, err := p.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &tx{Tx: t, ctx: ctx, pool: p, bound: map[string]*sql.Stmt{}}, nil
}

// tx is a transaction that uses the prepared statements of its pool.
type tx struct {
	*sql.Tx
	ctx   context.Context
	pool  *pool
	bound map[string]*sql.Stmt

	now     time.Time // of the batch
	seq     store.Seq // the last change number taken
	taken   []change  // the changes of those numbers, not yet written
	written bool      // something was written, or went wrong, since this was last reset
}

func (t *tx) stmt(text string) (*sql.Stmt, bool) {
	if stmt, ok := t.bound[text]; ok {
		return stmt, true
	}
	shared, ok := t.pool.stmts[text]
	if !ok {
		return nil, false
	}
	t.bound[text] = t.StmtContext(t.ctx, shared)
	return t.bound[text], true
}

// exec runs a statement that writes.
func (t *tx) exec(text string, args ...any) (affected int64, err error) {
	defer func() { t.written = t.written || err != nil || affected > 0 }()
	var res sql.Result
	if stmt, ok := t.stmt(text); ok {
		res, err = stmt.ExecContext(t.ctx, args...)
	} else {
		res, err = t.ExecContext(t.ctx, text, args...)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// returning runs a statement that writes and answers with a row.
func (t *tx) returning(text string, args ...any) *sql.Row {
	t.written = true
	return t.row(text, args...)
}

// row runs a statement that reads one row.
func (t *tx) row(text string, args ...any) *sql.Row {
	if stmt, ok := t.stmt(text); ok {
		return stmt.QueryRowContext(t.ctx, args...)
	}
	return t.QueryRowContext(t.ctx, text, args...)
}

func (t *tx) rows(text string, args ...any) (*sql.Rows, error) {
	if stmt, ok := t.stmt(text); ok {
		return stmt.QueryContext(t.ctx, args...)
	}
	if other, ok := t.pool.instead[text]; ok {
		text = other
	}
	return t.QueryContext(t.ctx, text, args...)
}

// scanner is a row about to be read.
type scanner interface{ Scan(dest ...any) error }

// list reads all rows of a query.
func list[T any](t *tx, scan func(scanner) (T, error), text string, args ...any) ([]T, error) {
	rows, err := t.rows(text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// snapshot runs f in a transaction that reads the database as it was at one moment.
func snapshot[T any](ctx context.Context, s *Store, doing string, f func(*tx) (T, error)) (T, error) {
	var v T
	err := s.try(ctx, doing, func(ctx context.Context) error {
		t, err := s.readers.begin(ctx, &s.dialect.snapshot)
		if err != nil {
			return err
		}
		defer t.Rollback()
		v, err = f(t)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return v, nil
}

// try runs a read, again if what failed passes and there is time.
func (s *Store) try(ctx context.Context, doing string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, store.ErrUnavailable)
	defer cancel()
	for pause := firstPause; ; pause = nextPause(pause) {
		err := f(ctx)
		if err == nil || !s.dialect.passes(err) || !wait(ctx, pause) {
			return s.wrap(ctx, doing, err)
		}
	}
}

// millis keeps a time as milliseconds since 1970 and the zero time as NULL.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// moment reads what millis wrote.
type moment struct{ to *time.Time }

// Scan implements sql.Scanner.
func (m moment) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m.to = time.Time{}
	case int64:
		*m.to = time.UnixMilli(v).UTC()
	default:
		return fmt.Errorf("a time is milliseconds, not %T", v)
	}
	return nil
}

// span reads a duration that is kept as milliseconds.
type span struct{ to *time.Duration }

// Scan implements sql.Scanner.
func (s span) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a duration is milliseconds, not %T", v)
	}
	*s.to = time.Duration(n) * time.Millisecond
	return nil
}

// clock is the present as the store keeps it, by the database's clock if it has one.
func (s *Store) clock() time.Time { return time.UnixMilli(s.now().UnixMilli() + s.ahead.Load()).UTC() }
