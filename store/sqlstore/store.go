// Package sqlstore keeps everything in an SQL database: one file of SQLite. It is the one implementation of package
// store; the SQL is written so that a second database needs a dialect and its migrations, not a second text.
//
// Reads run side by side on a pool of readers, those of more than one statement in one snapshot. Every write goes
// through one goroutine, the batch writer.
package sqlstore

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"

	"letstalk/store"
)

//go:embed migrations
var migrations embed.FS

// What is run most is kept prepared; any other text is prepared each time.
var (
	hotWrites = []string{savepoint, release, selectSeq, updateSeq, insertChange, selectAuthor, insertMessage, touchLogin, upsertSession}
	hotReads  = []string{selectSpan, selectChanges, selectRoomChanges, selectLogin, selectLive, selectSession, selectUser,
		selectRoom, selectState, selectRooms, selectVisible, selectView, selectOlder, selectNewer, selectOne}
)

// Options are what a store takes from outside. The zero value is the real world, silently.
type Options struct {
	Now    func() time.Time // time.Now if nil; called from several goroutines
	Logger *slog.Logger     // told of panics in writes; nil for nobody
}

// Store is a store.Store in an SQL database.
type Store struct {
	dialect   dialect
	now       func() time.Time
	log       *slog.Logger
	writer    *pool
	readers   *pool
	committed chan struct{}
	epoch     atomic.Uint64

	jobs    chan *job
	drained chan struct{} // closed when the batch writer has ended
	mu      sync.RWMutex  // held for reading while a job is handed over, so that Close can shut the door
	closed  bool
}

var _ store.Store = (*Store)(nil)

// Open opens the database at databaseURL, which is sqlite:PATH, making it if there is none and bringing its schema up to
// date. Its errors are one line each and say what to do.
func Open(ctx context.Context, databaseURL string, opts Options) (*Store, error) {
	scheme, address, _ := strings.Cut(databaseURL, ":")
	d, ok := dialects()[scheme]
	if !ok {
		// The URL itself may hold a password.
		return nil, fmt.Errorf("the database URL starts with %q, which this Let's Talk does not know: write sqlite:letstalk.db or sqlite:/full/path", scheme)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	writer, readers, err := d.open(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dialect: d, now: opts.Now, log: opts.Logger,
		writer: &pool{DB: writer}, readers: &pool{DB: readers},
		committed: make(chan struct{}, 1),
		jobs:      make(chan *job, maxBatch), drained: make(chan struct{}),
	}
	if err := s.prepare(ctx, address); err != nil {
		return nil, errors.Join(err, readers.Close(), writer.Close())
	}
	go s.run()
	return s, nil
}

// prepare brings the schema up to date and readies the statements that are run most.
func (s *Store) prepare(ctx context.Context, address string) error {
	if err := s.migrate(ctx, address); err != nil {
		return err
	}
	_, err := s.writer.ExecContext(ctx,
		`INSERT INTO workspace (one, id, created_at) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING`,
		rand.Text(), s.now().UnixMilli())
	if err != nil {
		return fmt.Errorf("name the workspace: %w", err)
	}
	if err := s.writer.prepare(ctx, hotWrites); err != nil {
		return err
	}
	return s.readers.prepare(ctx, hotReads)
}

func (s *Store) migrate(ctx context.Context, address string) error {
	files, err := fs.Sub(migrations, "migrations/"+s.dialect.migrations)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(s.dialect.goose, s.writer.DB, files,
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	have, know, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("the schema of the database %s can't be read: %w", address, err)
	case have > know:
		return fmt.Errorf("the database %s was written by a newer Let's Talk (schema %d, this binary knows %d): start that one, or restore a backup",
			address, have, know)
	}
	if _, err := p.Up(ctx); err != nil {
		// Another process may have been faster.
		if pending, again := p.HasPending(ctx); again != nil || pending {
			return fmt.Errorf("the database %s can't be brought up to date: %w", address, err)
		}
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

// Committed receives a value soon after changes were committed.
func (s *Store) Committed() <-chan struct{} { return s.committed }

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
	// The writer goes last: the last connection to go folds the write-ahead log into the file.
	return errors.Join(s.readers.Close(), s.writer.Close())
}
