package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Report writes a line for each thing that was looked at, and counts.
type Report struct {
	w                    io.Writer
	fine, warned, failed int
	writing              error // the first error of the writer
}

// NewReport returns a report that is written to w as it grows.
func NewReport(w io.Writer) *Report { return &Report{w: w} }

// OK says that something is as it should be.
func (r *Report) OK(format string, args ...any) {
	r.fine++
	r.line("ok", fmt.Sprintf(format, args...), "")
}

// Warn says what works only in part, or could not be found out, and what to do about it.
func (r *Report) Warn(remedy, format string, args ...any) {
	r.warned++
	r.line("warning", fmt.Sprintf(format, args...), remedy)
}

// Fail says what keeps people out or endangers them, and what to do about it.
func (r *Report) Fail(remedy, format string, args ...any) {
	r.failed++
	r.line("failure", fmt.Sprintf(format, args...), remedy)
}

// Failed reports how many failures there were.
func (r *Report) Failed() int { return r.failed }

// Sum writes how much there was of each, and returns an error if that could not be written, or anything before.
func (r *Report) Sum() error {
	r.print("\n%d ok, %s, %s\n", r.fine, count(r.warned, "warning"), count(r.failed, "failure"))
	return r.writing
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *Report) line(level, text, remedy string) {
	r.print("%-8s %s\n", level, plain(text))
	if remedy != "" {
		r.print("         %s\n", plain(remedy))
	}
}

func (r *Report) print(format string, args ...any) {
	if _, err := fmt.Fprintf(r.w, format, args...); err != nil && r.writing == nil {
		r.writing = err
	}
}

// plain keeps what a provider sent from writing lines of its own, or moving the cursor.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return ' '
	}, s)
}
