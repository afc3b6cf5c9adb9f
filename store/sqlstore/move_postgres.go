package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

func postgresMover() mover {
	return mover{
		alone: alonePostgres,
		leave: `SELECT pg_advisory_unlock_all()`,
		same:  func(a, b string) bool { return postgresName(a) == postgresName(b) },
		columns: `
			SELECT t.relname::text, c.attname::text, format_type(c.atttypid, c.atttypmod), c.attidentity <> ''
			FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_attribute c ON c.attrelid = t.oid
			WHERE n.nspname = current_schema() AND t.relkind IN ('r', 'p') AND c.attnum > 0 AND NOT c.attisdropped`,
		loosen:  loosenPostgres,
		finish:  `ANALYZE`, // or plans would be made for empty tables, for a minute
		fill:    fillPostgres,
		mark:    postgresMark,
		setMark: setPostgresMark,
	}
}

// errServed is why a workspace can't be moved.
var errServed = errors.New("a running Let's Talk uses it: stop that one first")

func alonePostgres(ctx context.Context, address string, _ bool) (*sql.DB, error) {
	config, err := parsePostgres(address)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(claimAlone))
	db.SetMaxOpenConns(1)
	if err := awaitAlone(ctx, db, postgresName(address)); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// awaitAlone waits a while: the server may not yet have noticed that a program has gone that served the workspace.
func awaitAlone(ctx context.Context, db *sql.DB, name string) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := firstPause; ; pause = nextPause(pause) {
		err := awaitPostgres(ctx, db, name)
		if !errors.Is(err, errServed) {
			return err
		}
		if !wait(waiting, pause) {
			return fmt.Errorf("the database %s can't be moved: %w", name, errServed)
		}
	}
}

// claimAlone keeps those who serve the workspace away, and takes as long as it takes, whatever the URL and the server's
// settings say.
func claimAlone(ctx context.Context, conn *pgx.Conn) error {
	var mine bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, claim).Scan(&mine); err != nil {
		return err
	}
	if !mine {
		return errServed
	}
	_, err := conn.Exec(ctx, `SELECT set_config(name, '0', FALSE) FROM pg_settings WHERE name IN ('statement_timeout',
		'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')`)
	return err
}

// loosenPostgres takes the foreign keys away. Tables can be filled in any order then, and checking all rows at the end takes
// a fraction of the time that it takes one by one.
func loosenPostgres(ctx context.Context, to *end) (tighten []string, err error) {
	rows, err := to.tx.QueryContext(ctx, `
		SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(k.oid)
		FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
		WHERE n.nspname = current_schema() AND contype = 'f' ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var drop []string
	for rows.Next() {
		var table, name, definition string
		if err := rows.Scan(&table, &name, &definition); err != nil {
			return nil, err
		}
		drop = append(drop, fmt.Sprintf(`ALTER TABLE %s DROP CONSTRAINT %s`, table, name))
		tighten = append(tighten, fmt.Sprintf(`ALTER TABLE %s ADD CONSTRAINT %s %s`, table, name, definition))
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	// The planner knows nothing of new rows until it is told.
	for _, t := range to.tables {
		tighten = append(tighten, `ANALYZE `+quote(t.name))
	}
	return tighten, to.exec(ctx, drop...)
}

func fillPostgres(ctx context.Context, to *end, t table, rows *reader) error {
	var names []string
	for _, c := range t.columns {
		names = append(names, c.name)
	}
	return to.conn.Raw(func(conn any) error {
		_, err := conn.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{t.name}, names, rows)
		return err
	})
}

// sequence is the name of the sequence that counts a column, as it stands in SQL.
func sequence(ctx context.Context, tx *sql.Tx, t table) (name string, err error) {
	err = tx.QueryRowContext(ctx, `SELECT pg_get_serial_sequence($1, $2)`, quote(t.name), t.counted).Scan(&name)
	return name, err
}

func postgresMark(ctx context.Context, tx *sql.Tx, t table) (mark int64, err error) {
	name, err := sequence(ctx, tx, t)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM `+name).Scan(&mark)
	return mark, err
}

// setPostgresMark uses no setval, which would stay after a rollback.
func setPostgresMark(ctx context.Context, tx *sql.Tx, t table, mark int64) error {
	restart := fmt.Sprintf(`ALTER TABLE %s ALTER COLUMN %s RESTART WITH %d`, quote(t.name), quote(t.counted), max(mark, 1))
	if _, err := tx.ExecContext(ctx, restart); err != nil || mark == 0 {
		return err
	}
	name, err := sequence(ctx, tx, t)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `SELECT nextval($1::text::regclass)`, name)
	return err
}
