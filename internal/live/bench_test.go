package live

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letstalk/store"
)

// BenchmarkDeliver measures one change from Publish until the last stream's reader has it. In memory it is the price of
// the hub and its streams; over HTTP the sockets and the reading ends, which share the machine, come on top. A stalled
// reader comes back each time it is cut, so that there is always one.
func BenchmarkDeliver(b *testing.B) {
	for _, way := range []struct {
		name string
		open func(testing.TB, *crowd) *entrance
	}{{"in memory", inMemory}, {"over HTTP", overHTTP}} {
		for _, c := range []struct{ streams, stalled int }{{1, 0}, {100, 0}, {1000, 0}, {1000, 1}} {
			b.Run(fmt.Sprintf("%s/%d streams, %d stalled", way.name, c.streams, c.stalled), func(b *testing.B) {
				benchmarkDeliver(b, way.open, c.streams, c.stalled)
			})
		}
	}
}

func benchmarkDeliver(b *testing.B, open func(testing.TB, *crowd) *entrance, streams, stalled int) {
	h := newHub(b, func(o *Options) { o.MaxPerUser = streams })
	ctx, cancel := context.WithCancel(b.Context())
	c := &crowd{TB: b, Context: ctx, hub: h, of: int64(streams), all: make(chan struct{}, 1)}
	door := open(b, c)
	c.here.Add(streams + stalled)
	for range streams {
		c.group.Go(door.read)
	}
	for range stalled {
		c.group.Go(func() {
			for here := c.here.Done; ctx.Err() == nil; here = func() {} {
				door.stall(here)
			}
		})
	}
	c.here.Wait()

	data := bytes.Repeat([]byte("x"), 900)
	seq := store.Seq(0)
	for b.Loop() {
		seq++
		h.Publish(seq, []Delivery{{Room: 1, UpTo: seq, Data: data}})
		<-c.all
	}
	b.ReportMetric(float64(seq)*float64(streams)/b.Elapsed().Seconds(), "deliveries/s")

	cancel()
	h.Close(ctx)
	c.group.Wait()
}

// crowd is many streams' readers.
type crowd struct {
	testing.TB
	context.Context
	hub   *Hub
	group sync.WaitGroup
	here  sync.WaitGroup // until each has its stream
	got   atomic.Int64   // changes, all in all
	of    int64
	all   chan struct{} // receives a value each time all have got a change
}

// entrance is a way to get a stream. Both return when the stream has ended.
type entrance struct {
	read  func()
	stall func(here func())
}

// take reads part of a stream.
func (c *crowd) take(part []byte, here func()) {
	if bytes.Contains(part, []byte("data: entered")) {
		here()
	}
	for range bytes.Count(part, []byte("data: x")) {
		if c.got.Add(1)%c.of == 0 {
			c.all <- struct{}{}
		}
	}
}

var (
	reading  = Reader{Room: 1, Person: store.Person{ID: 1}}
	stalling = Reader{Room: 1, Person: store.Person{ID: 2}}
)

func inMemory(_ testing.TB, c *crowd) *entrance {
	return &entrance{
		read: func() {
			c.hub.Serve(&memory{page: newPage(), crowd: c, here: sync.OnceFunc(c.here.Done)}, request(c), reading)
		},
		stall: func(here func()) {
			c.hub.Serve(&wall{page: newPage(), here: sync.OnceFunc(here), cut: make(chan struct{})}, request(c), stalling)
		},
	}
}

// memory forgets what it reads.
type memory struct {
	*page
	*crowd
	here func()
}

func (m *memory) Write(p []byte) (int, error) {
	m.take(p, m.here)
	return len(p), nil
}

// wall takes what a stream begins with and then no byte more.
type wall struct {
	*page
	here func()
	once sync.Once
	cut  chan struct{}
}

func (f *wall) Write(p []byte) (int, error) {
	switch {
	case bytes.Contains(p, []byte("data: x")):
		<-f.cut
		return 0, os.ErrDeadlineExceeded
	case bytes.Contains(p, []byte("data: entered")):
		f.here()
	}
	return len(p), nil
}

func (f *wall) SetWriteDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		f.once.Do(func() { close(f.cut) })
	}
	return nil
}

func overHTTP(t testing.TB, c *crowd) *entrance {
	type connection struct{}
	ended := make(chan struct{}, 1) // of the stalled one
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := reading
		if r.URL.Path == "/stalling" {
			_ = r.Context().Value(connection{}).(*net.TCPConn).SetWriteBuffer(4 << 10)
			who = stalling
			who.Ended = func(int64) { ended <- struct{}{} }
		}
		if !c.hub.Serve(w, r, who) && who.Ended != nil {
			who.Ended(0)
		}
	}))
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connection{}, conn)
	}
	server.Start()
	t.Cleanup(server.Close)
	dial := func(path string) net.Conn {
		conn, err := (&net.Dialer{}).Dial("tcp", server.Listener.Addr().String())
		if err == nil && path == "/stalling" {
			err = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		if err == nil {
			_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
		if err != nil {
			panic(err) // no benchmark without connections
		}
		return conn
	}
	// lines reads a stream until it ends or the callback says that it is enough.
	lines := func(conn net.Conn, enough func([]byte) bool) {
		for r := bufio.NewReader(conn); ; {
			line, err := r.ReadSlice('\n')
			if err != nil || enough(line) {
				return
			}
		}
	}
	return &entrance{
		read: func() {
			conn := dial("/reading")
			defer conn.Close()
			here := sync.OnceFunc(c.here.Done)
			lines(conn, func(line []byte) bool { c.take(line, here); return false })
		},
		stall: func(here func()) {
			conn := dial("/stalling")
			defer conn.Close()
			lines(conn, func(line []byte) bool { return strings.HasPrefix(string(line), "data: entered") })
			here()
			<-ended
		},
	}
}
