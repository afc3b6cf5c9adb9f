package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"letstalk/internal/config"
	"letstalk/store/sqlstore"
)

// move is the command of that name: it copies the configured workspace into another database. Of the configuration it
// needs DATABASE_URL alone.
func move(ctx context.Context, args, environ []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("letstalk move", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error it returns says it all
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, moveUsage)
		return nil
	case err != nil:
		return fmt.Errorf("%w; see letstalk move -h", err)
	case flags.NArg() != 1:
		return errors.New("name one database to move to; see letstalk move -h")
	}
	source, err := config.LoadDatabaseURL(environ, ".env")
	if err != nil {
		return fmt.Errorf("the configuration needs a look:\n%w", err)
	}
	b := &bar{w: stderr, terminal: isTerminal(stderr)}
	moved, err := sqlstore.Move(ctx, source, flags.Arg(0), b.show)
	b.clear()
	if err != nil {
		return err
	}
	return writeMoved(stdout, moved)
}

const moveUsage = `letstalk move copies everything to another database.

Usage: letstalk move DATABASE_URL

It copies from the database that DATABASE_URL in the environment or in .env names to the empty one named here, from
sqlite:PATH to postgres://USER@HOST/DATABASE or the other way round. Stop Let's Talk first. Nothing is left in the other
database unless all has arrived; it is read back and compared. The first one stays as it is. People stay signed in, and
open pages go on where they were.

Other users of this machine can see what is named here: leave a password to ~/.pgpass or PGPASSWORD.
`

func writeMoved(w io.Writer, moved []sqlstore.MovedTable) error {
	table := strings.Builder{}
	fmt.Fprintf(&table, "%-12s %12s  %s\n", "table", "rows", "checksum")
	for _, t := range moved {
		fmt.Fprintf(&table, "%-12s %12d  %.12s\n", t.Name, t.Rows, t.Sum)
	}
	_, err := fmt.Fprintf(w, "%s\nBoth databases hold the same. Set DATABASE_URL to the new one and start Let's Talk.\n"+
		"Do not start it with the old one again: what is said there would be missing here.\n", table.String())
	return err
}

// bar shows how far a move is: as a bar on a terminal, elsewhere as a line for each table.
type bar struct {
	w        io.Writer
	terminal bool
	last     sqlstore.MoveStep
	percent  int64
}

const (
	barWidth  = 30
	lineWidth = 79
)

func (b *bar) show(s sqlstore.MoveStep) {
	began := s.Doing != b.last.Doing || s.Table != b.last.Table
	percent := 100 * s.Done / max(s.Total, 1)
	moved := percent != b.percent
	b.last, b.percent = s, percent
	switch {
	case began && !b.terminal:
		fmt.Fprintf(b.w, "%s %s: %d rows\n", s.Doing, s.Table, s.Rows)
	case (began || moved) && b.terminal:
		done := strings.Repeat("#", int(barWidth*percent/100))
		b.draw(fmt.Sprintf("%-8s [%-*s] %d of %d rows: %s", s.Doing, barWidth, done, s.Done, s.Total, s.Table))
	}
}

// clear takes the bar away.
func (b *bar) clear() {
	if b.terminal && b.last.Doing != "" {
		b.draw("")
		fmt.Fprint(b.w, "\r")
	}
}

// draw writes over what was drawn before.
func (b *bar) draw(line string) { fmt.Fprintf(b.w, "\r%-*.*s", lineWidth, lineWidth, line) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
