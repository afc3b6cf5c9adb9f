package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"letstalk/internal/pgtest"
)

// postgres is a PostgreSQL server of this run, which waits for the disk as in earnest, and the databases in it.
type postgres struct {
	server *pgtest.Server
	pid    int
	copies int
}

const (
	peopleDatabase = "people"
	otherDatabase  = "postgres" // always there; what is asked there does not count
)

func startPostgres() (*postgres, error) {
	server, err := pgtest.Start()
	if err != nil {
		return nil, err
	}
	p := &postgres{server: server}
	if p.pid, err = postmaster(filepath.Dir(server.Socket())); err == nil {
		err = p.create(peopleDatabase, "template1")
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// postmaster reads the id of the server's first process, the parent of the others.
func postmaster(dir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return strconv.Atoi(string(line))
}

func (p *postgres) close() error {
	if p == nil {
		return nil
	}
	return p.server.Close()
}

func (p *postgres) create(name, template string) error {
	return p.server.Exec(otherDatabase, "CREATE DATABASE "+name+" OWNER letstalk TEMPLATE "+template)
}

func (p *postgres) template() string { return p.server.URL(peopleDatabase) }

func (p *postgres) copy() (database, error) {
	p.copies++
	name := p.newest()
	return database{p.server.URL(name), func() error {
		return p.server.Exec(otherDatabase, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}}, p.create(name, peopleDatabase)
}

// newest is the name of the newest copy.
func (p *postgres) newest() string { return fmt.Sprintf("run%d", p.copies) }

// cpu is what all of the server's processes have used.
func (p *postgres) cpu() (time.Duration, error) { return familyCPU(p.pid) }

// counters are what PostgreSQL counts.
type counters struct {
	transactions int64 // in the newest copy
	wal          int64 // bytes written ahead, by the whole server
	at           time.Time
}

func (p *postgres) counters(ctx context.Context) (c counters, err error) {
	conn, err := pgx.Connect(ctx, p.server.URL(otherDatabase))
	if err != nil {
		return c, err
	}
	defer conn.Close(ctx)
	c.at = time.Now()
	err = conn.QueryRow(ctx, `SELECT xact_commit + xact_rollback, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint
		FROM pg_stat_database WHERE datname = $1`, p.newest()).Scan(&c.transactions, &c.wal)
	return c, err
}
