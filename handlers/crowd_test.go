package handlers_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"letstalk/internal/live"
	"letstalk/store"
)

// stall opens a stream over HTTP/1.1 and never reads it.
func (p *person) stall(path string) {
	p.Helper()
	conn, err := (&net.Dialer{}).DialContext(p.Context(), "tcp", p.server.Listener.Addr().String())
	must(p, err)
	p.Cleanup(func() { _ = conn.Close() })
	must(p, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	var cookies []string
	for _, c := range p.http.Jar.Cookies(p.base) {
		cookies = append(cookies, c.String())
	}
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n\r\n", path, p.base.Host, strings.Join(cookies, "; "))
	must(p, err)
}

// stall2 does the same over HTTP/2.
func (p *person) stall2(path string) {
	p.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p.Cleanup(cancel)
	transport := p.http.Transport.(*http.Transport).Clone()
	transport.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}
	p.Cleanup(transport.CloseIdleConnections)
	client := *p.http
	client.Transport = transport
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base.String()+path, nil)
	must(p, err)
	res, err := client.Do(req)
	must(p, err)
	p.Cleanup(func() { _ = res.Body.Close() })
	want(p, "protocol", res.ProtoMajor, 2)
	want(p, "status", res.StatusCode, http.StatusOK)
}

// endings returns how many streams have ended.
func (s *site) endings() int {
	n := 0
	for _, line := range s.log.lines(s, "request") {
		if line["path"] == events {
			n++
		}
	}
	return n
}

func TestStalledReader(t *testing.T) {
	for _, c := range []struct {
		name  string
		tls   bool
		write time.Duration
		posts int
		words int
	}{
		{"delays nobody and ends when its queue is full", false, time.Hour, 500, 400},
		{"delays nobody and ends when a write takes too long", false, 300 * time.Millisecond, 40, 1900},
		{"of HTTP/2 delays nobody and ends when its queue is full", true, time.Hour, 500, 400},
		{"of HTTP/2 delays nobody and ends when a write takes too long", true, 300 * time.Millisecond, 40, 1900},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, setup{small: true, tls: c.tls, hub: func(o *live.Options) { slow(o); o.Write = c.write }})
			alice, bob := s.signIn("alice"), s.signIn("bob")
			room, err := s.store.Room(t.Context(), alice.id, "General")
			must(t, err)
			page := alice.get("/chat/General")
			if c.tls {
				bob.stall2(events)
			} else {
				bob.stall(events)
			}
			eventually(t, "bob being there", func() bool { return len(s.hub.People(room.ID)) == 1 })
			stream := alice.listen(events + "?after=" + page.cursor())
			stream.hello()
			var reader replica
			must(t, reader.load(page.page()))
			for i := range c.posts {
				m, err := s.store.CreateMessage(t.Context(), alice.id, room.ID, store.Draft{
					Body: fmt.Sprint(i, strings.Repeat("long", c.words)), Nonce: fmt.Sprint(i)})
				must(t, err)
				// Each message comes before the next is posted, so that alice's own queue never fills.
				stream.until(fmt.Sprint("message ", i), func(f frame) bool {
					if f.event == "" {
						must(t, reader.apply(f.data))
					}
					return f.isChange() && f.id >= int64(m.ID)
				})
			}
			must(t, reader.difference(s, alice.id, room))
			eventually(t, "the stalled stream's end", func() bool { return s.endings() == 1 })
			stream.close()
			eventually(t, "the other's end", func() bool { return s.endings() == 2 })
			noStreamsLeft(t)
		})
	}
}

// noStreamsLeft waits until no goroutine works for a stream any more.
func noStreamsLeft(t *testing.T) {
	t.Helper()
	buffer := make([]byte, 16<<20)
	var left []string
	eventually(t, "all streams' goroutines gone", func() bool {
		left = left[:0]
		for stack := range strings.SplitSeq(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
			if strings.Contains(stack, "r3labs/sse") || strings.Contains(stack, "live.(*conn)") || strings.Contains(stack, "live.(*streams)") {
				left = append(left, stack)
			}
		}
		return len(left) == 0
	})
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	s := open(t, setup{small: true, hub: func(o *live.Options) { o.MaxPerUser, o.Linger = 1000, time.Millisecond }})
	alice := s.signIn("alice")
	room := s.roomID(alice.id, "General")
	start := number(s.head())
	for i := range 100 {
		_, err := s.store.CreateMessage(t.Context(), alice.id, room, store.Draft{
			Body: fmt.Sprint(i, strings.Repeat("x", 7900)), Nonce: fmt.Sprint(i)})
		must(t, err)
	}
	s.handedOut()
	alice.http.CloseIdleConnections()
	before := runtime.NumGoroutine()

	const workers, each = 10, 100
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range each {
				if err := alice.comeAndGo(w*each+i, start); err != nil {
					t.Errorf("stream %d: %v", w*each+i, err)
				}
			}
		})
	}
	group.Wait()
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("the site complains: %s", line)
		}
	}
	noStreamsLeft(t)
	eventually(t, "as many goroutines as before", func() bool {
		alice.http.CloseIdleConnections()
		return runtime.NumGoroutine() <= before
	})
	eventually(t, "an empty room", func() bool { return len(s.hub.People(room)) == 0 })
	want(t, "streams served", s.endings(), workers*each)
}

// comeAndGo opens a stream and leaves at one point or another: at once, after hello, in the middle of a replay of more
// than any buffer holds, or once live.
func (p *person) comeAndGo(n int, start string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	path, frames := events, n%3 // hello and the list of people are sure to come
	if n%8 == 0 {
		path, frames = events+"?after="+start, n%5
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base.String()+path, nil)
	if err != nil {
		return err
	}
	res, err := p.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	r := bufio.NewReader(res.Body)
	for range frames {
		if _, err := readFrame(r); err != nil {
			return err
		}
	}
	return nil
}
