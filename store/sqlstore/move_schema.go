package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Everything in the schema is moved but these tables.
var leftOut = map[string]string{
	"goose_db_version": "which migrations have run is each database's own affair",
	"nodes":            "what runs is not what is kept",
	"writers":          "what runs is not what is kept",
	"news":             "likewise",
}

// seeded is which rows are content in tables that a migration puts rows into.
var seeded = map[string]string{"counter": "value <> 0 OR pruned <> 0"}

// table is a table as both dialects see it, its columns by name.
type table struct {
	name    string
	columns []column
	counted string // the column whose numbers never come back, empty if there is none
}

type column struct {
	name  string
	kind  string // as kinds calls it, or else the database
	truth bool   // a number here, but not in Go
}

// kinds names the types of both dialects.
var kinds = map[string]string{
	"integer": "number", "bigint": "number", "boolean": "number",
	"text": "text",
	"blob": "bytes", "bytea": "bytes",
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// schema reads which tables there are to be moved.
func (e *end) schema(ctx context.Context, db interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}) ([]table, error) {
	rows, err := db.QueryContext(ctx, e.dialect.move.columns)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tables := map[string]table{}
	for rows.Next() {
		var name, column, kind string
		var counted bool
		if err := rows.Scan(&name, &column, &kind, &counted); err != nil {
			return nil, err
		}
		if leftOut[name] != "" {
			continue
		}
		tables[name] = tables[name].with(name, column, kind, counted)
	}
	all := make([]table, 0, len(tables))
	for _, t := range tables {
		slices.SortFunc(t.columns, func(a, b column) int { return cmp.Compare(a.name, b.name) })
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b table) int { return cmp.Compare(a.name, b.name) })
	return all, rows.Err()
}

// with returns the table of a name with one more column.
func (t table) with(name, col, kind string, counted bool) table {
	kind = strings.ToLower(kind)
	t.name, t.columns = name, append(t.columns, column{col, cmp.Or(kinds[kind], kind), kind == "boolean"})
	if counted {
		t.counted = col
	}
	return t
}

// alike makes sure that the tables of two databases are the same. A target was just made by the migrations.
func (e *end) alike(target *end) error {
	mine, theirs := e.shape(), target.shape()
	for _, part := range mine {
		if !slices.Contains(theirs, part) {
			return fmt.Errorf("the database %s differs in its schema: no migration made %s; undo what was changed by hand", e.name, part)
		}
	}
	for _, part := range theirs {
		if !slices.Contains(mine, part) {
			return fmt.Errorf("the database %s differs in its schema: it lacks %s; undo what was changed by hand", e.name, part)
		}
	}
	return nil
}

// shape describes each column.
func (e *end) shape() (all []string) {
	for _, t := range e.tables {
		for _, c := range t.columns {
			part := t.name + "." + c.name + " (" + c.kind
			if c.name == t.counted {
				part += " that never comes back"
			}
			all = append(all, part+")")
		}
	}
	return all
}

// names returns the quoted names of the columns, with commas between them.
func (t table) names() string {
	var all []string
	for _, c := range t.columns {
		all = append(all, quote(c.name))
	}
	return strings.Join(all, ", ")
}
