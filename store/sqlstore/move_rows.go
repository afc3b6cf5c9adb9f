package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// reader reads the rows of a table, one at a time. Its values are nil, int64, string or []byte, whatever the database.
// It is what pgx copies from.
type reader struct {
	table  table
	rows   *sql.Rows
	values []any
	dest   []any // pointers to the values
	next   func()
	truths []int // which values are to be truths
	err    error
}

// read reads a table, calling next after each row.
func (e *end) read(ctx context.Context, t table, next func()) (*reader, error) {
	rows, err := e.tx.QueryContext(ctx, `SELECT `+t.names()+` FROM `+quote(t.name))
	if err != nil {
		return nil, err
	}
	r := &reader{table: t, rows: rows, values: make([]any, len(t.columns)), dest: make([]any, len(t.columns)), next: next}
	for i := range r.values {
		r.dest[i] = &r.values[i]
	}
	return r, nil
}

// fit has the values be what a table of the other end takes.
func (r *reader) fit(t table) {
	for i, c := range t.columns {
		if c.truth {
			r.truths = append(r.truths, i)
		}
	}
}

// Next reports whether there is another row, and goes there.
func (r *reader) Next() bool {
	if r.err != nil || !r.rows.Next() {
		return false
	}
	if r.err = r.rows.Scan(r.dest...); r.err == nil {
		r.err = r.normalise()
	}
	r.next()
	return r.err == nil
}

func (r *reader) normalise() error {
	for i, v := range r.values {
		switch v := v.(type) {
		case nil, int64:
		case bool:
			r.values[i] = int64(0)
			if v {
				r.values[i] = int64(1)
			}
		case []byte:
			if v == nil { // SQLite's driver says so of an empty one, and to PostgreSQL's it means NULL
				r.values[i] = []byte{}
			}
		case string:
			if !utf8.ValidString(v) || strings.Contains(v, "\x00") {
				return fmt.Errorf("a row has text in %s that is none, with a NUL or bytes beyond UTF-8: mend it first", r.table.columns[i].name)
			}
		default:
			return fmt.Errorf("%s holds a %T, which can't be moved", r.table.columns[i].name, v)
		}
	}
	return nil
}

// Values returns the row. It is valid until Next is called.
func (r *reader) Values() ([]any, error) {
	for _, i := range r.truths {
		if n, ok := r.values[i].(int64); ok {
			r.values[i] = n != 0
		}
	}
	return r.values, nil
}

// Err returns what ended the rows early.
func (r *reader) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.rows.Err()
}

func (r *reader) close() { _ = r.rows.Close() }

// sum counts and digests the rows of a table.
func (e *end) sum(ctx context.Context, t table, next func()) (MovedTable, error) {
	r, err := e.read(ctx, t, next)
	if err != nil {
		return MovedTable{}, err
	}
	defer r.close()
	var rows int64
	var d digest
	var row []byte
	for r.Next() {
		row = row[:0]
		for _, v := range r.values {
			row = encode(row, v)
		}
		d.add(row)
		rows++
	}
	return MovedTable{Name: t.name, Rows: rows, Sum: d.String()}, r.Err()
}

// encode appends a value so that no two rows of values are encoded alike.
func encode(row []byte, v any) []byte {
	switch v := v.(type) {
	case int64:
		return binary.BigEndian.AppendUint64(append(row, 'n'), uint64(v))
	case string:
		return append(binary.BigEndian.AppendUint64(append(row, 't'), uint64(len(v))), v...)
	case []byte:
		return append(binary.BigEndian.AppendUint64(append(row, 'b'), uint64(len(v))), v...)
	}
	return append(row, '0')
}

// digest is the sum of the SHA-256 digests of rows. It does not depend on their order, of which two databases have
// different ideas; and, unlike XOR, it sees when one row is there twice.
type digest [4]uint64

func (d *digest) add(row []byte) {
	h := sha256.Sum256(row)
	var carry uint64
	for i := 3; i >= 0; i-- {
		d[i], carry = bits.Add64(d[i], binary.BigEndian.Uint64(h[8*i:]), carry)
	}
}

func (d *digest) String() string { return fmt.Sprintf("%016x%016x%016x%016x", d[0], d[1], d[2], d[3]) }
