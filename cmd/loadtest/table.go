package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is a line of the table.
type row struct {
	what, ours, theirs, ratio, target string
	reached                           bool

	setups []string // instead of ours and the rest: the cells of the table of setups
}

// writeTables writes the rows in Markdown: those of setups, if there are any, in a table of their own.
func writeTables(w io.Writer, rows []row) error {
	var compared, ofSetups []row
	for _, r := range rows {
		if r.setups == nil {
			compared = append(compared, r)
		} else {
			ofSetups = append(ofSetups, r)
		}
	}
	if len(compared) > 0 {
		if err := writeTable(w, compared); err != nil {
			return err
		}
	}
	if len(ofSetups) == 0 {
		return nil
	}
	if len(compared) > 0 {
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	return writeSetups(w, ofSetups)
}

func writeSetups(w io.Writer, rows []row) error {
	var b strings.Builder
	b.WriteString("| measure |")
	for _, s := range setups() {
		b.WriteString(" " + s.name + " |")
	}
	b.WriteString("\n|" + strings.Repeat("---|", 1+len(setups())) + "\n")
	for _, r := range rows {
		b.WriteString("| " + r.what + " | " + strings.Join(r.setups, " | ") + " |\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTable(w io.Writer, rows []row) error {
	var b strings.Builder
	b.WriteString("| measure | Let's Talk | Socket.IO | ratio | target | |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		verdict := ""
		switch {
		case r.target != "" && r.reached:
			verdict = "reached"
		case r.target != "":
			verdict = "**not reached**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.what, r.ours, r.theirs, r.ratio, r.target, verdict)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var model = regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`)

// introduce says what was measured, on what and how.
func (b *bench) introduce(ctx context.Context, w io.Writer, took, others time.Duration) error {
	machine := "unknown processor"
	if cpuinfo, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := model.FindSubmatch(cpuinfo); m != nil {
			machine = string(m[1])
		}
	}
	version, err := said(ctx, b.site.binary, "-version")
	if err != nil {
		return err
	}
	against := ""
	if !b.ours {
		node, err := said(ctx, "node", "--version")
		if err != nil {
			return err
		}
		against = ", Socket.IO by its lock file on Node " + node
	}
	little := ""
	if b.quick {
		little = " With -quick: the numbers say little."
	}
	_, err = fmt.Fprintf(w, "%s: %s%s; %s, %d cores shared with the generator, %s/%s. Medians of %d rounds of %v, within %v. "+
		"Other work took %.2f cores meanwhile. %d people read and post; where there are more readers, each reads several streams.%s\n\n",
		time.Now().UTC().Format(time.DateOnly), version, against, machine, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH,
		b.rounds, b.scale.window, took.Round(time.Second), others.Seconds()/took.Seconds(), b.scale.people, little)
	return err
}

// said returns the line a program prints.
func said(ctx context.Context, program string, arg string) (string, error) {
	out, err := exec.CommandContext(ctx, program, arg).Output()
	return string(bytes.TrimSpace(out)), err
}

// median returns the middle of some values.
func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// thousands writes a number with commas.
func thousands(x float64) string {
	digits := fmt.Sprintf("%.0f", x)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
