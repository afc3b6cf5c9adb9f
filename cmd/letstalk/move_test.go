package main

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"letstalk/internal/pgtest"
	"letstalk/store/sqlstore"
)

// moved runs letstalk move and returns what it printed.
func moved(t *testing.T, to string, environ ...string) (stdout, stderr string) {
	t.Helper()
	var out, progress strings.Builder
	if err := run(t.Context(), []string{"move", to}, environ, &out, &progress); err != nil {
		t.Fatal(err)
	}
	return out.String(), progress.String()
}

// on starts a node on a database.
func (c *workspace) on(database string) *program {
	c.t.Helper()
	c.env = append(c.env, "DATABASE_URL="+database)
	return c.node()
}

var spoken = regexp.MustCompile(`<p>(\w+ words)</p>`)

// resumed opens the stream of General as a page does that comes back with a cursor. It returns what is said there, up to
// certain words.
func (v *visitor) resumed(cursor, last string) (said []string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.program.base+"/chat/General/events", nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", cursor)
	resp, err := v.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		v.t.Fatalf("%v, %v\n%s", resp, err, v.program.log)
	}
	defer resp.Body.Close()
	for in := bufio.NewScanner(resp.Body); in.Scan(); {
		for _, match := range spoken.FindAllStringSubmatch(in.Text(), -1) {
			if said = append(said, match[1]); match[1] == last {
				return said
			}
		}
	}
	v.t.Fatalf("the stream said %q and ended", said)
	return nil
}

func TestOpenPagesResumeAcrossAMove(t *testing.T) {
	c := newWorkspace(t)
	first, second, third := "sqlite:letstalk.db", pgtest.Shared(t).Database(t), "sqlite:back.db"
	p := c.on(first)
	alice := p.visitor()
	alice.signIn("alice", "/chat/General")
	alice.post("first words", "1")
	stream, err := url.Parse(alice.open("/chat/General").Find("#stream").AttrOr("hx-sse:connect", ""))
	if err != nil {
		t.Fatal(err)
	}
	cursor := stream.Query().Get("after")
	alice.post("second words", "2")

	want := []string{"second words"}
	for _, move := range []struct{ from, to, words string }{{first, second, "third words"}, {second, third, "fourth words"}} {
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		out, progress := moved(t, move.to, "DATABASE_URL="+move.from)
		if !regexp.MustCompile(`\nmessages +\d +[0-9a-f]{12}\n`).MatchString(out) || !strings.Contains(out, "Set DATABASE_URL to the new one") {
			t.Errorf("it says %s", out)
		}
		if !strings.Contains(progress, "copying messages: ") || !strings.Contains(progress, "checking messages: ") {
			t.Errorf("it tells %s", progress)
		}
		p = c.on(move.to)
		alice.moveTo(p)
		if again := alice.post("second words", "2"); again.Find("#messages .message").Length() != len(want)+1 {
			t.Errorf("the same form makes another message:\n%s", again.Find("#messages").Text())
		}
		alice.post(move.words, move.words)
		want = append(want, move.words)
		if diff := cmp.Diff(want, alice.resumed(cursor, move.words)); diff != "" {
			t.Errorf("after the move to %s (-want +got):\n%s", move.to, diff)
		}
	}
}

// A server nobody talks to still has the database.
func TestMoveRefusesARunningServer(t *testing.T) {
	p := spawn(t)
	refusal := exits(t, p.dir, []string{"move", "sqlite:new.db"})
	if refusal != "letstalk: the database letstalk.db is in use by another program: stop that one first (database is locked (5) (SQLITE_BUSY))\n" {
		t.Errorf("it says %q", refusal)
	}
	if _, err := os.Stat(filepath.Join(p.dir, "new.db")); !os.IsNotExist(err) {
		t.Errorf("it left a file: %v", err)
	}
	p.visitor().signIn("alice", "/chat/General")
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Chdir(p.dir)
	moved(t, "sqlite:new.db")
	launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0", "DATABASE_URL=sqlite:new.db").visitor().signIn("alice", "/chat/General")
}

