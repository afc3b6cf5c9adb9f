package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
)

// maxBatch is how many writes share one transaction, and so one wait for the disk, at most.
const maxBatch = 256

var errClosed = errors.New("the store is closed")

// job is a write waiting for its turn.
type job struct {
	ctx  context.Context
	do   func(*tx) error
	done chan error // receives one value, after the batch was committed or undone

	keepsEpoch bool
}

// write has the batch writer run f and waits until its outcome is durable. A write whose context ends before its turn is
// dropped; one that has begun goes on, but its caller is told of the context at once.
func write[T any](ctx context.Context, s *Store, doing string, f func(*tx) (T, error)) (T, error) {
	return do(ctx, s, false, doing, f)
}

// writeInEpoch is write for what changes no person, login, session, room or membership that could be read.
func writeInEpoch[T any](ctx context.Context, s *Store, doing string, f func(*tx) (T, error)) (T, error) {
	return do(ctx, s, true, doing, f)
}

func do[T any](ctx context.Context, s *Store, keepsEpoch bool, doing string, f func(*tx) (T, error)) (T, error) {
	var none, v T
	j := &job{ctx: ctx, done: make(chan error, 1), keepsEpoch: keepsEpoch, do: func(t *tx) (err error) {
		v, err = f(t)
		return err
	}}
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
		return none, ctx.Err()
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
		errs, changed, err := s.commit(batch)
		if err == nil && changed {
			select {
			case s.committed <- struct{}{}:
			default: // a signal not yet taken stands for this one, too
			}
		}
		if slices.ContainsFunc(batch, func(j *job) bool { return !j.keepsEpoch }) {
			s.epoch.Add(1) // even after an error: a commit that failed to tell may have happened
		}
		for i, j := range batch {
			if err != nil {
				j.done <- err
			} else {
				j.done <- errs[i]
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

// commit runs a batch in one transaction. errs has the outcome of each job if err, the outcome of the whole, is nil.
func (s *Store) commit(batch []*job) (errs []error, changed bool, err error) {
	// No caller's context: SQLite undoes the whole transaction when one statement is interrupted.
	t, err := s.writer.begin(context.Background(), false)
	if err != nil {
		return nil, false, err
	}
	defer t.Rollback()
	errs = make([]error, len(batch))
	for i, j := range batch {
		if errs[i] = j.ctx.Err(); errs[i] != nil {
			continue
		}
		var undone error
		if errs[i], undone = s.turn(t, j); undone != nil {
			return nil, false, errors.Join(errs[i], undone)
		}
	}
	if err := t.count(); err != nil {
		return nil, false, err
	}
	return errs, t.changed, t.Commit()
}

const (
	savepoint = `SAVEPOINT turn`
	release   = `RELEASE SAVEPOINT turn`
	undo      = `ROLLBACK TO SAVEPOINT turn`
)

// turn runs one job so that its failure undoes only its own work. broken is not nil if the transaction can't go on: a
// full disk, for example, makes SQLite end it, and statements run after that would each be their own transaction.
func (s *Store) turn(t *tx, j *job) (err, broken error) {
	if _, err := t.exec(savepoint); err != nil {
		return nil, err
	}
	t.now = s.clock()
	seq, counting := t.seq, t.counting
	if err = s.guard(t, j); err != nil {
		t.seq, t.counting = seq, counting // the numbers it took are free again
		if _, broken := t.exec(undo); broken != nil {
			return err, broken
		}
	}
	_, broken = t.exec(release)
	return err, broken
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
