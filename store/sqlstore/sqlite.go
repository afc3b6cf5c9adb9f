package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

func sqlite() dialect {
	return dialect{
		goose:      goose.DialectSQLite3,
		migrations: "sqlite",
		open:       openSQLite,
		exists:     existsSQLite,
		name:       func(path string) string { return path },
		turn:       `SELECT value, 0 FROM counter`, // the writer's transactions are immediate
		snapshot:   sql.TxOptions{ReadOnly: true},
		prepares:   true,
		move:       sqliteMover(),
		isUnique:   func(err error) bool { return sqliteCode(err) == codes.SQLITE_CONSTRAINT_UNIQUE },
		isNoText:   func(error) bool { return false },
		passes:     func(error) bool { return false },
	}
}

// Pragmas belong to every connection of a pool, so they travel in the DSN. busy_timeout comes first because the others
// may have to wait for another process.
var (
	writerPragmas = []string{
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		"foreign_keys(1)",
		"secure_delete(1)", // the words of a deleted message leave the file, too
	}
	readerPragmas = []string{
		"busy_timeout(10000)",
		"query_only(1)",
	}
)

// openSQLite opens the file at path, which it creates if there is none. Its errors are for the person who set the path.
func openSQLite(ctx context.Context, path string) (pools, error) {
	if err := checkPath(path); err != nil {
		return pools{}, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return pools{}, fmt.Errorf("the database %s can't be found: %w", path, err)
	}
	writer, err := sql.Open("sqlite", sqliteDSN(abs, "immediate", writerPragmas))
	if err != nil {
		return pools{}, err
	}
	writer.SetMaxOpenConns(1)
	if err := checkContents(ctx, writer, path); err != nil {
		return pools{}, errors.Join(err, writer.Close())
	}
	readers, err := sql.Open("sqlite", sqliteDSN(abs, "deferred", readerPragmas))
	if err != nil {
		return pools{}, errors.Join(err, writer.Close())
	}
	n := min(8, 2*runtime.NumCPU())
	readers.SetMaxOpenConns(n)
	readers.SetMaxIdleConns(n)
	return pools{writer: writer, readers: readers, migrator: writer}, nil
}

// sqliteDSN names an existing file: mode=rw keeps a connection made later from starting an empty database where the old
// one was taken away.
func sqliteDSN(abs, lock string, pragmas []string) string {
	q := url.Values{"mode": {"rw"}, "_txlock": {lock}, "_pragma": pragmas}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: q.Encode()}).String()
}

func existsSQLite(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database %s: is the database URL the right one?", path)
	}
	return nil
}

// checkPath makes sure that there is a file which may be read and written.
func checkPath(path string) error {
	if path == "" || strings.HasPrefix(path, ":memory:") || strings.HasPrefix(path, "file:") {
		return fmt.Errorf("the database URL sqlite:%s names no file: write sqlite:letstalk.db or sqlite:/full/path", path)
	}
	if strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///") {
		return fmt.Errorf("the database URL sqlite:%s has a host: write sqlite:%s or sqlite:/full/path", path, path[2:])
	}
	if dir := filepath.Dir(path); !isDir(dir) {
		return fmt.Errorf("the database %s can't be made: there is no folder %s; make it or choose another path", path, dir)
	}
	if isDir(path) {
		return fmt.Errorf("the database %s is a folder: name a file in it, such as %s", path, filepath.Join(path, "letstalk.db"))
	}
	// Only this user: the file holds everything everybody said.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return cannotWrite(path, err)
	}
	return f.Close()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func cannotWrite(path string, err error) error {
	var inner *fs.PathError
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return fmt.Errorf("the database %s can't be written: %w; let this user write the file and its folder %s, or choose another path",
		path, err, filepath.Dir(path))
}

// checkContents makes sure that the file is a database of ours, or empty.
func checkContents(ctx context.Context, db *sql.DB, path string) error {
	var others, ours int
	err := db.QueryRowContext(ctx, `
		SELECT count(*) FILTER (WHERE name <> 'goose_db_version'), count(*) FILTER (WHERE name IN ('workspace', 'counter'))
		FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`).Scan(&others, &ours)
	switch {
	case err != nil:
		return sqliteTrouble(path, err)
	case others > 0 && ours < 2:
		return fmt.Errorf("the database %s holds the data of another program: choose another path", path)
	}
	return nil
}

// sqliteTrouble is why the file can't be used, for the person who set the path.
func sqliteTrouble(path string, err error) error {
	switch sqliteCode(err) & 0xff {
	case codes.SQLITE_NOTADB:
		return fmt.Errorf("the file %s is not an SQLite database: move it away or choose another path", path)
	case codes.SQLITE_CORRUPT:
		return fmt.Errorf("the database %s is damaged: restore a backup (%w)", path, err)
	case codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return cannotWrite(path, err)
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("the database %s is in use by another program: stop that one first (%w)", path, err)
	}
	return fmt.Errorf("the database %s can't be opened: %w", path, err)
}

// sqliteCode is SQLite's extended result code, 0 if err is not SQLite's.
func sqliteCode(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}
