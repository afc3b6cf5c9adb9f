package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a running copy of the binary.
type process struct {
	*program
	cmd *exec.Cmd
	dir string
}

// spawn starts the binary; it is killed, and the test fails, if it has not ended when patience has.
func spawn(t *testing.T) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	p := &process{program: &program{t: t, log: &buffer{}}, dir: t.TempDir(), cmd: exec.CommandContext(ctx, binary, "-dev")}
	p.stop = func() error { return nil }
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = p.dir, []string{"LISTEN=127.0.0.1:0"}, p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	p.listen(out)
	return p
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// upload is a message whose words are still on their way when the server already reads them.
type upload struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	body string
}

func (p *process) upload(v *visitor, words string) *upload {
	p.t.Helper()
	base, err := url.Parse(p.base)
	if err != nil {
		p.t.Fatal(err)
	}
	conn, err := net.Dial("tcp", "127.0.0.1:"+base.Port())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	u := &upload{t: p.t, conn: conn, in: bufio.NewReader(conn), body: url.Values{"body": {words}, "nonce": {"1"}}.Encode()}
	var cookies []string
	for _, c := range v.Jar.Cookies(base) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	fmt.Fprintf(conn, "POST /chat/General/messages HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nExpect: 100-continue\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", base.Host, strings.Join(cookies, "; "), len(u.body))
	status, err := u.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(status, "HTTP/1.1 100 ") {
		p.t.Fatalf("%q, %v\n%s", status, err, p.log)
	}
	if _, err := u.in.ReadString('\n'); err != nil {
		p.t.Fatal(err)
	}
	return u
}

func (u *upload) finish() *http.Response {
	u.t.Helper()
	if _, err := io.WriteString(u.conn, u.body); err != nil {
		u.t.Fatal(err)
	}
	resp, err := http.ReadResponse(u.in, nil)
	if err != nil {
		u.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}

// event reads a stream up to a named event's line.
func event(t *testing.T, stream *bufio.Reader, name string) {
	t.Helper()
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			t.Fatalf("no %s: %v", name, err)
		}
		if strings.TrimSpace(line) == "event: "+name {
			return
		}
	}
}

func TestStop(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := spawn(t)
			v := p.visitor()
			v.signIn("alice", "/chat/General")
			resp, err := v.Get(p.base + "/chat/General/events")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			stream := bufio.NewReader(resp.Body)
			event(t, stream, "hello")
			message := p.upload(v, "still on its way")

			p.signal(sig)
			event(t, stream, "bye")
			if rest, err := io.ReadAll(stream); err != nil || strings.Contains(string(rest), "event:") {
				t.Errorf("after bye came %q, %v", rest, err)
			}
			if resp := message.finish(); resp.StatusCode != http.StatusSeeOther {
				t.Errorf("the request under way was answered %s", resp.Status)
			}
			if err := p.cmd.Wait(); err != nil {
				t.Fatalf("it ended with %v\n%s", err, p.log)
			}

			path := filepath.Join(p.dir, "letstalk.db")
			if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the write-ahead log is still there: %v", err)
			}
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var body, sound string
			if err := db.QueryRow(`SELECT body FROM messages`).Scan(&body); err != nil || body != "still on its way" {
				t.Errorf("the message is %q, %v", body, err)
			}
			if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&sound); err != nil || sound != "ok" {
				t.Errorf("the database is %q, %v", sound, err)
			}
		})
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := spawn(t)
	v := p.visitor()
	v.signIn("alice", "/chat/General")
	p.upload(v, "never to be finished")
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	ended := make(chan error, 1)
	p.signal(syscall.SIGTERM)
	go func() { ended <- p.cmd.Wait() }()
	for {
		select {
		case <-ended:
			status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != syscall.SIGTERM {
				t.Errorf("it ended with %v", p.cmd.ProcessState)
			}
			return
		case <-again.C:
			_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended meanwhile
		}
	}
}

// A request that never ends must not keep the program from stopping.
func TestStopWaitsForNobodyForEver(t *testing.T) {
	p := spawn(t)
	v := p.visitor()
	v.signIn("alice", "/chat/General")
	p.upload(v, "never to be finished")
	p.signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v\n%s", err, p.log)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	folder(t)
	p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0") // so that what libraries start once is there
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for range 3 {
		p := launch(t, []string{"-dev"}, "LISTEN=127.0.0.1:0")
		v := p.visitor()
		v.signIn("bob", "/dashboard")
		if err := p.stop(); err != nil {
			t.Fatal(err)
		}
		v.CloseIdleConnections()
	}
	noMoreGoroutines(t, before)
}
