package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func sqliteMover() mover {
	return mover{
		alone: aloneSQLite,
		same:  sameFile,
		columns: `
			SELECT t.name, c.name, c.type, c.pk AND t.sql LIKE '%AUTOINCREMENT%'
			FROM sqlite_schema t JOIN pragma_table_info(t.name) c
			WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite^_%' ESCAPE '^'`,
		fill:    fillSQLite,
		mark:    sqliteMark,
		setMark: setSQLiteMark,
	}
}

// alonePragmas are for the one connection of a move. The exclusive lock keeps all others out: a program that serves the
// file has it open in WAL mode, and so holds a shared lock as long as it runs. The journal of a new file holds next to
// nothing, so everything can be one transaction: a move that was cut short is undone by whoever opens the file next.
var alonePragmas = []string{
	"locking_mode(EXCLUSIVE)",
	"synchronous(EXTRA)",
	"cache_size(-16384)", // KiB; some indexes are filled all over the place
	"foreign_keys(0)",    // what is copied is compared with what obeyed them
}

func aloneSQLite(ctx context.Context, path string, source bool) (*sql.DB, error) {
	if source {
		if err := existsSQLite(path); err != nil {
			return nil, err
		}
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the database %s can't be found: %w", path, err)
	}
	db, err := sql.Open("sqlite", sqliteDSN(abs, "exclusive", alonePragmas))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	err = checkContents(ctx, db, path)
	if err == nil {
		err = lockSQLite(ctx, db, path)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// lockSQLite takes the lock, which the connection keeps until it is closed.
func lockSQLite(ctx context.Context, db *sql.DB, path string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return sqliteTrouble(path, err)
	}
	return tx.Rollback()
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return filepath.Clean(a) == filepath.Clean(b)
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// rowsTogether is how many rows one statement writes, if there are as many. The driver's work for a statement grows with
// the square of its arguments, and is least for arguments without a number.
const rowsTogether = 8

func fillSQLite(ctx context.Context, to *end, t table, rows *reader) error {
	row := ", (" + strings.Repeat(", ?", len(t.columns))[2:] + ")"
	// Anything but a rollback would have SQLite keep a journal of each statement, which doubles the time.
	insert := func(n int) string {
		return `INSERT OR ROLLBACK INTO ` + quote(t.name) + ` (` + t.names() + `) VALUES ` + strings.Repeat(row, n)[2:]
	}
	many, err := to.tx.PrepareContext(ctx, insert(rowsTogether))
	if err != nil {
		return err
	}
	defer many.Close()
	args := make([]any, 0, rowsTogether*len(t.columns))
	for rows.Next() {
		values, _ := rows.Values()
		if args = append(args, values...); len(args) < cap(args) {
			continue
		}
		if _, err := many.ExecContext(ctx, args...); err != nil {
			return err
		}
		args = args[:0]
	}
	if len(args) == 0 || rows.Err() != nil {
		return nil
	}
	_, err = to.tx.ExecContext(ctx, insert(len(args)/len(t.columns)), args...)
	return err
}

func sqliteMark(ctx context.Context, tx *sql.Tx, t table) (mark int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = $1`, t.name).Scan(&mark)
	return mark, err
}

func setSQLiteMark(ctx context.Context, tx *sql.Tx, t table, mark int64) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM sqlite_sequence WHERE name = $1`, t.name); err != nil || mark == 0 {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)`, t.name, mark)
	return err
}
