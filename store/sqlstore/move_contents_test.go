package sqlstore

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"letstalk/store"
)

// contents returns all rows of all our tables in words of their own, by table.
func contents(t *testing.T, url string) map[string][]string {
	t.Helper()
	db := plain(t, url)
	defer db.Close()
	d, _, err := dialectOf(url)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for name := range schemaOf(t, db, inspect[d.migrations]) {
		all[name] = rowsIn(t, db, name)
	}
	return all
}

func rowsIn(t *testing.T, db *sql.DB, table string) []string {
	t.Helper()
	rows, err := db.Query(`SELECT * FROM ` + table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for rows.Next() {
		values, dest := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		var row strings.Builder
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = "0x" + hex.EncodeToString(b)
			}
			fmt.Fprintf(&row, "%s=%q ", names[i], strings.NewReplacer("true", "1", "false", "0").Replace(fmt.Sprint(v)))
		}
		all = append(all, row.String())
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// same compares what two databases hold but for the tables that are not moved.
func same(t *testing.T, from, to string) {
	t.Helper()
	here, there := contents(t, from), contents(t, to)
	for name := range leftOut {
		if len(there[name]) > 0 {
			t.Errorf("%s was moved", name)
		}
		delete(here, name)
		delete(there, name)
	}
	if diff := cmp.Diff(here, there); diff != "" {
		t.Errorf("(-source +target):\n%s", diff)
	}
}

// hostile texts are for columns of any length.
var hostile = []string{"", " ", "NULL", `\N`, `\.`, "a\tb\r\nc\x01\x7f", `'";--`, "<script>alert(1)</script>", "👩🏽‍🚀 e\u0301 \u202eabc", "\ufffd\uffff\U0010ffff",
	strings.Repeat("𝕊", store.MaxBody), strings.Repeat("<b>&amp;</b>\n", 600)}

var hostileBytes = [][]byte{{}, {0}, []byte(`\x41`), {0xff, 0xfe, 0, 0xc3, 0x28}, []byte(strings.Repeat("\x00\x80\xff", 5000)), nil}

var hostileNumbers = []any{int64(0), int64(1), int64(-1), int64(math.MaxInt64), int64(math.MinInt64), nil}

// or returns v or, if a column must not be NULL, something else.
func or[T any](v any, other T) any {
	if b, ok := v.([]byte); v == nil || ok && b == nil {
		return other
	}
	return v
}

// fillWithHostility has rows in every table.
func fillWithHostility(t *testing.T, url string) {
	t.Helper()
	if err := openAt(t, url, Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	db := plain(t, url)
	db.SetMaxOpenConns(1)
	put := func(text string, args ...any) {
		t.Helper()
		if _, err := db.Exec(text+` (`+placeholders(1, len(args))[2:]+`)`, args...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	for i := range 60 {
		id := int64(1 + i*i)
		text, other, short := hostile[i%len(hostile)], hostile[(i*5+3)%len(hostile)], fmt.Sprintf("%d %.40s", i, hostile[i%len(hostile)])
		bytes, number := hostileBytes[i%len(hostileBytes)], hostileNumbers[i%len(hostileNumbers)]
		whole := or(number, int64(7))
		put(`INSERT INTO users VALUES`, id, short, short, text, other, text, i%2, whole, (i+1)%2, text)
		put(`INSERT INTO logins VALUES`, id, id, text, bytes, other, text, whole, whole, whole, whole, number, number, other, number, number, text)
		put(`INSERT INTO rooms VALUES`, id, text, short, text, other, []string{"open", "private"}[i%2], whole, whole, text)
		role := []string{"member", "moderator"}[i%2]
		put(`INSERT INTO memberships VALUES`, id, 1, role, number, number)
		put(`INSERT INTO grants VALUES`, id, 1, role, text, whole)
		put(`INSERT INTO messages VALUES`, id, id, 1, short, or(bytes, []byte{9}), text, whole, number, hostileNumbers[(i+1)%len(hostileNumbers)])
		var message, user any
		if i%3 > 0 {
			message, user = id, id
		}
		put(`INSERT INTO changes VALUES`, id, id, other, message, user, whole)
		put(`INSERT INTO attempts VALUES`, short, text, other, text, other, whole, whole, text, other)
		put(`INSERT INTO logout_tokens VALUES`, short, short, whole)
		put(`INSERT INTO rehearsals VALUES`, short, []any{text, nil}[i%2], whole)
		put(`INSERT INTO audit VALUES`, id, whole, short, whole, text, whole, other, whole, text, whole, whole, other, text, other, text, other)
		put(`INSERT INTO sessions VALUES`, short, or(bytes, []byte{}), whole)
		put(`INSERT INTO nodes VALUES`, short, i)
		put(`INSERT INTO writers VALUES`, short, i, i)
		put(`INSERT INTO news VALUES`, short, "a", text, i)
	}
	put(`INSERT INTO messages VALUES`, int64(math.MaxInt64), 1, 1, "", []byte{}, "", 1, nil, nil)
	if _, err := db.Exec(`UPDATE counter SET value = $1, pruned = $2`, int64(math.MaxInt64), int64(math.MaxInt64-1)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMoveChangesNothing(t *testing.T) {
	kinds := eachDatabase()
	first := kinds["SQLite"](t)
	fillWithHostility(t, first)
	before := contents(t, first)
	for name, rows := range before {
		if len(rows) == 0 {
			t.Errorf("%s is empty: what is not tried may not work", name)
		}
	}
	var sums []MovedTable
	from := first
	for i, kind := range []string{"PostgreSQL", "PostgreSQL", "SQLite", "SQLite"} {
		to := kinds[kind](t)
		tables := moved(t, from, to)
		if diff := cmp.Diff(sums, tables); i > 0 && diff != "" {
			t.Errorf("checksums differ after move %d (-before +now):\n%s", i, diff)
		}
		same(t, first, to)
		sums, from = tables, to
	}
	if diff := cmp.Diff(before, contents(t, first)); diff != "" {
		t.Errorf("the source changed (-before +now):\n%s", diff)
	}
}

func TestEveryTableIsMovedOrLeftOutByName(t *testing.T) {
	from := begun(t, "sqlite:"+pathOf(t))
	known := maps.Clone(leftOut)
	for _, table := range moved(t, from, "sqlite:"+pathOf(t)) {
		known[table.Name] = "moved"
	}
	delete(known, "goose_db_version") // contents leaves it out, too
	there := slices.Sorted(maps.Keys(contents(t, from)))
	if diff := cmp.Diff(there, slices.Sorted(maps.Keys(known))); diff != "" {
		t.Errorf("(-there +known):\n%s", diff)
	}
}
