package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Standby makes a server of its own that follows this one, which must run, and lets people read. The caller must Close it.
func (s *Server) Standby() (*Server, error) {
	dir, err := os.MkdirTemp("/tmp", "ltpg-")
	if err != nil {
		return nil, err
	}
	standby := &Server{programs: s.programs, dir: dir, account: s.account}
	if err := standby.setUpBehind(s); err != nil {
		return nil, errors.Join(err, standby.Close())
	}
	return standby, nil
}

// NewStandby is a Standby for one test, closed at its end. If there can't be one the test fails.
func (s *Server) NewStandby(t testing.TB) *Server {
	t.Helper()
	standby, err := s.Standby()
	if err != nil {
		t.Fatal(err)
	}
	standby.closeAfter(t)
	return standby
}

func (s *Server) setUpBehind(primary *Server) error {
	if err := s.account.give(s.dir); err != nil {
		return err
	}
	var err error
	if s.guard, err = s.newGuard(); err != nil {
		return err
	}
	p, err := s.launch(syscall.SIGKILL, "pg_basebackup", "--pgdata", s.data(), "--host", primary.dir, "--port", port,
		"--username", admin, "--write-recovery-conf", "--checkpoint", "fast", "--no-sync")
	if err != nil {
		return err
	}
	<-p.done
	if p.err != nil {
		return s.withLog(fmt.Errorf("pg_basebackup: %w", p.err))
	}
	return s.Run()
}

// AwaitStandbys has the server acknowledge no commit from now on that none of its standbys has on its disk, but for what
// Exec does. One of them must run.
func (s *Server) AwaitStandbys() error {
	for _, sql := range []string{
		// The databases of a test are dropped after its standbys are gone.
		"ALTER ROLE " + admin + " SET synchronous_commit = local",
		"ALTER SYSTEM SET synchronous_standby_names = '*'",
		"SELECT pg_reload_conf()",
	} {
		// One by one: together they would be a transaction, and the second is not allowed in any.
		if err := s.Exec(admin, sql); err != nil {
			return err
		}
	}
	if err := s.await("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')"); err != nil {
		return err
	}
	// The checkpointer is who tells the others to wait. It reads the settings before it does anything else.
	return s.Exec(admin, "CHECKPOINT")
}

// Promote makes a standby a primary, and returns when it takes writes.
func (s *Server) Promote() error {
	if err := s.Exec(admin, "SELECT pg_promote()"); err != nil {
		return err
	}
	return s.await("SELECT NOT pg_is_in_recovery()")
}

// await waits until the server answers a question with yes.
func (s *Server) await(question string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url(admin, admin))
	if err != nil {
		return s.withLog(err)
	}
	defer conn.Close(ctx)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var is bool
		if err := conn.QueryRow(ctx, question).Scan(&is); err != nil || is {
			return err
		}
		select {
		case <-ctx.Done():
			return s.withLog(fmt.Errorf("waited in vain for %s", question))
		case <-tick.C:
		}
	}
}
