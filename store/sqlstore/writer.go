package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"letstalk/store"
)

const (
	// maxBatch is how many writes share one transaction, and so one wait for the disk, at most.
	maxBatch = 256
	// patience is how long a read or write waits for a database that does not answer.
	patience = 5 * time.Second
	// firstPause is how long it waits before it tries again; each further pause is twice as long, up to lastPause.
	firstPause = 20 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

var errClosed = errors.New("the store is closed")

// job is a write waiting for its turn. It may run more than once, each time in a transaction that knows nothing of the
// time before.
type job struct {
	ctx  context.Context
	do   func(*tx) error
	done chan error // receives one value, after the batch was committed or undone
	post *posting   // what do posts, if that is all it does

	keepsEpoch bool
}

// write has the batch writer run f and waits until its outcome is durable. A write whose context ends before its turn is
// dropped; one that has begun goes on, but its caller is told of the context at once.
func write[T any](ctx context.Context, s *Store, doing string, f func(*tx) (T, error)) (T, error) {
	return writeAs(ctx, s, &job{}, doing, f)
}

// writeInEpoch is write for what changes no person, login, session, room or membership that could be read.
func writeInEpoch[T any](ctx context.Context, s *Store, doing string, f func(*tx) (T, error)) (T, error) {
	return writeAs(ctx, s, &job{keepsEpoch: true}, doing, f)
}

// post is writeInEpoch for a message, which may be posted together with others.
func post(ctx context.Context, s *Store, p *posting) (store.Message, error) {
	_, err := writeAs(ctx, s, &job{keepsEpoch: true, post: p}, "post a message", func(t *tx) (struct{}, error) {
		return struct{}{}, t.post(p)
	})
	if err != nil {
		return store.Message{}, err // p may be in the writer's hands still
	}
	return p.message, nil
}

func writeAs[T any](ctx context.Context, s *Store, j *job, doing string, f func(*tx) (T, error)) (T, error) {
	var none, v T
	ctx, cancel := context.WithTimeoutCause(ctx, patience, store.ErrUnavailable)
	defer cancel()
	j.ctx, j.done = ctx, make(chan error, 1)
	j.do = func(t *tx) (err error) {
		v, err = f(t)
		return err
	}
	if err := s.submit(j); err != nil {
		return none, s.wrap(ctx, doing, err)
	}
	select {
	case err := <-j.done:
		if err != nil {
			return none, s.wrap(ctx, doing, err)
		}
		return v, nil
	case <-ctx.Done():
		// v is the writer's now.
		return none, s.wrap(ctx, doing, ctx.Err())
	}
}

// submit hands a job to the batch writer.
func (s *Store) submit(j *job) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed
	}
	select {
	case s.jobs <- j:
		return nil
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

// run is the batch writer. It ends when jobs is closed and empty.
func (s *Store) run() {
	defer close(s.drained)
	batch := make([]*job, 0, maxBatch)
	for j := range s.jobs {
		// Those answered a moment ago have their next write on the way: let them get it in.
		runtime.Gosched()
		batch = s.gather(append(batch[:0], j))
		o := s.settle(batch)
		if o.err == nil && o.head > 0 {
			select {
			case <-s.committed: // a number not yet taken is an older one
			default:
			}
			s.committed <- o.head
		}
		if slices.ContainsFunc(batch, func(j *job) bool { return !j.keepsEpoch }) {
			s.epoch.Add(1) // even after an error: a commit that failed to tell may have happened
		}
		for i, j := range batch {
			if o.err != nil {
				j.done <- o.err
			} else {
				j.done <- o.errs[i]
			}
		}
		clear(batch)
	}
}

// gather adds what is waiting, without waiting for more.
func (s *Store) gather(batch []*job) []*job {
	for len(batch) < maxBatch {
		select {
		case j, ok := <-s.jobs:
			if !ok {
				return batch
			}
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// outcome is what became of a batch.
type outcome struct {
	errs []error   // of each job, if err is nil
	head store.Seq // the newest change number, if one was taken
	err  error     // of the whole
	// doubt is the number of the batch if its commit was not answered.
	doubt int64
}

// settle commits a batch, again if what failed passes, for as long as somebody waits for it.
func (s *Store) settle(batch []*job) outcome {
	for pause := firstPause; ; pause = nextPause(pause) {
		o := s.commit(batch)
		if o.doubt != 0 {
			o = s.resolve(batch, o)
		}
		if o.err == nil || !s.dialect.passes(o.err) || !waitForAny(batch, pause) {
			return o
		}
		s.writer.refresh()
	}
}

// resolve finds out whether a batch was committed whose commit was not answered. The server may have crashed since, or
// another one may have taken over.
func (s *Store) resolve(batch []*job, o outcome) outcome {
	for pause := firstPause; ; pause = nextPause(pause) {
		s.writer.refresh()
		switch committed, err := s.isCommitted(o.doubt); {
		case err == nil && committed:
			o.err = nil
			return o
		case err == nil, !waitForAny(batch, pause):
			return o
		}
	}
}

// isCommitted reports whether the newest batch of this process is in the database.
func (s *Store) isCommitted(batch int64) (committed bool, err error) {
	ctx, cancel := s.batchContext()
	defer cancel()
	t, err := s.writer.begin(ctx, nil)
	if err != nil {
		return false, err
	}
	defer t.Rollback()
	// The batch has ended once its lock is to be had.
	if _, err := t.exec(`SELECT value FROM counter FOR UPDATE`); err != nil {
		return false, err
	}
	err = t.row(`SELECT EXISTS (SELECT 1 FROM writers WHERE writer = $1 AND batch = $2)`, s.writerName, batch).Scan(&committed)
	if err != nil {
		return false, err
	}
	// Because of its lock this commit, too, waits for a standby that is to have everything.
	return committed, t.Commit()
}

// waitForAny waits before another try and reports whether anybody still wants it.
func waitForAny(batch []*job, pause time.Duration) bool {
	for _, j := range batch {
		if wait(j.ctx, pause) {
			return true
		}
	}
	return false
}

// wait reports whether ctx still holds after a pause.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func nextPause(pause time.Duration) time.Duration { return min(2*pause, lastPause) }

// commit runs a batch in one transaction. At first its writes are trusted to succeed, or to leave nothing behind. If one does
// not, all is undone and done again with more care, so that a failure undoes only its own work.
func (s *Store) commit(batch []*job) outcome {
	var o outcome
	ways := []func(*tx, []*job, []error) error{s.together, s.oneByOne, s.carefully}
	if !s.dialect.together {
		ways = ways[1:]
	}
	for _, run := range ways {
		var spoilt bool
		if o, spoilt = s.attempt(batch, run); !spoilt {
			break
		}
	}
	return o
}

// attempt runs the jobs of a batch by run, in one transaction. run fails if the transaction can't go on; then it is spoilt.
func (s *Store) attempt(batch []*job, run func(*tx, []*job, []error) error) (o outcome, spoilt bool) {
	ctx, cancel := s.batchContext()
	defer cancel()
	t, err := s.writer.begin(ctx, nil)
	if err != nil {
		return outcome{err: err}, false
	}
	defer t.Rollback()
	if err := s.start(t); err != nil {
		return outcome{err: err}, false
	}
	o.errs = make([]error, len(batch))
	first := t.seq
	if err := run(t, batch, o.errs); err != nil {
		return outcome{err: err}, true
	}
	if err := t.count(); err != nil {
		return outcome{err: err}, false
	}
	if t.seq > first {
		o.head = t.seq
	}
	if o.err = t.Commit(); o.err != nil && s.dialect.passes(o.err) {
		o.doubt = s.batch
	}
	return o, false
}

// batchContext bounds how long a batch may take where the database is beyond a network. SQLite undoes a whole transaction
// when one statement is interrupted, and its disk answers or fails.
func (s *Store) batchContext() (context.Context, context.CancelFunc) {
	if s.dialect.shared {
		return context.WithTimeout(context.Background(), patience)
	}
	return context.Background(), func() {}
}

// start keeps the other writers out and takes over the state they left.
func (s *Store) start(t *tx) error {
	var args []any
	if s.dialect.shared {
		s.batch++
		args = []any{s.writerName, s.batch}
	}
	var now int64
	if err := t.row(s.dialect.turn, args...).Scan(&t.seq, &now); err != nil {
		return err
	}
	if now != 0 && !s.ownTime {
		s.ahead.Store(now - s.now().UnixMilli())
	}
	t.now = s.clock()
	return nil
}

// What a careful batch puts around each job.
const (
	savepoint = `SAVEPOINT turn`
	release   = `RELEASE SAVEPOINT turn`
	undo      = `ROLLBACK TO SAVEPOINT turn`
)

var errSpoilt = errors.New("a write failed half done")

// together runs the posts of a batch, as far as they are many, several to a statement; then the rest one by one.
func (s *Store) together(t *tx, batch []*job, errs []error) error {
	var posts []*posting
	posted := map[*job]bool{}
	for group := range slices.Chunk(slices.DeleteFunc(slices.Clone(batch), func(j *job) bool { return j.post == nil || j.ctx.Err() != nil }), postsTogether) {
		if len(group) < postsTogether {
			break
		}
		posts = posts[:0]
		for _, j := range group {
			posts = append(posts, j.post)
			posted[j] = true
		}
		if err := t.postTogether(posts); err != nil {
			return err
		}
	}
	for i, j := range batch {
		if !posted[j] {
			var err error
			if errs[i], err = s.dare(t, j); err != nil {
				return err
			}
		}
	}
	return nil
}

// oneByOne runs the jobs of a batch.
func (s *Store) oneByOne(t *tx, batch []*job, errs []error) (err error) {
	for i, j := range batch {
		if errs[i], err = s.dare(t, j); err != nil {
			return err
		}
	}
	return nil
}

// dare runs one job without a savepoint. The transaction is spoilt if it fails and has written, or if a statement failed,
// after which PostgreSQL takes no other.
func (s *Store) dare(t *tx, j *job) (err, spoilt error) {
	if j.ctx.Err() != nil {
		return context.Cause(j.ctx), nil
	}
	t.written = false
	if err = s.guard(t, j); err != nil && (t.written || !isAnswer(err) && !errors.Is(err, sql.ErrNoRows)) {
		return err, fmt.Errorf("%w: %w", errSpoilt, err)
	}
	return err, nil
}

// carefully runs the jobs of a batch so that the failure of one undoes only its own work.
func (s *Store) carefully(t *tx, batch []*job, errs []error) error {
	for i, j := range batch {
		if j.ctx.Err() != nil {
			errs[i] = context.Cause(j.ctx)
			continue
		}
		var spoilt error
		if errs[i], spoilt = s.turn(t, j); spoilt != nil {
			return fmt.Errorf("%w, after: %v", spoilt, errs[i]) // of which only spoilt is everybody's
		}
	}
	return nil
}

// turn runs one job with a savepoint. spoilt is not nil if the transaction can't go on: a full disk, for example, makes
// SQLite end it, and statements run after that would each be their own transaction.
func (s *Store) turn(t *tx, j *job) (err, spoilt error) {
	if _, err := t.exec(savepoint); err != nil {
		return nil, err
	}
	seq, taken := t.seq, len(t.taken)
	if err = s.guard(t, j); err != nil {
		t.seq, t.taken = seq, t.taken[:taken] // the numbers it took are free again
		if _, spoilt := t.exec(undo); spoilt != nil {
			return err, spoilt
		}
	}
	_, spoilt = t.exec(release)
	return err, spoilt
}

// guard keeps a panic in a write from ending the writer.
func (s *Store) guard(t *tx, j *job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in a write", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in a write: %v", p)
		}
	}()
	return j.do(t)
}
