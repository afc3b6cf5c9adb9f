// Package docs_test keeps what the documents say true: what can be looked up is looked up, what can be run is run.
package docs_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	natsconf "github.com/nats-io/nats-server/v2/conf"

	"letstalk/internal/config"
	"letstalk/internal/pgtest"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const root = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are the texts for people who run the program and people who change it, by path from here.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", root + "/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range paths {
			all[path] = read(t, path)
		}
	}
	return all
}

// blocks are the fenced parts of a text in a language.
func blocks(t *testing.T, text, language string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	if len(found) == 0 {
		t.Fatalf("no block in %q", language)
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noSlug  = regexp.MustCompile(`[^\pL\pN _-]`)
)

// anchors are by what the headings of a text can be linked to.
func anchors(text string) map[string]bool {
	all := map[string]bool{"": true}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		all["#"+strings.ReplaceAll(noSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	for path, text := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			to := path
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(path), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			} else if m[2] != "" && !anchors(read(t, to))[m[2]] {
				t.Errorf("%s links to %s%s, which has no such heading", path, m[1], m[2])
			}
		}
	}
}

// settings are the names of all there are.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	var help bytes.Buffer
	config.WriteHelp(&help)
	names, files, ok := strings.Cut(help.String(), "NAME_FILE:")
	if !ok {
		t.Fatal(help.String())
	}
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  ([A-Z_]+) `).FindAllStringSubmatch(names, -1) {
		all[m[1]] = true
	}
	for _, name := range regexp.MustCompile(`[A-Z_]+`).FindAllString(files, -1) {
		all[name+"_FILE"] = true
	}
	return all
}

func TestSettingsExist(t *testing.T) {
	known := settings(t)
	// A value behind it tells a setting from other capital letters.
	name := regexp.MustCompile("(?m)(?:^|[` ])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\\b|(?:^|[`])([A-Z]{4,})=")
	for path, text := range documents(t) {
		if filepath.Base(path) == "CONTRIBUTING.md" {
			continue // it has variables of make and the tests
		}
		for _, m := range name.FindAllStringSubmatch(text, -1) {
			if name := m[1] + m[2]; !known[name] {
				t.Errorf("%s speaks of %s, which is no setting", path, name)
			}
		}
	}
}

func TestEnvFilesAreUnderstood(t *testing.T) {
	n := 0
	for _, text := range blocks(t, read(t, "deploy.md"), "ini") {
		if strings.HasPrefix(text, "[") {
			continue // a unit of systemd
		}
		n++
		path := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load([]string{"SESSION_KEY=" + strings.Repeat("k", 44)}, path, false); err != nil {
			t.Errorf("%v, in:\n%s", err, text)
		}
	}
	if n != 2 {
		t.Errorf("%d files, want those of one machine and of several nodes", n)
	}
}

// database is one of ours, and a connection to it as its owner makes one.
type database struct {
	*sqlstore.Store
	db *sql.DB
}

func open(t *testing.T, url, driver, name string) database {
	t.Helper()
	kept, err := sqlstore.Open(t.Context(), url, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kept.Close() })
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return database{kept, db}
}

func both(t *testing.T) map[string]database {
	t.Helper()
	url, file := pgtest.Shared(t).Database(t), filepath.Join(t.TempDir(), "letstalk.db")
	return map[string]database{
		"PostgreSQL": open(t, url, "pgx", url),
		"SQLite":     open(t, "sqlite:"+file, "sqlite", file),
	}
}

func TestStatementsRun(t *testing.T) {
	for name, d := range both(t) {
		for _, block := range blocks(t, read(t, "deploy.md"), "sql") {
			if name == "SQLite" && strings.Contains(block, "pg_") {
				continue
			}
			// The database of the examples has another name here.
			block = strings.ReplaceAll(block, "pg_database_size('letstalk')", "pg_database_size(current_database())")
			for statement := range strings.SplitSeq(strings.TrimSpace(block), ";") {
				if _, err := d.db.ExecContext(t.Context(), statement); err != nil {
					t.Errorf("%s: %v: %s", name, err, statement)
				}
			}
		}
	}
}

// However far a page had come before a backup was restored, it must not take itself for complete.
func TestAfterARestoreAllPagesReload(t *testing.T) {
	update := regexp.MustCompile("UPDATE counter [^;]*").FindString(read(t, "deploy.md"))
	for name, d := range both(t) {
		if err := d.EnsureRooms(t.Context(), []string{"General", "Sports"}); err != nil {
			t.Fatal(err)
		}
		restored, err := d.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.db.ExecContext(t.Context(), update); err != nil {
			t.Fatalf("%s: %v: %s", name, err, update)
		}
		for _, cursor := range []store.Seq{0, restored - 1, restored, restored + 1000} {
			if _, err := d.ChangesSince(t.Context(), cursor, 10); !errors.Is(err, store.ErrGap) {
				t.Errorf("%s: a page that has come to %d of %d is told %v", name, cursor, restored, err)
			}
		}
		head, err := d.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.ChangesSince(t.Context(), head, 10); err != nil {
			t.Errorf("%s: a page drawn now is told %v", name, err)
		}
	}
}

// sources is the text of all Go files but tests.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range []string{"cmd/letstalk", "handlers", "internal", "store"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				all.WriteString(read(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

func TestLogLinesAreOurs(t *testing.T) {
	ours := sources(t)
	_, table, ok := strings.Cut(read(t, "deploy.md"), "| in the log | means |\n|---|---|\n")
	if !ok {
		t.Fatal("there is no table of log lines")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.SplitSeq(table, "\n") {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			if line := m[1]; !strings.Contains(ours, line) && line != "too many open files" { // the system says that
				t.Errorf("nobody logs %q", line)
			}
		}
	}
}

func TestNATSConfigurationIsOne(t *testing.T) {
	text := regexp.MustCompile("(?ms)^```\n(listen: .*?)^```$").FindStringSubmatch(read(t, "deploy.md"))
	if text == nil {
		t.Fatal("there is none")
	}
	if _, err := natsconf.ParseWithChecks(text[1]); err != nil {
		t.Error(err)
	}
}
