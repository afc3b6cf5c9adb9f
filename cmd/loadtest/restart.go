package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// returning is how many readers knock at the same time, at most.
	returning = 256
	// The page's own figures: views/layout.templ and hx-sse's jitter.
	longestDelay = 10 * time.Second
	jitter       = 0.3
	// talk is how many messages are posted before a restart, and again right after it.
	talk = 10
)

// measureRestart restarts the program under a full room. Each reader does as the page does: when its stream ends it
// waits as long as the last retry field said, give or take the jitter, and comes back with the last id; if that fails it
// waits twice as long, and so on. A try that finds nobody listening while the program is down is counted apart; any
// other that brings no stream counts as refused.
func measureRestart(ctx context.Context, b *bench) ([]row, error) {
	n := b.scale.restart
	var took time.Duration
	var w *wanderers
	err := withAudience(ctx, b.both()[0].start, n, b.scale.posters, func(ctx context.Context, a *audience) (err error) {
		took, w, err = b.comeBack(ctx, a)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []row{{
		what:   fmt.Sprintf("restart under %s readers: all back after the server's return", thousands(float64(n))),
		ours:   fmt.Sprintf("%.1f s, %d refused (%d tries while it was down)", took.Seconds(), w.refused, w.early),
		target: "≤ 10 s, 0 refused", reached: took <= 10*time.Second && w.refused == 0,
	}}, nil
}

func (b *bench) comeBack(ctx context.Context, a *audience) (took time.Duration, w *wanderers, err error) {
	s := a.server.(*running)
	path, err := s.stream(ctx)
	if err != nil {
		return 0, nil, err
	}
	w = &wanderers{crowd: a.crowd, slots: make(chan struct{}, returning), back: make(chan time.Time, len(a.readers)),
		open: func(i int, cursor string) (*link, error) { return s.open(i, path, cursor) }}
	defer w.away.Wait()
	w.ctx, w.end = context.WithCancel(ctx)
	defer w.end()
	w.follow()
	if err := a.pace(ctx, talk, talk); err != nil {
		return 0, w, err
	}
	a.dismiss() // who posts has no connection while the program is down
	stopping := time.Now()
	if err := s.restart(ctx); err != nil {
		return 0, w, err
	}
	returned := time.Now()
	w.returned(returned)
	if err := a.hire(ctx, b.scale.posters); err != nil {
		return 0, w, err
	}
	if err := a.post(ctx, talk, talk); err != nil {
		return 0, w, err
	}
	var times []time.Duration // from the server's return, sorted but for a hair
	for range a.readers {
		select {
		case at := <-w.back:
			times = append(times, at.Sub(returned))
		case <-ctx.Done():
			return 0, w, context.Cause(ctx)
		case <-time.After(2 * patience):
			return 0, w, fmt.Errorf("not all readers are back; %d were refused, last: %w", w.refused, w.why)
		}
	}
	took = slices.Max(times)
	fmt.Fprintf(b.log, "restart: down for %v; half are back after %v, all after %v; the longest answer took %v; "+
		"%d tries found nobody, %d were refused (%v)\n", round(returned.Sub(stopping)), round(times[len(times)/2]), round(took),
		round(w.longest), w.early, w.refused, w.why)
	return took, w, a.await(ctx, talk)
}

// wanderers are readers who come back.
type wanderers struct {
	*crowd
	ctx   context.Context
	end   context.CancelFunc
	open  func(number int, cursor string) (*link, error)
	slots chan struct{}
	back  chan time.Time // gets a value for each that is back
	away  sync.WaitGroup

	count   sync.Mutex    // guards the following
	since   time.Time     // when the server was there again, zero before
	early   int           // tries while it was not
	refused int           // tries later
	why     error         // of the last of those
	longest time.Duration // from a try to its stream
}

// follow has the crowd's readers note what their streams say about coming back, and do so.
func (w *wanderers) follow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	notes := make([]*note, len(w.readers))
	for i, r := range w.readers {
		notes[i] = &note{retry: time.Second} // as hello said before anybody listened
		w.listen(r, notes[i])
	}
	w.cut = func(i int, _ error) {
		w.away.Go(func() { w.comeBack(i, notes[i]) })
	}
}

func (w *wanderers) listen(r *reader, n *note) {
	payload := r.payload
	r.payload = func(p []byte) {
		n.feed(p)
		payload(p)
	}
}

func (w *wanderers) comeBack(i int, n *note) {
	for attempt := 0; ; attempt++ {
		delay := min(time.Duration(float64(n.retry)*math.Pow(2, float64(attempt))), longestDelay)
		delay += time.Duration(float64(delay) * jitter * (2*rand.Float64() - 1))
		if rest(w.ctx, delay) != nil {
			return
		}
		if w.try(i, n) {
			w.back <- time.Now()
			return
		}
	}
}

// try is one attempt to come back.
func (w *wanderers) try(i int, n *note) bool {
	w.slots <- struct{}{}
	defer func() { <-w.slots }()
	began := time.Now()
	l, err := w.open(i, strconv.FormatInt(n.id, 10))
	if err != nil {
		w.failed(began, err)
		return false
	}
	w.succeeded(began)
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.readers[i]
	if err := r.socket.Close(); err != nil {
		w.fail(err)
	}
	r.link, r.find = *l, finder{}
	n.line = n.line[:0]
	early, err := r.early.Peek(r.early.Buffered())
	if err == nil {
		r.early = nil
		err = w.take(r, early)
	}
	if err == nil {
		err = w.poller.add(r.socket, i)
	}
	if err != nil {
		w.fail(err)
	}
	return true
}

func (w *wanderers) returned(at time.Time) {
	w.count.Lock()
	defer w.count.Unlock()
	w.since = at
}

func (w *wanderers) succeeded(began time.Time) {
	w.count.Lock()
	defer w.count.Unlock()
	w.longest = max(w.longest, time.Since(began))
}

func (w *wanderers) failed(began time.Time, err error) {
	w.count.Lock()
	defer w.count.Unlock()
	if (w.since.IsZero() || began.Before(w.since)) && errors.Is(err, syscall.ECONNREFUSED) {
		w.early++
		return
	}
	w.refused++
	w.why = err
}

// note is what a reader has to know of its stream to come back.
type note struct {
	line  []byte // the start of one that is not whole yet
	id    int64
	retry time.Duration
}

// longField is more than a line can have that matters here.
const longField = 32

func (n *note) feed(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		part := p
		if end >= 0 {
			part = p[:end]
		}
		n.line = append(n.line, part[:min(len(part), longField-len(n.line))]...)
		if end < 0 {
			return
		}
		n.field(n.line)
		n.line = n.line[:0]
		p = p[end+1:]
	}
}

func (n *note) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	number, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
	switch {
	case err != nil:
	case string(name) == "id":
		n.id = number
	case string(name) == "retry":
		n.retry = time.Duration(number) * time.Millisecond
	}
}
