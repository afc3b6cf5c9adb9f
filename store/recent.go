package store

import (
	"sync"
	"time"
)

// Recent remembers what a read answered, for reads that are made again and again. An answer is given again until the
// store's epoch moves, and for Life at the most, because other processes may write, too. Errors are not remembered. Its
// methods may be called from several goroutines at once.
type Recent[K comparable, V any] struct {
	// Epoch is the store's.
	Epoch func() uint64
	Life  time.Duration
	// Size is how many answers are remembered; with one more, all are forgotten.
	Size int
	// Now is the clock, time.Now if it is nil.
	Now func() time.Time

	mu      sync.Mutex
	answers map[K]answer[V]
}

type answer[V any] struct {
	value V
	epoch uint64
	at    time.Time
}

// Get returns what read answers for key, or has answered lately.
func (r *Recent[K, V]) Get(key K, read func() (V, error)) (V, error) {
	now := time.Now
	if r.Now != nil {
		now = r.Now
	}
	epoch, at := r.Epoch(), now() // before reading: a write in between makes the answer an old one
	r.mu.Lock()
	a, ok := r.answers[key]
	r.mu.Unlock()
	if age := at.Sub(a.at); ok && a.epoch == epoch && age >= 0 && age < r.Life {
		return a.value, nil
	}
	value, err := read()
	if err != nil {
		return value, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answers == nil || len(r.answers) >= r.Size {
		r.answers = map[K]answer[V]{}
	}
	r.answers[key] = answer[V]{value, epoch, at}
	return value, nil
}
