package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// settings are what differs from PostgreSQL's own; all others are as in production.
var settings = []string{
	"listen_addresses=",
	"fsync=on", // the default, but what tests prove about crashes hangs on it
	"max_connections=200",
	"shared_buffers=16MB",
	// Before PostgreSQL 18 even an immediate stop may wait for a connection that has said nothing yet: a minute otherwise.
	"authentication_timeout=5s",
	"log_line_prefix=%m [%p] %d ",
}

// initialize makes the cluster.
func (s *Server) initialize() error {
	// --no-locale, so C: every machine has it, and it compares bytes, as SQLite does. C.UTF-8 would only add the case of
	// letters beyond ASCII, which the program folds itself, and some systems lack it.
	// --no-sync leaves out one sync of the new files, which is against a crash of the whole machine.
	p, err := s.launch(syscall.SIGKILL, "initdb", "--pgdata", s.data(), "--username", admin, "--auth", "trust",
		"--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	<-p.done
	if p.err != nil {
		return s.withLog(fmt.Errorf("initdb: %w", p.err))
	}
	return nil
}

// Run starts a stopped server on what it has kept, and returns when it accepts connections.
func (s *Server) Run() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.postgres.runs() {
		return errors.New("the PostgreSQL server runs already")
	}
	args := []string{"-D", s.data(), "-k", s.dir, "-p", port}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	// SIGQUIT rather than SIGKILL, so that it takes its own processes and shared memory along.
	p, err := s.launch(syscall.SIGQUIT, "postgres", args...)
	if err != nil {
		return err
	}
	s.postgres = p
	return s.awaitConnections(p)
}

func (s *Server) awaitConnections(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url(admin, admin))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.done:
			return s.withLog(fmt.Errorf("postgres ended: %w", p.err))
		case <-ctx.Done():
			return s.withLog(fmt.Errorf("postgres accepts no connections: %w", err))
		case <-tick.C:
		}
	}
}

// Stop ends the server and returns when it is gone. "fast" ends its sessions and writes everything out; "immediate"
// drops everything where it stands, as a crash would, and the next Run must recover.
func (s *Server) Stop(mode string) error {
	signal, ok := map[string]os.Signal{"fast": syscall.SIGINT, "immediate": syscall.SIGQUIT}[mode]
	if !ok {
		return fmt.Errorf("PostgreSQL can't be stopped %q", mode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.postgres.runs() {
		return errors.New("the PostgreSQL server does not run")
	}
	if err := s.postgres.cmd.Process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-s.postgres.done:
		return nil
	case <-time.After(patience):
		return s.withLog(fmt.Errorf("PostgreSQL does not stop %q", mode))
	}
}

// Restart is a fast Stop and a Run.
func (s *Server) Restart() error {
	if err := s.Stop("fast"); err != nil {
		return err
	}
	return s.Run()
}

func (s *Server) runs() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.postgres.runs()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
func (s *Server) log() string  { return filepath.Join(s.dir, "log") }

// withLog adds the end of the server's log to err.
func (s *Server) withLog(err error) error {
	return fmt.Errorf("%w\nthe end of PostgreSQL's log:\n%s", err, s.logged(""))
}

// logged is the last lines of the server's log that contain about.
func (s *Server) logged(about string) string {
	text, err := os.ReadFile(s.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return !strings.Contains(line, about) })
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// launch starts one of PostgreSQL's programs, which writes to the server's log and gets the signal when the test
// process dies.
func (s *Server) launch(death syscall.Signal, name string, args ...string) (*process, error) {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := s.command(filepath.Join(s.programs, name), args...)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithParent(cmd.SysProcAttr, death)
	return start(cmd)
}

// command is a program under the server's account.
func (s *Server) command(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir = s.dir // the account may not see the folder of the test, and these programs want to know where they are
	// Nothing of the test's environment: PGDATA and the like would change what these programs do.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	// In a group of its own, Ctrl-C in a terminal reaches the test only, and the server ends with that.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.account.credential()}
	return cmd
}
