package sqlstore

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// MoveStep is how far a move is.
type MoveStep struct {
	Doing       string // "copying", then "checking"
	Table       string
	Rows        int64 // of the table
	Done, Total int64 // rows of all tables
}

// MovedTable is a table of which both databases hold the same.
type MovedTable struct {
	Name string
	Rows int64
	Sum  string // a checksum of all rows, whatever their order, in hex
}

// Move copies the workspace at the database URL source into the empty database at target: everything, down to the numbers
// that come next, or nothing if there is an error. The source stays as it is. Nobody can serve either meanwhile, and
// there is an error if somebody does. What was written is read back and compared before it counts. tell is called often,
// with how far it is. Errors are one line each, say what to do and hold no secret.
func Move(ctx context.Context, source, target string, tell func(MoveStep)) ([]MovedTable, error) {
	m := &moving{tell: tell}
	defer m.close()
	if err := m.open(ctx, source, target); err != nil {
		return nil, m.explain(ctx, err)
	}
	m.begun = true
	moved, err := m.run(ctx)
	if err != nil {
		return nil, m.explain(ctx, err)
	}
	if err := m.to.tx.Commit(); err != nil {
		if m.to.dialect.passes(err) {
			return nil, fmt.Errorf("the connection broke at the last moment (%s): move again; if the database %s is said not to be empty then, all is there",
				oneLine(err.Error()), m.to.name)
		}
		return nil, m.explain(ctx, err)
	}
	if finish := m.to.dialect.move.finish; finish != "" {
		_, _ = m.to.conn.ExecContext(ctx, finish) // the move has succeeded anyway
	}
	return moved, nil
}

// moving is a move under way.
type moving struct {
	from, to *end
	tell     func(MoveStep)
	step     MoveStep
	begun    bool // something may have been written
}

// open opens both ends, the source first: if that can't be moved, nothing is made at the target.
func (m *moving) open(ctx context.Context, source, target string) (err error) {
	if m.from, err = newEnd(source); err != nil {
		return fmt.Errorf("where to move from: %w", err)
	}
	if m.to, err = newEnd(target); err != nil {
		return fmt.Errorf("where to move to: %w", err)
	}
	if m.from.dialect.goose == m.to.dialect.goose && m.from.dialect.move.same(m.from.address, m.to.address) {
		return fmt.Errorf("the database %s can't be moved to itself: name another one", m.to.name)
	}
	if err := m.from.openSource(ctx); err != nil {
		return err
	}
	if err := m.to.openTarget(ctx); err != nil {
		return err
	}
	return m.from.alike(m.to)
}

// run copies and compares, and leaves it to the caller to commit.
func (m *moving) run(ctx context.Context) ([]MovedTable, error) {
	counts := make([]int64, len(m.from.tables))
	for i, t := range m.from.tables {
		if err := m.from.tx.QueryRowContext(ctx, `SELECT count(*) FROM `+quote(t.name)).Scan(&counts[i]); err != nil {
			return nil, fmt.Errorf("counting %s: %w", t.name, err)
		}
		m.step.Total += counts[i]
	}
	if err := m.copy(ctx, counts); err != nil {
		return nil, err
	}
	return m.check(ctx, counts)
}

func (m *moving) copy(ctx context.Context, counts []int64) error {
	tighten, err := m.to.loosen(ctx)
	if err != nil {
		return fmt.Errorf("getting ready: %w", err)
	}
	for i, t := range m.from.tables {
		rows, err := m.from.read(ctx, t, m.begin("copying", t, counts[i]))
		if err == nil {
			rows.fit(m.to.tables[i])
			// What went wrong with the rows is the cause of what the writing side says.
			err = m.to.dialect.move.fill(ctx, m.to, t, rows)
			if rows.Err() != nil {
				err = rows.Err()
			}
			rows.close()
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", t.name, err)
		}
	}
	if err := m.to.exec(ctx, tighten...); err != nil {
		return fmt.Errorf("finishing: %w", err)
	}
	marks, err := m.from.marks(ctx)
	if err != nil {
		return err
	}
	return m.to.setMarks(ctx, marks)
}

// check reads both ends and compares them.
func (m *moving) check(ctx context.Context, counts []int64) ([]MovedTable, error) {
	m.step.Done = 0
	var all []MovedTable
	for i, t := range m.from.tables {
		var here, there MovedTable
		g, both := errgroup.WithContext(ctx)
		g.Go(func() (err error) { here, err = m.from.sum(both, t, func() {}); return err })
		g.Go(func() (err error) { there, err = m.to.sum(both, t, m.begin("checking", t, counts[i])); return err })
		if err := g.Wait(); err != nil {
			return nil, fmt.Errorf("checking %s: %w", t.name, err)
		}
		if here != there {
			return nil, fmt.Errorf("the copy of %s is not like the original: %d rows with the checksum %.12s, not %d with %.12s",
				t.name, there.Rows, there.Sum, here.Rows, here.Sum)
		}
		all = append(all, here)
	}
	return all, m.checkMarks(ctx)
}

func (m *moving) checkMarks(ctx context.Context) error {
	here, err := m.from.marks(ctx)
	if err != nil {
		return err
	}
	there, err := m.to.marks(ctx)
	if err != nil {
		return err
	}
	for table, mark := range here {
		if there[table] != mark {
			return fmt.Errorf("the next number of %s would be after %d, not after %d", table, there[table], mark)
		}
	}
	return nil
}

// stride is how many rows go by between two steps told.
const stride = 500

// begin tells that work on a table begins and returns what is to be called after each of its rows.
func (m *moving) begin(doing string, t table, rows int64) (next func()) {
	m.step.Doing, m.step.Table, m.step.Rows = doing, t.name, rows
	m.tell(m.step)
	return func() {
		m.step.Done++
		if m.step.Done%stride == 0 || m.step.Done == m.step.Total {
			m.tell(m.step)
		}
	}
}

func (m *moving) close() {
	for _, e := range []*end{m.to, m.from} {
		if e != nil {
			e.close()
		}
	}
}

// explain is err for the person who moves.
func (m *moving) explain(ctx context.Context, err error) error {
	line := oneLine(err.Error())
	switch {
	case ctx.Err() != nil:
		line = "stopped: nothing was moved"
	case m.begun:
		line += "; nothing was moved"
	}
	return &lineError{line, err}
}