// begun makes a workspace in the working folder.
func begun(t *testing.T, name string) {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:"+name, sqlstore.Options{})
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestMoveNeedsNoOtherSetting(t *testing.T) {
	folder(t)
	begun(t, "letstalk.db")
	begun(t, "other.db")
	write(t, "url", "sqlite:other.db\n")
	moved(t, "sqlite:1.db", "BASE_URL=%%%", "LISTEN=nowhere", "SESSION_KEY_FILE=none")
	moved(t, "sqlite:2.db", "DATABASE_URL_FILE=url")
	write(t, ".env", "DATABASE_URL=sqlite:2.db\nSESSION_KEY=short")
	moved(t, "sqlite:3.db")
	if got := refused(t, []string{"move", "sqlite:3.db"}, "DATABASE_URL_FILE=none"); !strings.Contains(got, "DATABASE_URL and DATABASE_URL_FILE are both set") {
		t.Errorf("it says %q", got)
	}
	write(t, ".env", "DATABASE_URL='sqlite")
	if got := refused(t, []string{"move", "sqlite:4.db"}); !strings.Contains(got, ".env, line 1 can't be understood") {
		t.Errorf("it says %q", got)
	}
}

func TestMoveSaysHow(t *testing.T) {
	folder(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"move"}, "name one database to move to; see letstalk move -h"},
		{[]string{"move", "sqlite:a.db", "sqlite:b.db"}, "name one database to move to; see letstalk move -h"},
		{[]string{"move", "-dev", "sqlite:a.db"}, "flag provided but not defined: -dev; see letstalk move -h"},
		{[]string{"-dev", "move", "sqlite:a.db"}, `unknown argument "move"; see letstalk -h`},
		{[]string{"move", "sqlite:a.db"}, "there is no database letstalk.db: is the database URL the right one?"},
	} {
		if got := refused(t, c.args); got != c.want {
			t.Errorf("%q: it says %q, want %q", c.args, got, c.want)
		}
	}
	for _, args := range [][]string{{"-h"}, {"move", "-h"}} {
		var out strings.Builder
		if err := run(t.Context(), args, nil, &out, &out); err != nil || !strings.Contains(out.String(), "letstalk move DATABASE_URL\n") {
			t.Errorf("%q: %v, %s", args, err, out.String())
		}
	}
}

// stopper stops when it is told something.
type stopper struct{ stop context.CancelFunc }

func (s stopper) Write(p []byte) (int, error) {
	s.stop()
	return len(p), nil
}

func TestMoveThatIsStopped(t *testing.T) {
	folder(t)
	begun(t, "letstalk.db")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out strings.Builder
	if err := run(ctx, []string{"move", "sqlite:new.db"}, nil, &out, stopper{stop}); err == nil || err.Error() != "stopped: nothing was moved" || out.Len() > 0 {
		t.Errorf("it ends with %v and %q", err, out.String())
	}
	moved(t, "sqlite:new.db")
}

func TestBar(t *testing.T) {
	var drawn strings.Builder
	b := bar{w: &drawn, terminal: true}
	step := sqlstore.MoveStep{Doing: "copying", Table: "messages", Rows: 1200, Total: 1203}
	for step.Done = 0; step.Done <= step.Total; step.Done++ {
		b.show(step)
	}
	step.Doing, step.Done = "checking", 0
	b.show(step)
	b.clear()
	lines := strings.Split(strings.TrimPrefix(drawn.String(), "\r"), "\r")
	if len(lines) != 101+1+2 {
		t.Errorf("it is drawn %d times, want once for each percent", len(lines)-1)
	}
	for _, line := range lines[:len(lines)-1] {
		if len(line) != lineWidth {
			t.Errorf("%q does not cover the line", line)
		}
	}
	for i, want := range map[int]string{
		0: "copying  [                              ] 0 of 1203 rows: messages", 50: "copying  [###############               ] 602 of 1203 rows: messages",
		100: "copying  [##############################] 1203 of 1203 rows: messages", 101: "checking [                              ] 0 of 1203 rows: messages", 102: "", 103: "",
	} {
		if got := strings.TrimRight(lines[i], " "); got != want {
			t.Errorf("line %d is %q, want %q", i, got, want)
		}
	}
}
