package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"letstalk/store/sqlstore"
)

func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string][]string{
		"-h":       {"Usage: letstalk [-dev] [-h] [-version]", "BASE_URL", "(127.0.0.1:8080)"},
		"-help":    {"Usage: letstalk"},
		"-version": {"letstalk "},
	} {
		t.Run(args, func(t *testing.T) {
			dir := folder(t)
			var stdout, stderr strings.Builder
			if err := run(t.Context(), []string{args}, nil, &stdout, &stderr); err != nil {
				t.Fatal(err)
			}
			for _, say := range want {
				if !strings.Contains(stdout.String(), say) {
					t.Errorf("%q does not say %q", stdout.String(), say)
				}
			}
			if stderr.Len() > 0 {
				t.Errorf("it complained: %s", stderr.String())
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
	t.Run("the build names its version", func(t *testing.T) {
		out, err := exec.Command(binary, "-version").CombinedOutput()
		if err != nil || string(out) != "letstalk v0.0-test\n" {
			t.Errorf("%q, %v", out, err)
		}
	})
}

func TestUnknownArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-port", "80"}, "flag provided but not defined: -port; see letstalk -h"},
		{[]string{"-dev=maybe"}, `invalid boolean value "maybe" for -dev: parse error; see letstalk -h`},
		{[]string{"-dev", "serve"}, `unknown argument "serve"; see letstalk -h`},
	} {
		if got := refused(t, c.args); got != c.want {
			t.Errorf("%v: %q, want %q", c.args, got, c.want)
		}
	}
}

// exits runs the binary, which must refuse to start, and returns what it wrote.
func exits(t *testing.T, dir string, args []string, environ ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir, cmd.Env = dir, environ
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v, want exit status 1", err)
	}
	return string(out)
}

