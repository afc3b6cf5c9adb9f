package cluster

import (
	"encoding/json"
	"maps"
	"sync"
	"time"
)

// Tally counts what each person or address does within a minute, on all nodes together: what is done here at once, what is
// done on the others as they told last, about a second ago. It is an httprate.LimitCounter.
type Tally struct {
	window time.Duration
	least  int           // lower counts are not told: most people's, who come nowhere near a limit
	grown  chan struct{} // receives when a count has come so much closer to a limit that others should know

	mu                sync.Mutex
	start             time.Time // of the current window
	current, previous map[string]int
	elsewhere         map[string]map[string]int // by node
	told              map[string]int
}

// NewTally returns a tally that tells the other nodes of counts from least on.
func NewTally(least int) *Tally {
	return &Tally{
		window: time.Minute, least: least, grown: make(chan struct{}, 1),
		current: map[string]int{}, previous: map[string]int{},
		elsewhere: map[string]map[string]int{}, told: map[string]int{},
	}
}

// Config implements httprate.LimitCounter.
func (t *Tally) Config(_ int, window time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.window = window
}

// Increment implements httprate.LimitCounter.
func (t *Tally) Increment(key string, window time.Time) error { return t.IncrementBy(key, window, 1) }

// IncrementBy implements httprate.LimitCounter.
func (t *Tally) IncrementBy(key string, window time.Time, n int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(window)
	before := t.current[key]
	t.current[key] += n
	if t.current[key]/t.least > before/t.least {
		select {
		case t.grown <- struct{}{}:
		default: // that is known
		}
	}
	return nil
}

// Get implements httprate.LimitCounter. What other nodes count is of the last minute, whenever their windows begin: clocks
// differ.
func (t *Tally) Get(key string, window, _ time.Time) (current, previous int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(window)
	current = t.current[key]
	for _, counts := range t.elsewhere {
		current += counts[key]
	}
	return current, t.previous[key], nil
}

// turn moves on to the window that begins then; the mutex is held.
func (t *Tally) turn(window time.Time) {
	switch {
	case window.Equal(t.start), window.Equal(t.start.Add(-t.window)): // a clock that was set back a little ends no window
		return
	case window.Equal(t.start.Add(t.window)):
		t.current, t.previous = t.previous, t.current
	default:
		clear(t.previous)
	}
	clear(t.current)
	t.start = window
}

// news returns what is to be told to the others, and whether that is anything new.
func (t *Tally) news(now time.Time) (text string, changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now.Truncate(t.window))
	// As the limiter estimates: of the last window as much as still lies within a minute.
	share := 1 - float64(now.Sub(t.start))/float64(t.window)
	counts := map[string]int{}
	for _, of := range []map[string]int{t.current, t.previous} {
		for key := range of {
			if n := t.current[key] + int(share*float64(t.previous[key])); n >= t.least {
				counts[key] = n
			}
		}
	}
	if maps.Equal(counts, t.told) {
		return "", false
	}
	t.told = counts
	encoded, err := json.Marshal(counts)
	if err != nil {
		panic(err) // text and numbers can't fail
	}
	return string(encoded), true
}

// retell makes the next news new.
func (t *Tally) retell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = map[string]int{}
}

// hear takes what another node told.
func (t *Tally) hear(node, text string) error {
	var counts map[string]int
	if err := json.Unmarshal([]byte(text), &counts); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.elsewhere[node] = counts
	return nil
}

// forget drops what a node told that is gone.
func (t *Tally) forget(node string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.elsewhere, node)
}
