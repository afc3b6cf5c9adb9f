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
	stmts map[string]*sql.Stmt // by their text; not written to after prepare
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

// read runs one statement that answers with one row.
func (p *pool) read(ctx context.Context, text string, args ...any) *sql.Row {
	if stmt, ok := p.stmts[text]; ok {
		return stmt.QueryRowContext(ctx, args...)
	}
	return p.QueryRowContext(ctx, text, args...)
}

// begin starts a transaction. The caller rolls it back in any case; that does nothing after a commit.
func (p *pool) begin(ctx context.Context, readOnly bool) (*tx, error) {
	t, err := p.BeginTx(ctx, &sql.TxOptions{ReadOnly: readOnly})
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

	now      time.Time // of the write under way
	changed  bool      // a change number was taken, though it may have been given back
	counting bool      // the counter was read into
	seq      store.Seq // the last number taken
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

func (t *tx) exec(text string, args ...any) (affected int64, err error) {
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
	var none T
	t, err := s.readers.begin(ctx, true)
	if err != nil {
		return none, s.wrap(ctx, doing, err)
	}
	defer t.Rollback()
	v, err := f(t)
	if err != nil {
		return none, s.wrap(ctx, doing, err)
	}
	return v, nil
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

// clock is the present as the store keeps it.
func (s *Store) clock() time.Time { return time.UnixMilli(s.now().UnixMilli()).UTC() }