func TestExitStatus(t *testing.T) {
	dir := t.TempDir()
	t.Run("all configuration errors at once, a line each", func(t *testing.T) {
		out := exits(t, dir, nil, "LISTEN=x", "LOG_LEVEL=loud", "BASE_URL=http://chat.example.org")
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) != 7 || lines[0] != "letstalk: the configuration needs a look:" {
			t.Errorf("%d lines:\n%s", len(lines), out)
		}
		for _, name := range []string{"LISTEN", "LOG_LEVEL", "BASE_URL", "OIDC_ISSUER", "OIDC_CLIENT_ID", "SESSION_KEY"} {
			if strings.Count(out, "\n"+name) != 1 {
				t.Errorf("not one line about %s:\n%s", name, out)
			}
		}
	})
	t.Run("unknown flag", func(t *testing.T) {
		if out := exits(t, dir, []string{"-x"}); out != "letstalk: flag provided but not defined: -x; see letstalk -h\n" {
			t.Errorf("%q", out)
		}
	})
	t.Run("database that can't be made", func(t *testing.T) {
		out := exits(t, dir, []string{"-dev"}, "LISTEN=127.0.0.1:0", "DATABASE_URL=sqlite:none/chat.db")
		if strings.Count(out, "\n") != 1 || !strings.Contains(out, "there is no folder none; make it or choose another path") {
			t.Errorf("%q", out)
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestConfigurationThatCanNotBe(t *testing.T) {
	folder(t)
	full := []string{"BASE_URL=https://chat.example.org", "OIDC_ISSUER=https://login.example.org", "OIDC_CLIENT_ID=chat",
		"SESSION_KEY=0123456789abcdef0123456789abcdef"}
	for _, c := range []struct {
		name string
		args []string
		set  string
		want string
	}{
		{"http on a public host", nil, "BASE_URL=http://chat.example.org", "use https"},
		{"BASE_URL with a path", nil, "BASE_URL=https://example.org/chat", "enter the origin alone"},
		{"BASE_URL of garbage", nil, "BASE_URL=%%%", "enter an address such as"},
		{"no provider", nil, "OIDC_ISSUER=", "start with -dev to try it out"},
		{"-dev for the network", []string{"-dev"}, "LISTEN=0.0.0.0:0", "on this machine only"},
		{"-dev under a public name", []string{"-dev"}, "BASE_URL=https://chat.example.org", "for this machine only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			environ := full
			if len(c.args) > 0 {
				environ = nil
			}
			text, found := strings.CutPrefix(refused(t, c.args, append(environ, c.set)...), "the configuration needs a look:\n")
			name, _, _ := strings.Cut(c.set, "=")
			if !found || strings.Contains(text, "\n") || !strings.HasPrefix(text, name) || !strings.Contains(text, c.want) {
				t.Errorf("%q is not one line about %s that says %q", text, name, c.want)
			}
		})
	}
}

func TestBrokenDotenv(t *testing.T) {
	dir := folder(t)
	write(t, filepath.Join(dir, ".env"), "LISTEN=127.0.0.1:0\nSESSION_KEY='hunter2\n")
	want := "the configuration needs a look:\n.env, line 2 can't be understood: write NAME=value, and values with spaces, # or $ in single quotes"
	if got := refused(t, []string{"-dev"}); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// After each failed start the same port and folder must serve at once.
func TestWhatCanNotBeOpened(t *testing.T) {
	dir := folder(t)
	if err := os.WriteFile("recipes.txt", []byte(strings.Repeat("Not a database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer(t, filepath.Join(dir, "newer.db"))
	listen := "LISTEN=" + freePort(t)
	for _, c := range []struct {
		name, database string
		want           []string
	}{
		{"folder missing", "none/chat.db", []string{"there is no folder none", "make it"}},
		{"folder that can't be written", filepath.Join(unwritable(t), "chat.db"), []string{"can't be written", "let this user write"}},
		{"no database", "recipes.txt", []string{"is not an SQLite database", "move it away or choose another path"}},
		{"schema newer than the binary", "newer.db", []string{"was written by a newer Let's Talk", "start that one"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := refused(t, []string{"-dev"}, listen, "DATABASE_URL=sqlite:"+c.database)
			for _, say := range append(c.want, c.database) {
				if !strings.Contains(text, say) || strings.Contains(text, "\n") {
					t.Errorf("%q is not one line that says %q", text, say)
				}
			}
			p := launch(t, []string{"-dev"}, listen)
			if home := p.visitor().open("/"); home.StatusCode != http.StatusOK {
				t.Errorf("started again, it answers %s", home.Status)
			}
			if err := p.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// newer makes a database that a later version has been at.
func newer(t *testing.T, path string) {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:"+path, sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = raw.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
}

// unwritable returns a folder in which the user running the tests can't make a file.
func unwritable(t *testing.T) string {
	if os.Geteuid() == 0 {
		return "/proc" // permissions do not stop root
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	return dir
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestPortTaken(t *testing.T) {
	dir := folder(t)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	at := other.Addr().String()
	want := `LISTEN="` + at + `": another program listens there; stop it, or set LISTEN to another port`
	if got := refused(t, []string{"-dev"}, "LISTEN="+at); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a taken port left %v behind, %v", left, err)
	}
}

func TestAddressThatCanNotBe(t *testing.T) {
	folder(t)
	for listen, want := range map[string]string{
		"127.0.0.1:99999": "set LISTEN to an address and port of this machine",
		"192.0.2.1:8080":  "this machine has no such address", // TEST-NET-1 is nobody's
	} {
		text := refused(t, nil, "LISTEN="+listen, "BASE_URL=https://chat.example.org", "OIDC_ISSUER=https://login.example.org",
			"OIDC_CLIENT_ID=chat", "SESSION_KEY=0123456789abcdef0123456789abcdef")
		if !strings.HasPrefix(text, `LISTEN="`+listen+`": `) || !strings.Contains(text, want) || strings.Contains(text, "\n") {
			t.Errorf("%q is not one line that says %q", text, want)
		}
	}
}

func TestServesByDotenvAndSecretFiles(t *testing.T) {
	folder(t)
	write(t, "key", "0123456789abcdef0123456789abcdef\n")
	write(t, ".env", `
BASE_URL=http://chat.example.org # the environment below knows better
LISTEN=127.0.0.1:0
DATABASE_URL=sqlite:from-dotenv.db
OIDC_ISSUER=http://127.0.0.1:1
OIDC_CLIENT_ID=chat
SESSION_KEY_FILE=key
LOG_FORMAT=json
`)
	p := launch(t, nil, "BASE_URL=https://chat.example.org")
	if p.base != "https://chat.example.org" {
		t.Errorf("it says it is at %s", p.base)
	}
	_, at, _ := strings.Cut(strings.TrimSuffix(p.says, "."), "It listens on ")
	p.base = "http://" + at
	home := p.visitor().open("/")
	if home.StatusCode != http.StatusOK || home.Find("h1").Length() != 1 || home.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s with %v", home.Status, home.Header)
	}
	p.logs("the identity provider can't be reached yet")
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("from-dotenv.db"); err != nil {
		t.Error(err)
	}
	for _, line := range lines(p.log) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%q is no JSON", line)
		}
	}
}

func lines(b *buffer) []string { return strings.Split(strings.TrimSpace(b.String()), "\n") }
