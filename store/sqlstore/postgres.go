package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"letstalk/store"
)

// minPostgres is the oldest server that is taken, as it counts versions.
const minPostgres = 150000

// postgresReaders is how many connections one process reads over at most. With the writer's and, at a start, one that
// migrates, that is what it takes of the server's max_connections.
const postgresReaders = 16

// stalled is how long a transaction may stand still before the server ends it: a process that was stopped in the middle of
// one, or has lost its network, keeps all the others from writing.
const stalled = 2 * time.Second

// postgresNow is the server's time, in milliseconds.
const postgresNow = `(extract(epoch FROM clock_timestamp()) * 1000)::bigint`

// postgresPlans has statements planned once, and for what they are: a few rows, found by an index and in its order. Planning
// anew each time took as long as doing it, compiling longer; and for tables that have grown since they were looked at the
// planner would rather read them whole.
var postgresPlans = map[string]string{
	"plan_cache_mode":   "force_generic_plan",
	"jit":               "off",
	"enable_bitmapscan": "off",
	"enable_hashjoin":   "off",
	"enable_mergejoin":  "off",
}

// claim is the advisory lock that every process shares that serves the workspace. Who moves it takes it alone.
const claim = 0x6c65747374616c6b // "letstalk"

func postgres() dialect {
	return dialect{
		goose:      goose.DialectPostgres,
		migrations: "postgres",
		// Asked for every second, for five minutes.
		locker: func() (lock.SessionLocker, error) {
			return lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		},
		open: openPostgres,
		name: postgresName,
		turn: `WITH signed AS (
				INSERT INTO writers (writer, batch, at) VALUES ($1, $2, ` + postgresNow + `)
				ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, at = excluded.at)
			SELECT value, ` + postgresNow + ` FROM counter FOR UPDATE`,
		snapshot: sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		instead:  postgresWords,
		together: true,
		shared:   true,
		move:     postgresMover(),
		isUnique: func(err error) bool { return postgresCode(err) == "23505" },
		// character_not_in_repertoire, untranslatable_character
		isNoText: func(err error) bool { code := postgresCode(err); return code == "22021" || code == "22P05" },
		passes:   postgresPasses,
	}
}

// parsePostgres reads a URL without its scheme. Its errors are for the person who set the URL, and do not hold its password.
func parsePostgres(address string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig("postgres:" + address)
	if err != nil {
		// What pgx says of a URL it can't parse may hold parts of it.
		var parse *pgconn.ParseConfigError
		reason := ""
		if errors.As(err, &parse) && errors.Unwrap(parse) != nil && !strings.Contains(parse.Error(), "parse \"") {
			reason = ": " + oneLine(errors.Unwrap(parse).Error())
		}
		return nil, fmt.Errorf("the database URL is none that PostgreSQL knows: write postgres://USER:PASSWORD@HOST:5432/DATABASE%s", reason)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = patience
	}
	fallback(config, "application_name", "letstalk")
	return config, nil
}

// postgresWords ask for a part of one room's rows as for a range of the index by room and number, in its order. Asked for a
// room that is equal, the planner may go by number alone through the rows of all rooms, which for a quiet room is without
// end. SQLite, which knows no better than to take the index, would make less of the range.
var postgresWords = map[string]string{
	selectOlder: `SELECT ` + messageColumns + fromMessages + `
		WHERE m.room_id >= $1 AND (m.room_id, m.id) < ($1, $2) ORDER BY m.room_id DESC, m.id DESC LIMIT $3 + 0`,
	selectNewer: `SELECT ` + messageColumns + fromMessages + `
		WHERE m.room_id <= $1 AND (m.room_id, m.id) > ($1, $2) ORDER BY m.room_id, m.id LIMIT $3 + 0`,
	selectRoomChanges: `SELECT ` + changeColumns + fromChanges + `
		WHERE (c.room_id, c.seq) > ($1, $2) AND (c.room_id, c.seq) <= ($1, $3) ORDER BY c.room_id, c.seq LIMIT $4 + 0`,
}

// openPostgres opens the database at a URL without its scheme. Its errors are like those of parsePostgres.
func openPostgres(ctx context.Context, address string) (pools, error) {
	config, err := parsePostgres(address)
	if err != nil {
		return pools{}, err
	}
	fallback(config, "statement_timeout", millisText(patience))
	fallback(config, "idle_in_transaction_session_timeout", millisText(stalled))
	for name, value := range postgresPlans {
		fallback(config, name, value)
	}
	unbounded := config.Copy()
	unbounded.RuntimeParams["statement_timeout"] = "0"
	unbounded.RuntimeParams["idle_in_transaction_session_timeout"] = "0"

	p := pools{writer: connect(config), readers: connect(config), migrator: connect(unbounded)}
	p.writer.SetMaxOpenConns(1)
	p.readers.SetMaxOpenConns(postgresReaders)
	p.readers.SetMaxIdleConns(postgresReaders)
	p.migrator.SetMaxIdleConns(-1)
	if err := awaitPostgres(ctx, p.migrator, postgresName(address)); err != nil {
		return pools{}, errors.Join(err, p.close())
	}
	return p, nil
}

