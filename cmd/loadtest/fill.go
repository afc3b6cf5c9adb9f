package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	_ "letstalk/store/sqlstore" // brings the driver
)

// fillRoom writes n messages of the people there are into the first room, one a minute up to now, in SQL: through the
// program a million of them would take longer than the measure. Their changes count as pruned, as after a while they are.
func fillRoom(ctx context.Context, path string, n int) (err error) {
	q := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(OFF)"}, "mode": {"rw"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, statement := range []string{
		`CREATE TEMP TABLE filled AS
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
			SELECT i FROM n`,
		`INSERT INTO messages (id, room_id, author_id, nonce, posted, body, created_at)
			SELECT c.value + i, (SELECT min(id) FROM rooms),
				(SELECT min(id) FROM users) + (i / 3) % min(20, (SELECT count(*) FROM users)), 'filled-' || i, x'00',
				'The **release** is out, see https://example.org/notes and run ` + "`make test`" + ` first. ' || i,
				1000 * (unixepoch() - 60 * ($1 - i))
			FROM filled, counter c`,
		`DELETE FROM changes`,
		`UPDATE counter SET value = value + $1, pruned = value + $1`,
		`DROP TABLE filled`,
	} {
		var args []any
		if strings.Contains(statement, "$1") {
			args = []any{n}
		}
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return fmt.Errorf("filling the room: %w", err)
		}
	}
	return tx.Commit()
}
