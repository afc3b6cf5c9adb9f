// Package pgtest starts real PostgreSQL servers for tests: Debian's or whoever's binaries, a cluster of its own in a
// temporary folder, and a socket there that nobody else reaches. No server and no folder outlives the test process,
// however that ends.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// patience is how long a server may take for anything; it is long because only a broken one takes it.
	patience = time.Minute

	admin = "postgres" // the superuser, for what Exec does
	owner = "letstalk" // who owns the databases and is in their URLs: nobody special, as in production
	port  = "5432"     // part of the socket's name, no port of the network
)

// Server is a PostgreSQL server with a cluster of its own. Its methods may be called from any goroutine.
type Server struct {
	programs string // the folder of PostgreSQL's programs
	dir      string // everything the server writes
	account  *account
	guard    *guard
	names    atomic.Int64 // how many databases Database has named

	mu       sync.Mutex
	postgres *process // nil before the first Run
}

// Start makes a new cluster and runs a server on it, which accepts connections when Start returns. The caller must
// Close it. Errors say what to install, or what the server wrote into its log.
func Start() (*Server, error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// Not in TMPDIR: its path may be too long for a socket, or closed to the server's account.
	dir, err := os.MkdirTemp("/tmp", "ltpg-")
	if err != nil {
		return nil, err
	}
	s := &Server{programs: programs, dir: dir, account: who}
	if err := s.setUp(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// New is a Server for one test, closed at its end. If there can't be one the test fails, with the message of Start.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	s.closeAfter(t)
	return s
}

// closeAfter closes the server at the end of a test, and shows the end of its log if the test failed.
func (s *Server) closeAfter(t testing.TB) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of PostgreSQL's log:\n%s", s.logged(""))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (s *Server) setUp() error {
	if err := s.account.give(s.dir); err != nil {
		return err
	}
	var err error
	if s.guard, err = s.newGuard(); err != nil {
		return err
	}
	if err := s.initialize(); err != nil {
		return err
	}
	if err := s.Run(); err != nil {
		return err
	}
	return s.Exec(admin, "CREATE ROLE "+owner+" LOGIN")
}

// Close ends the server, if it runs, and removes all it wrote. Closing it again does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guard.release()
	// What is left now is what the guard could not end or remove.
	s.postgres.kill()
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("the folder of a PostgreSQL server stays behind: %w", err)
	}
	return nil
}

// URL is how to connect to a database of the server, as the plain role that owns those which Database makes.
func (s *Server) URL(database string) string { return s.url(owner, database) }

func (s *Server) url(role, database string) string {
	// The port is named because a PGPORT in the environment would change the socket. Nothing needs escapes in a query.
	return "postgres://" + role + "@/" + url.PathEscape(database) + "?host=" + s.dir + "&port=" + port
}

// Socket is the path of the socket that the server listens on while it runs.
func (s *Server) Socket() string { return filepath.Join(s.dir, ".s.PGSQL."+port) }

// Database makes an empty database and returns its URL. It is dropped at the end of the test, whoever is connected; if
// the test failed, what the server logged about it is shown.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return s.Copy(t, "template1")
}

// Copy is Database that begins with what another one holds, which it names; nobody may be connected to that one.
func (s *Server) Copy(t testing.TB, of string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.names.Add(1))
	// By the default strategy, WAL_LOG, which makes no checkpoint: FILE_COPY took twice as long.
	if err := s.Exec(admin, "CREATE DATABASE "+name+" OWNER "+owner+" TEMPLATE "+of); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL about %s:\n%s", name, s.logged(" "+name+" "))
		}
		// A test may leave the server stopped or closed; the database goes with the folder then.
		if !s.runs() {
			return
		}
		if err := s.Exec(admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return s.URL(name)
}

// Exec runs statements in a database as superuser; "postgres" is one that is always there.
func (s *Server) Exec(database, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url(admin, database))
	if err != nil {
		return s.withLog(err)
	}
	defer conn.Close(ctx)
	// The simple protocol takes several statements at a time.
	if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	return nil
}
