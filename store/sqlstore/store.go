// Package sqlstore keeps everything in an SQL database: one file of SQLite, or PostgreSQL when one machine is not enough.
// It is the one implementation of package store; a database is a dialect and its migrations, not a second text.
//
// Reads run side by side on a pool of readers, those of more than one statement in one snapshot. Every write goes
// through one goroutine, the batch writer; those of several processes take turns. A database that is away for a moment
// is waited for, see patience.
package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"letstalk/store"
)

// What is run most is kept prepared; any other text is prepared each time.
var (
	hotWrites = []string{savepoint, release, updateSeq, insertChange, insertChanges, insertMessage, touchLogin, upsertSession, selectTail, insertAudit}
	hotReads  = []string{selectSpan, selectChanges, selectRoomChanges, selectLogin, selectLive, selectDue, selectDueOf, selectEnded, selectSession, selectUser,
		selectRoom, selectState, selectRooms, selectVisible, selectView, selectOlder, selectNewer, selectOne}
)

// Options are what a store takes from outside. The zero value is the real world, silently.
type Options struct {
	Now    func() time.Time // if nil, time.Now, or the database's clock where several processes share it
	Logger *slog.Logger     // told of panics in writes; nil for nobody
	// Existing wants a workspace that was begun: it is an error if there is none.
	Existing bool
}

// Store is a store.Store in an SQL database.
type Store struct {
	dialect   dialect
	now       func() time.Time
	log       *slog.Logger
	pools     pools
	writer    *pool
	readers   *pool
	committed chan store.Seq
	epoch     atomic.Uint64
	workspace string

	writerName string // of this process among those that write
	batch      int64  // the number of its newest batch, where they are signed

	ownTime bool         // the options brought a clock
	ahead   atomic.Int64 // milliseconds that the database's clock is ahead of ours

	jobs    chan *job
	drained chan struct{} // closed when the batch writer has ended
	mu      sync.RWMutex  // held for reading while a job is handed over, so that Close can shut the door
	closed  bool
}

var _ store.Store = (*Store)(nil)

// Open opens the database at databaseURL, sqlite:PATH or postgres://…, making the file if there is none, unless it
// should exist, and bringing the schema up to date. Its errors are one line each and say what to do.
func Open(ctx context.Context, databaseURL string, opts Options) (*Store, error) {
	d, address, err := dialectOf(databaseURL)
	if err != nil {
		return nil, err
	}
	ownTime := opts.Now != nil
	if !ownTime {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Existing && d.exists != nil {
		if err := d.exists(address); err != nil {
			return nil, err
		}
	}
	p, err := d.open(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dialect: d, now: opts.Now, ownTime: ownTime, log: opts.Logger,
		pools: p, writer: &pool{DB: p.writer}, readers: &pool{DB: p.readers, instead: d.instead},
		committed: make(chan store.Seq, 1), writerName: rand.Text(),
		jobs: make(chan *job, maxBatch), drained: make(chan struct{}),
	}
	if err := s.prepare(ctx, address, opts.Existing); err != nil {
		return nil, errors.Join(err, p.close())
	}
	go s.run()
	return s, nil
}

// dialectOf returns the dialect of a database URL and the address in it.
func dialectOf(databaseURL string) (d dialect, address string, err error) {
	scheme, address, _ := strings.Cut(databaseURL, ":")
	d, ok := dialects()[scheme]
	if !ok {
		// The URL itself may hold a password.
		return d, "", fmt.Errorf("the database URL starts with %q, which this Let's Talk does not know: write sqlite:letstalk.db, sqlite:/full/path or postgres://user@host/database", scheme)
	}
	return d, address, nil
}

// prepare brings the schema up to date and readies the statements that are run most.
func (s *Store) prepare(ctx context.Context, address string, existing bool) error {
	if err := s.dialect.migrate(ctx, s.pools.migrator, address, existing); err != nil {
		return err
	}
	if s.dialect.prepares {
		if err := errors.Join(s.writer.prepare(ctx, hotWrites), s.readers.prepare(ctx, hotReads)); err != nil {
			return err
		}
	}
	return s.name(ctx)
}

// keepWriters is how long a writer is remembered that writes no more, for whoever wonders what became of its last batch.
const keepWriters = 24 * time.Hour

// name gives a new workspace its name, reads the name of one that has one, and sets the clock.
func (s *Store) name(ctx context.Context) error {
	t, err := s.writer.begin(ctx, nil)
	if err != nil {
		return fmt.Errorf("name the workspace: %w", err)
	}
	defer t.Rollback()
	if err = s.start(t); err == nil {
		_, err = t.exec(`INSERT INTO workspace (one, id, created_at) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING`,
			rand.Text(), millis(t.now))
	}
	if err == nil {
		_, err = t.exec(`DELETE FROM writers WHERE at < $1`, t.now.Add(-keepWriters).UnixMilli())
	}
	if err == nil {
		err = t.row(`SELECT id FROM workspace`).Scan(&s.workspace)
	}
	if err == nil {
		err = t.Commit()
	}
	if err != nil {
		return fmt.Errorf("name the workspace: %w", err)
	}
	return nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.Head(ctx)
	return err
}

// Epoch moves with every write but those of messages and of what no read shows.
func (s *Store) Epoch() uint64 { return s.epoch.Load() }

// Outdate moves the epoch, because another process is known to have written.
func (s *Store) Outdate() { s.epoch.Add(1) }

// Workspace names the data for ever.
func (s *Store) Workspace() string { return s.workspace }

// Shared reports whether several processes may serve this database.
func (s *Store) Shared() bool { return s.dialect.shared }

// Committed receives the newest change number soon after changes were committed.
func (s *Store) Committed() <-chan store.Seq { return s.committed }

// Close finishes the writes that were handed over and closes the database. Closing twice does nothing more.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		<-s.drained
		return nil
	}
	s.closed = true
	close(s.jobs)
	s.mu.Unlock()
	<-s.drained
	s.epoch.Add(1) // what was read before is not to be answered for it
	return s.pools.close()
}