func fallback(config *pgx.ConnConfig, name, value string) {
	if config.RuntimeParams[name] == "" {
		config.RuntimeParams[name] = value
	}
}

func millisText(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// errMoving is why a server can't use a workspace.
var errMoving = errors.New("it is being moved to another database: wait until that is done")

func connect(config *pgx.ConnConfig) *sql.DB {
	return stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		var mine bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock_shared($1)`, claim).Scan(&mine); err != nil || mine {
			return err
		}
		return errMoving
	}))
}

// postgresName is the database's part of a URL: where it is, not who goes there.
func postgresName(address string) string {
	config, err := pgx.ParseConfig("postgres:" + address)
	if err != nil {
		return "of PostgreSQL"
	}
	name := &url.URL{Path: config.Database}
	if strings.HasPrefix(config.Host, "/") {
		return fmt.Sprintf("%s at %s", name, config.Host)
	}
	return fmt.Sprintf("%s at %s", name, net.JoinHostPort(config.Host, fmt.Sprint(config.Port)))
}

// awaitPostgres checks the server and the database, and waits a while for one that is about to come up.
func awaitPostgres(ctx context.Context, db *sql.DB, name string) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := firstPause; ; pause = nextPause(pause) {
		err := checkPostgres(ctx, db, name)
		if err == nil || !postgresPasses(err) || !wait(waiting, pause) {
			return err
		}
	}
}

// about is what is to be known of a server and a database before they are used.
type about struct {
	version, others, ours int
	encoding, schema      string
	standby, readOnly     bool
	creates               bool
}

// checkPostgres makes sure that the server can be used and that the database is ours, or empty.
func checkPostgres(ctx context.Context, db *sql.DB, name string) error {
	var a about
	err := db.QueryRowContext(ctx, `
		SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery(),
			current_setting('default_transaction_read_only')::bool, coalesce(current_schema(), ''),
			coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE),
			(SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'goose_db_version'),
			(SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename IN ('workspace', 'counter'))`).
		Scan(&a.version, &a.encoding, &a.standby, &a.readOnly, &a.schema, &a.creates, &a.others, &a.ours)
	if err != nil {
		return unreachable(name, err)
	}
	return a.check(name)
}

func (a about) check(name string) error {
	switch {
	case a.version < minPostgres:
		return fmt.Errorf("the database %s is on PostgreSQL %d: Let's Talk needs version 15 or later", name, a.version/10000)
	case a.encoding != "UTF8":
		return fmt.Errorf("the database %s has the encoding %s: make it anew with ENCODING 'UTF8' TEMPLATE template0", name, a.encoding)
	case a.standby || a.readOnly:
		return fmt.Errorf("the database %s is read-only: enter the address of the primary server, or all of them and ?target_session_attrs=read-write", name)
	case a.others > 0 && a.ours < 2:
		return fmt.Errorf("the database %s holds the data of another program: choose another database", name)
	case a.schema == "":
		return fmt.Errorf("the database %s has no schema to use: the search_path names none that is there", name)
	case a.ours == 0 && !a.creates:
		return fmt.Errorf("the database %s lets this user make no tables: make the user its owner, or GRANT CREATE ON SCHEMA %s", name, a.schema)
	}
	return nil
}

// unreachable is err for the person who set the URL, in one line.
func unreachable(name string, err error) error {
	advice := "check the database URL and that the server runs"
	switch code := postgresCode(err); {
	case errors.Is(err, errMoving):
		return fmt.Errorf("the database %s can't be used: %w", name, errMoving)
	case code == "28P01", code == "28000":
		advice = "check the user and password of the database URL, and the server's pg_hba.conf"
	case code == "3D000":
		advice = "make it first: createdb"
	case code == "53300":
		advice = "raise the server's max_connections"
	}
	return &lineError{fmt.Sprintf("the database %s can't be reached: %s (%s)", name, advice, oneLine(err.Error())), err}
}

// lineError is an error that is told in one line.
type lineError struct {
	line  string
	cause error
}

func (e *lineError) Error() string { return e.line }
func (e *lineError) Unwrap() error { return e.cause }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// postgresCode is the server's error code, empty if err is not from there.
func postgresCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// postgresPasses reports whether what failed may work soon.
func postgresPasses(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch e.Code {
		case "25006", // read_only_sql_transaction: the server became a standby
			"25P03",                   // idle_in_transaction_session_timeout
			"55P03",                   // lock_not_available
			"57014",                   // query_canceled: statement_timeout
			"57P01", "57P02", "57P03", // the server stops, crashed, starts
			"0A000": // a statement was planned before a migration
			return e.Code != "0A000" || strings.Contains(e.Message, "cached plan")
		}
		switch e.Code[:2] {
		case "08", // connection exception
			"40", // transaction rollback: deadlock
			"53", // insufficient resources: disk, memory, connections
			"58": // system error
			return true
		}
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnavailable)
}
