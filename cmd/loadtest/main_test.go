package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// letstalk is the program, built once for all tests.
var letstalk string

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == natsCommand {
		main() // a measure wants a NATS server of its program
		return
	}
	status, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "letstalk-loadtest-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	letstalk = filepath.Join(dir, "letstalk")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", letstalk, "letstalk/cmd/letstalk").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return m.Run(), nil
}

func TestFigures(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := run(t.Context(), []string{"figures", "-bin", letstalk, "-runs", "1"}, &b, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^start to first page  \d\S+ \(.*\)\nidle memory          .+\n$`).MatchString(b.String()) {
		t.Errorf("%q", b.String())
	}
}

// Every measure works, with the program and the Socket.IO server as they are built; what they say is another matter.
func TestEveryMeasure(t *testing.T) {
	compared := map[string]bool{"fanout": true, "cpu": true, "latency": true, "memory": true}
	var ofNodes []string // together, for one PostgreSQL
	for _, name := range measureNames() {
		if strings.HasPrefix(name, "nodes-") {
			ofNodes = append(ofNodes, name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, row := range measured(t, name) {
				cells := strings.Split(row, " | ")
				if len(cells) != 6 || !regexp.MustCompile(`\d`).MatchString(cells[1]) ||
					compared[name] && !(regexp.MustCompile(`\d`).MatchString(cells[2]) && strings.HasSuffix(cells[3], " ×")) {
					t.Errorf("row %q", row)
				}
			}
		})
	}
	t.Run("nodes", func(t *testing.T) {
		t.Parallel()
		for _, row := range measured(t, ofNodes...) {
			if cells := strings.Split(row, " | "); len(cells) != 1+len(setups()) || !regexp.MustCompile(`\d`).MatchString(row[len(cells[0]):]) {
				t.Errorf("row %q", row)
			}
		}
	})
}

// measured returns the rows of the table of some measures.
func measured(t *testing.T, names ...string) []string {
	t.Helper()
	var table, log strings.Builder
	args := []string{"bench", "-bin", letstalk, "-socketio", ".", "-only", strings.Join(names, ","), "-rounds", "1", "-quick"}
	if err := run(t.Context(), args, &table, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	rows := strings.Split(strings.TrimSpace(table.String()), "\n")[4:] // after the introduction and the table's head
	if len(rows) == 0 {
		t.Fatal("the table is empty")
	}
	return rows
}

func TestProfilesAreWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"bench", "-bin", letstalk, "-ours", "-only", "posts", "-rounds", "1", "-quick", "-profile", dir}
	if err := run(t.Context(), args, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if profile, err := os.ReadFile(filepath.Join(dir, "posts-1.pprof")); err != nil || len(profile) == 0 {
		t.Errorf("a profile of %d bytes: %v", len(profile), err)
	}
}

func TestWhatCanNotBeMeasured(t *testing.T) {
	for _, args := range [][]string{
		nil, {"speed"}, {"figures", "-runs", "0"}, {"figures", "more"}, {"figures", "-bin", t.TempDir()},
		{"bench", "-rounds", "0"}, {"bench", "more"}, {"bench", "-only", "speed"}, {"bench", "-bin", t.TempDir()},
		{"bench", "-quick", "-bin", letstalk, "-only", "fanout", "-socketio", t.TempDir()},
	} {
		var b strings.Builder
		if err := run(t.Context(), args, &b, io.Discard); err == nil || b.Len() > 0 {
			t.Errorf("%v: %v, %q", args, err, b.String())
		}
	}
}
