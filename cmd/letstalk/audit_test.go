package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"letstalk/store"
	"letstalk/store/sqlstore"
)

// logged makes a workspace in the working folder with an audit log of n entries.
func logged(t *testing.T, n int) {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:letstalk.db", sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		e := store.AuditEntry{Kind: store.AuditSignInRefused, Address: "192.0.2.7", Detail: fmt.Sprintf("try %d <&> \u2028 é", i)}
		if err := db.RecordAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

var head = regexp.MustCompile(`^The audit log is whole: (\d+ entr(?:y|ies)), each bound to the one before\.(?: (Entry \d+ is the one that was noted down\.))?\n(\d+:[0-9a-f]{64})\n$`)

// verified returns the head that letstalk audit verify prints.
func verified(t *testing.T, args ...string) (entries, noted, newest string) {
	t.Helper()
	out := done(t, append([]string{"audit", "verify"}, args...))
	m := head.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("it says %q", out)
	}
	return m[1], m[2], m[3]
}

// exported returns the lines that letstalk audit export writes.
func exported(t *testing.T, environ ...string) (lines []map[string]any) {
	t.Helper()
	out := bufio.NewScanner(strings.NewReader(done(t, []string{"audit", "export"}, environ...)))
	for out.Scan() {
		line := map[string]any{}
		read := json.NewDecoder(bytes.NewReader(out.Bytes()))
		read.UseNumber()
		if err := read.Decode(&line); err != nil {
			t.Fatalf("%q: %v", out.Text(), err)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestAuditOfARunningProgram(t *testing.T) {
	folder(t)
	p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0")
	p.visitor().signIn("alice", "/chat/General")
	done(t, []string{"admin", "grant", "alice@example.org"})
	first := exported(t)
	seen := map[any]map[string]any{}
	for _, line := range first {
		seen[line["kind"]] = line
	}
	if in := seen["signin"]; in["subject_name"] != "Alice Adams" || in["subject_id"] != json.Number("1") || in["address"] != "127.0.0.1" ||
		!regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(fmt.Sprint(in["at"])) {
		t.Errorf("the sign-in is %v", in)
	}
	if made := seen["admin.granted"]; made["actor_id"] != json.Number("-1") || made["subject_name"] != "Alice Adams" {
		t.Errorf("the administrator is %v", made)
	}
	again := exported(t)
	if len(again) != len(first)+1 {
		t.Fatalf("%d entries, then %d", len(first), len(again))
	}
	if last := again[len(first)]; last["kind"] != "audit.exported" || last["actor_id"] != json.Number("-1") || last["detail"] != fmt.Sprintf("%d entries", len(first)) {
		t.Errorf("the export is recorded as %v", last)
	}
	if entries, _, _ := verified(t); entries != fmt.Sprintf("%d entries", len(first)+2) {
		t.Errorf("it counts %s", entries)
	}
}

// An export can be checked without this program: by nothing but SHA-256 and JSON.
func TestExportProvesItself(t *testing.T) {
	folder(t)
	logged(t, 3)
	before := strings.Repeat("0", 64)
	lines := exported(t)
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	db, err := sql.Open("sqlite", "letstalk.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, line := range lines {
		var at int64
		if err := db.QueryRow(`SELECT at FROM audit WHERE id = $1`, i+1).Scan(&at); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		b.WriteString(before + "\n")
		said := json.NewEncoder(&b)
		said.SetEscapeHTML(false)
		err := said.Encode([]any{line["id"], at, line["kind"], line["actor_id"], line["actor_name"], line["subject_id"], line["subject_name"],
			line["room_id"], line["room_name"], line["message_id"], line["login_id"], line["address"], line["detail"], line["claim"]})
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
		if line["before"] != before || line["hash"] != hex.EncodeToString(sum[:]) {
			t.Errorf("entry %d: %v", i+1, line)
		}
		before = fmt.Sprint(line["hash"])
	}
}

func TestAuditProvesAHeadThatWasNoted(t *testing.T) {
	folder(t)
	logged(t, 0)
	if out := done(t, []string{"audit", "verify"}); out != "The audit log is empty.\n" {
		t.Errorf("it says %q", out)
	}
	logged(t, 1)
	entries, _, noted := verified(t)
	if entries != "1 entry" || !strings.HasPrefix(noted, "1:") {
		t.Errorf("%s, %s", entries, noted)
	}
	logged(t, 2)
	if _, said, newest := verified(t, "-head", noted); said != "Entry 1 is the one that was noted down." || !strings.HasPrefix(newest, "3:") {
		t.Errorf("it says %q, and %s", said, newest)
	}
	_, hash, _ := strings.Cut(noted, ":")
	for entry, want := range map[string]string{
		"2:" + hash:       "the audit log can't be trusted: entry 2 is not the one that was noted down; it or one before it was changed, and all hashes from there on made anew",
		"4:" + hash:       "the audit log can't be trusted: it ends at entry 3, and once had an entry 4; its end was cut off, or this is a copy from before",
		"1:" + hash[1:]:   fmt.Sprintf("-head %q is none: enter the number and hash that letstalk audit verify printed, N:HASH", "1:"+hash[1:]),
		"0:" + hash:       fmt.Sprintf("-head %q is none: enter the number and hash that letstalk audit verify printed, N:HASH", "0:"+hash),
		"not a head":      `-head "not a head" is none: enter the number and hash that letstalk audit verify printed, N:HASH`,
		"1:" + hash + "0": fmt.Sprintf("-head %q is none: enter the number and hash that letstalk audit verify printed, N:HASH", "1:"+hash+"0"),
	} {
		if got := refused(t, []string{"audit", "verify", "-head", entry}); got != want {
			t.Errorf("%s: it says %q, want %q", entry, got, want)
		}
	}
}

// Whoever may write the file can take the triggers away; the hashes tell all the same.
func TestAuditNamesTheEntryThatWasChanged(t *testing.T) {
	folder(t)
	logged(t, 4)
	db, err := sql.Open("sqlite", "letstalk.db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, name := range triggers(t, db) {
		if _, err := db.Exec(`DROP TRIGGER ` + name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec(`UPDATE audit SET detail = 'nothing' WHERE id = 3`); err != nil {
		t.Fatal(err)
	}
	if got := refused(t, []string{"audit", "verify"}); !strings.HasPrefix(got, "the audit log can't be trusted from entry 3 on: ") {
		t.Errorf("it says %q", got)
	}
}

func triggers(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	rows, err := db.Query(`SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		t.Fatal("nothing guards the log")
	}
	return names
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestExportThatBreaksOffIsRecorded(t *testing.T) {
	t.Run("full disk", func(t *testing.T) {
		folder(t)
		logged(t, 2)
		err := run(context.Background(), []string{"audit", "export"}, nil, fullDisk{}, io.Discard)
		if err == nil || err.Error() != "the export broke off: no space left" {
			t.Errorf("it ends with %v", err)
		}
		if last := exported(t)[2]; last["detail"] != "2 entries, then it broke off" {
			t.Errorf("it is recorded as %v", last)
		}
	})
	t.Run("reader that goes away", func(t *testing.T) {
		dir := folder(t)
		logged(t, 2)
		cmd := exec.CommandContext(t.Context(), binary, "audit", "export")
		cmd.Dir = dir
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("it ends with %v", err)
		}
		if last := exported(t)[2]; last["detail"] != "2 entries, then it broke off" {
			t.Errorf("it is recorded as %v", last)
		}
	})
}

func TestAuditSaysHow(t *testing.T) {
	folder(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"audit"}, "say what to do, verify or export; see letstalk audit -h"},
		{[]string{"audit", "erase"}, `unknown argument "erase"; see letstalk audit -h`},
		{[]string{"audit", "verify", "x"}, `unknown argument "x"; see letstalk audit -h`},
		{[]string{"audit", "export", "-head", "x"}, "-head is for letstalk audit verify; see letstalk audit -h"},
		{[]string{"audit", "verify", "-x"}, "flag provided but not defined: -x; see letstalk audit -h"},
		{[]string{"audit", "verify"}, "there is no database letstalk.db: is the database URL the right one?"},
	} {
		if got := refused(t, c.args); got != c.want {
			t.Errorf("%q: it says %q, want %q", c.args, got, c.want)
		}
	}
}
