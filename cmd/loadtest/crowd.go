package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// connecting is how many readers connect at the same time.
const connecting = 32

// server is what is measured: letstalk or the Socket.IO server.
type server interface {
	spender
	rss() (int64, error) // bytes of memory it holds
	stop() error
	// opener returns what opens the readers' connections, each up to where it takes part in the room.
	opener(ctx context.Context) (func(number int) (*link, error), error)
	// poster opens a connection that posts to the room.
	poster(ctx context.Context, number int) (poster, error)
}

// link is a reader's open connection.
type link struct {
	socket *socket
	parser parser
	early  *bufio.Reader // holds what has been read already
	far    bool          // it leads to another node than the first
}

// reader is one who reads the room.
type reader struct {
	link
	find    finder
	payload func([]byte) // made once: a closure for each read would be most of the generator's garbage
	count   int          // messages seen
	sum     int          // of their numbers
}

// crowd is the readers of a room and what they have seen.
type crowd struct {
	poller *poller
	fail   context.CancelCauseFunc
	cut    func(number int, err error) // called when a reader is cut or sees nonsense, with mu held
	work   sync.WaitGroup

	mu        sync.Mutex // everything below; held while a batch of sockets is read
	readers   []*reader
	seen      []int32 // by a message's number: how many have it
	whole     int     // messages that all have
	received  int     // deliveries
	bytes     int
	heard     time.Time       // when the last batch came
	keep      bool            // keep latencies
	latencies []time.Duration // from a message's time to its delivery
	far       []time.Duration // those of readers at other nodes than the first

	done chan struct{} // gets a value for each message that all have; never full
}

// gather connects n readers to a server and waits until nothing more comes to them.
func gather(ctx context.Context, fail context.CancelCauseFunc, s server, n int) (c *crowd, err error) {
	open, err := s.opener(ctx)
	if err != nil {
		return nil, err
	}
	c = &crowd{fail: fail, readers: make([]*reader, n), done: make(chan struct{}, maxMarks)}
	c.cut = func(i int, err error) { fail(fmt.Errorf("reader %d was cut: %w", i, err)) }
	if c.poller, err = newPoller(); err != nil {
		return nil, err
	}
	c.work.Go(func() {
		if err := c.poller.run(c.read()); err != nil {
			fail(err)
		}
	})
	var connectors sync.WaitGroup
	for w := range min(connecting, n) {
		connectors.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += connecting {
				if err := c.join(open, i); err != nil {
					fail(fmt.Errorf("reader %d: %w", i, err))
				}
			}
		})
	}
	connectors.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if err := c.settle(ctx); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *crowd) join(open func(int) (*link, error), i int) error {
	l, err := open(i)
	if err != nil {
		return err
	}
	r := &reader{link: *l}
	c.watch(r)
	early, err := r.early.Peek(r.early.Buffered())
	if err != nil {
		return err
	}
	r.early = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	c.readers[i] = r
	if err := c.take(r, early); err != nil {
		return err
	}
	return c.poller.add(r.socket, i)
}

// A crowd counts as settled when in a while only as much has come as heartbeats are: presence is told once a second, to
// everybody and in many more bytes.
const (
	settling   = 1500 * time.Millisecond
	quietBytes = 30 // for a reader
)

// settle waits until the readers are told no more about each other.
func (c *crowd) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the readers are still told things long after they came"))
	defer cancel()
	for {
		c.mu.Lock()
		before := c.bytes
		c.mu.Unlock()
		if err := rest(ctx, settling); err != nil {
			return err
		}
		c.mu.Lock()
		more := c.bytes - before
		c.mu.Unlock()
		if more <= quietBytes*len(c.readers) {
			return nil
		}
	}
}

// read returns what reads sockets that have something.
func (c *crowd) read() func(numbers []int) {
	buffer := make([]byte, 256<<10)
	return func(numbers []int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, i := range numbers {
			r := c.readers[i]
			n, err := r.socket.poll(buffer)
			if n > 0 {
				err = c.take(r, buffer[:n])
			}
			if err != nil {
				c.poller.remove(r.socket)
				c.cut(i, err)
			}
		}
	}
}

// take gives a reader what has come for it; mu is held.
func (c *crowd) take(r *reader, p []byte) error {
	c.heard = time.Now()
	c.bytes += len(p)
	return r.parser.parse(p, r.payload)
}

// watch prepares what notes the messages that a reader gets.
func (c *crowd) watch(r *reader) {
	found := func(number int, at int64) {
		r.count++
		r.sum += number
		c.received++
		switch late := c.heard.Sub(epoch) - time.Duration(at); {
		case c.keep && r.link.far:
			c.far = append(c.far, late)
		case c.keep:
			c.latencies = append(c.latencies, late)
		}
		for number >= len(c.seen) {
			c.seen = append(c.seen, 0)
		}
		if c.seen[number]++; int(c.seen[number]) == len(c.readers) {
			c.whole++
			c.done <- struct{}{}
		}
	}
	r.payload = func(p []byte) { r.find.feed(p, found) }
}

// check tells whether every reader has seen each of the first n messages once.
func (c *crowd) check(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	missing, odd := 0, 0
	for _, r := range c.readers {
		missing += max(0, n-r.count)
		if r.count != n || r.sum != n*(n-1)/2 {
			odd++
		}
	}
	if odd > 0 {
		return fmt.Errorf("%d of %d readers did not get each of %d messages once; %d deliveries are missing",
			odd, len(c.readers), n, missing)
	}
	return nil
}

func (c *crowd) close() error {
	c.poller.end()
	c.work.Wait()
	err := c.poller.close()
	for _, r := range c.readers {
		if r != nil {
			err = errors.Join(err, r.socket.Close())
		}
	}
	return err
}
