package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
)

// mover is what moving needs of a dialect.
type mover struct {
	// alone opens one connection to the database at an address and keeps everybody else who would serve or move it away
	// until it is closed. A source has to be there already.
	alone func(ctx context.Context, address string, source bool) (*sql.DB, error)
	// leave ends that before the connection is closed; empty if closing does.
	leave string
	// same reports whether two addresses lead to one database.
	same func(a, b string) bool
	// columns lists the columns of all tables: table, column, type, and whether its numbers never come back.
	columns string
	// loosen takes away from empty tables what slows their filling down, and returns the statements that bring it back; nil
	// if there is nothing to gain.
	loosen func(ctx context.Context, to *end) ([]string, error)
	// fill writes rows into a table.
	fill func(ctx context.Context, to *end, t table, rows *reader) error
	// finish is what is run after all is committed, for speed alone; empty for nothing.
	finish string
	// mark is the highest number that a table has given out, and setMark makes it so.
	mark    func(ctx context.Context, tx *sql.Tx, t table) (int64, error)
	setMark func(ctx context.Context, tx *sql.Tx, t table, mark int64) error
}

// end is one of the two databases of a move: nobody else uses it, and one transaction does everything.
type end struct {
	dialect       dialect
	address, name string
	db            *sql.DB
	conn          *sql.Conn
	tx            *sql.Tx
	tables        []table // those that are moved
}

func newEnd(databaseURL string) (*end, error) {
	d, address, err := dialectOf(databaseURL)
	if err != nil {
		return nil, err
	}
	return &end{dialect: d, address: address, name: d.name(address)}, nil
}

// openSource opens a workspace to be read, as it is at one moment.
func (e *end) openSource(ctx context.Context) (err error) {
	if e.db, err = e.dialect.move.alone(ctx, e.address, true); err != nil {
		return err
	}
	if err := e.sound(ctx); err != nil {
		return err
	}
	if err := e.begin(ctx, &e.dialect.snapshot); err != nil {
		return err
	}
	empty, err := e.empty(ctx, "workspace")
	if err == nil && empty {
		return e.nothing()
	}
	return err
}

func (e *end) nothing() error {
	return fmt.Errorf("the database %s holds no workspace: is the database URL the right one?", e.name)
}

// sound makes sure that the schema of a source is the one this binary knows.
func (e *end) sound(ctx context.Context) error {
	// Asked for versions, goose makes a table for them.
	tables, err := e.schema(ctx, e.db)
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		return e.nothing()
	}
	have, know, err := e.versions(ctx)
	if err == nil && have < know {
		return fmt.Errorf("the database %s is one of an older Let's Talk (schema %d, this binary knows %d): start this version with it once, stop it, and move again",
			e.name, have, know)
	}
	return err
}

// versions returns the version of the schema and the newest that this binary knows, and an error if it doesn't know it.
func (e *end) versions(ctx context.Context) (have, know int64, err error) {
	p, err := e.dialect.provider(e.db)
	if err != nil {
		return 0, 0, err
	}
	have, know, err = p.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("the schema of the database %s can't be read: %w", e.name, err)
	}
	if have > know {
		return 0, 0, fmt.Errorf("the database %s was written by a newer Let's Talk (schema %d, this binary knows %d): move with that one",
			e.name, have, know)
	}
	return have, know, nil
}

// openTarget opens an empty database and makes its tables.
func (e *end) openTarget(ctx context.Context) (err error) {
	if e.db, err = e.dialect.move.alone(ctx, e.address, false); err != nil {
		return err
	}
	if err := e.dialect.migrate(ctx, e.db, e.address, false); err != nil {
		return err
	}
	if _, _, err := e.versions(ctx); err != nil {
		return err
	}
	if err := e.begin(ctx, nil); err != nil {
		return err
	}
	for _, t := range e.tables {
		if empty, err := e.empty(ctx, t.name); err != nil {
			return err
		} else if !empty {
			return fmt.Errorf("the database %s is not empty (%s has rows): name an empty one, for nothing is ever overwritten", e.name, t.name)
		}
	}
	return nil
}

// begin starts the transaction. It is not for ctx to end it, so that nobody needs to ask whether a commit was one.
func (e *end) begin(ctx context.Context, opts *sql.TxOptions) (err error) {
	if e.conn, err = e.db.Conn(ctx); err != nil {
		return err
	}
	if e.tx, err = e.conn.BeginTx(context.WithoutCancel(ctx), opts); err != nil {
		return err
	}
	e.tables, err = e.schema(ctx, e.tx)
	return err
}

// empty reports whether a table holds nothing but what a migration puts into it.
func (e *end) empty(ctx context.Context, name string) (bool, error) {
	text := `SELECT NOT EXISTS (SELECT 1 FROM ` + quote(name)
	if content, ok := seeded[name]; ok {
		text += ` WHERE ` + content
	}
	var empty bool
	err := e.tx.QueryRowContext(ctx, text+`)`).Scan(&empty)
	return empty, err
}

// loosen makes the tables ready to be filled and returns what is to be done after that.
func (e *end) loosen(ctx context.Context) (tighten []string, err error) {
	for name := range seeded {
		if err := e.exec(ctx, `DELETE FROM `+quote(name)); err != nil {
			return nil, err
		}
	}
	if e.dialect.move.loosen == nil {
		return nil, nil
	}
	return e.dialect.move.loosen(ctx, e)
}

func (e *end) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := e.tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// marks returns the highest number ever given out by each table that gives none twice.
func (e *end) marks(ctx context.Context) (map[string]int64, error) {
	marks := map[string]int64{}
	for _, t := range e.tables {
		if t.counted == "" {
			continue
		}
		mark, err := e.dialect.move.mark(ctx, e.tx, t)
		if err != nil {
			return nil, fmt.Errorf("reading the highest number of %s: %w", t.name, err)
		}
		// Somebody may have put rows in by hand.
		var highest int64
		text := `SELECT coalesce(max(` + quote(t.counted) + `), 0) FROM ` + quote(t.name)
		if err := e.tx.QueryRowContext(ctx, text).Scan(&highest); err != nil {
			return nil, err
		}
		marks[t.name] = max(mark, highest)
	}
	return marks, nil
}

func (e *end) setMarks(ctx context.Context, marks map[string]int64) error {
	for _, t := range e.tables {
		if t.counted == "" {
			continue
		}
		if err := e.dialect.move.setMark(ctx, e.tx, t, marks[t.name]); err != nil {
			return fmt.Errorf("setting the highest number of %s: %w", t.name, err)
		}
	}
	return nil
}

// close lets others in again. What was not committed is gone.
func (e *end) close() {
	if e.tx != nil {
		_ = e.tx.Rollback()
	}
	if e.conn != nil {
		_ = e.conn.Close()
	}
	if e.db == nil {
		return
	}
	if e.dialect.move.leave != "" {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_, _ = e.db.ExecContext(ctx, e.dialect.move.leave)
	}
	_ = e.db.Close()
}
