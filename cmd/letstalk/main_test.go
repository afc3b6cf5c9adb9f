package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"letstalk/internal/pgtest"
)

// patience is how long a test waits for what it needs; it is long because only a broken test waits for it.
const patience = 30 * time.Second

// binary is the program, built once, for tests to whom a process matters.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "letstalk-cmd-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "letstalk")
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-X main.version=v0.0-test", "-o", binary, ".")
	code := 1
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the program: %v\n%s", err, out)
	} else {
		code = pgtest.Main(m)
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// folder makes a new folder the working one, as if the program were started there.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refused runs the program with settings that keep it from starting and returns why. Nothing may be left of the try.
func refused(t *testing.T, args []string, environ ...string) string {
	t.Helper()
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr strings.Builder
	err := run(ctx, args, environ, &stdout, &stderr)
	if err == nil {
		t.Fatal("the program ran")
	}
	if stdout.Len()+stderr.Len() > 0 {
		t.Errorf("besides its error the program wrote %q and %q", stdout.String(), stderr.String())
	}
	noMoreGoroutines(t, before)
	return err.Error()
}

func noMoreGoroutines(t *testing.T, than int) {
	t.Helper()
	until(t, func() bool { return runtime.NumGoroutine() <= than }, func() string {
		stacks := make([]byte, 1<<20)
		return fmt.Sprintf("%d goroutines before, %d now:\n%s", than, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
	})
}

// until looks again and again whether something holds; if it never does, the test fails with what went wrong.
func until(t *testing.T, holds func() bool, wrong func() string) {
	t.Helper()
	deadline, look := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal(wrong())
		}
	}
}

// program is a running copy.
type program struct {
	t    *testing.T
	base string  // what it printed as its address
	at   string  // where it listens, if people reach it under another address
	says string  // the second line it printed
	more *buffer // the lines after that
	log  *buffer // what it logged
	stop func() error
}

// launch runs the program in this process until the test ends or stop is called.
func launch(t *testing.T, args []string, environ ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	p := &program{t: t, log: &buffer{}}
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, environ, in, p.log)
		_ = in.Close()
		done <- err
	}()
	p.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return fmt.Errorf("still running after %v", patience)
		}
	})
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Errorf("the program ended with %v\n%s", err, p.log)
		}
	})
	p.listen(out)
	return p
}

// listen reads the two lines a program prints when it serves.
func (p *program) listen(out io.Reader) {
	p.t.Helper()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		p.t.Fatalf("the program said nothing and ended with %v\n%s", p.stop(), p.log)
	}
	var found bool
	if _, p.base, found = strings.Cut(lines.Text(), "Let's Talk is at "); !found {
		p.t.Fatalf("the program said %q", lines.Text())
	}
	lines.Scan()
	p.says, p.more = lines.Text(), &buffer{}
	go func() {
		for lines.Scan() {
			fmt.Fprintln(p.more, lines.Text())
		}
	}()
}

// logs waits until the log holds a text.
func (p *program) logs(text string) {
	p.t.Helper()
	until(p.t, func() bool { return strings.Contains(p.log.String(), text) }, func() string {
		return fmt.Sprintf("the log never says %q:\n%s", text, p.log)
	})
}

// visitor is a browser without scripts. It finds localhost where the program listens, as browsers do.
type visitor struct {
	t *testing.T
	*http.Client
	program *program
	seen    []string // cookies, states, codes and other things the log must not hold
}

func (p *program) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	v := &visitor{t: p.t, program: p}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if v.program.at != "" && "http://"+addr == v.program.base {
			addr = v.program.at
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if host, port, _ := net.SplitHostPort(addr); err != nil && host == "localhost" {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("::1", port))
		}
		return conn, err
	}}
	p.t.Cleanup(transport.CloseIdleConnections)
	v.Client = &http.Client{Jar: jar, Transport: transport, Timeout: patience, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		v.remember(r.URL)
		return nil
	}}
	return v
}

func (v *visitor) remember(u *url.URL) {
	for name, values := range u.Query() {
		switch name {
		case "code", "state", "nonce", "code_challenge", "id_token_hint":
			v.seen = append(v.seen, values...)
		}
	}
	for _, cookie := range v.Jar.Cookies(u) {
		v.seen = append(v.seen, cookie.Value)
	}
}

// page is an answer with its body read.
type page struct {
	*http.Response
	*goquery.Document
}

func (v *visitor) got(resp *http.Response, err error) page {
	v.t.Helper()
	if err != nil {
		v.t.Fatalf("%v\n%s", err, v.program.log)
	}
	defer resp.Body.Close()
	doc, err := goquery.NewDocumentFromReader(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.remember(resp.Request.URL)
	return page{resp, doc}
}

func (v *visitor) open(path string) page {
	v.t.Helper()
	return v.got(v.Get(v.program.base + path))
}

// signIn goes through the development provider and returns the page it ends at.
func (v *visitor) signIn(account, path string) page {
	v.t.Helper()
	login := v.open("/users/login?return=" + url.QueryEscape(path))
	form := login.Find("form:has(button[name=account])")
	action, err := login.Request.URL.Parse(form.AttrOr("action", ""))
	if err != nil || form.Length() != 1 {
		v.t.Fatalf("%s is no login page: %s", login.Request.URL, login.Text())
	}
	ticket := form.Find("input[name=ticket]").AttrOr("value", "")
	v.seen = append(v.seen, ticket)
	end := v.got(v.PostForm(action.String(), url.Values{"ticket": {ticket}, "account": {account}}))
	if end.StatusCode != http.StatusOK || end.Request.URL.Path != path {
		v.t.Fatalf("signing in ended at %s, %s: %s\n%s", end.Request.URL.Path, end.Status, end.Text(), v.program.log)
	}
	return end
}

// buffer collects what the program logs while the test may read it.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
