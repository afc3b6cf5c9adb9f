package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// inPieces gives a text on in pieces of every size, each time to a new reader.
func inPieces(t *testing.T, text string, reader func() func([]byte) error, check func(size int)) {
	t.Helper()
	for size := 1; size <= len(text); size++ {
		feed := reader()
		for piece := range slices.Chunk([]byte(text), size) {
			if err := feed(piece); err != nil && !errors.Is(err, errEnded) {
				t.Fatalf("pieces of %d: %v", size, err)
			}
		}
		check(size)
	}
}

func TestMarksAreFoundWhereverReadsEnd(t *testing.T) {
	body := text(7, 1) + "mark:" + text(8, 2) + "<p>mark:0000009:0000</p>" + text(9, 3)
	var numbers []int
	var times []int64
	inPieces(t, body, func() func([]byte) error {
		numbers, times = nil, nil
		var f finder
		return func(p []byte) error {
			f.feed(p, func(number int, at int64) { numbers, times = append(numbers, number), append(times, at) })
			return nil
		}
	}, func(size int) {
		if !slices.Equal(numbers, []int{7, 8, 9}) || !slices.Equal(times, []int64{1, 2, 3}) {
			t.Errorf("pieces of %d: %v at %v", size, numbers, times)
		}
	})
}

func TestChunksAreTakenOffWhereverReadsEnd(t *testing.T) {
	var got strings.Builder
	inPieces(t, "5\r\nhello\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n", func() func([]byte) error {
		got.Reset()
		var c chunks
		return func(p []byte) error { return c.parse(p, func(p []byte) { got.Write(p) }) }
	}, func(size int) {
		if got.String() != "helloabcdefghijklmnopqrstuvwxyz" {
			t.Errorf("pieces of %d: %q", size, got.String())
		}
	})
	var c chunks
	if err := c.parse([]byte("hello"), func([]byte) {}); !errors.Is(err, errChunked) {
		t.Errorf("what is not in chunks: %v", err)
	}
}

func TestFramesAreReadWhereverReadsEnd(t *testing.T) {
	long := strings.Repeat("x", 300)
	frame := func(text string) string {
		var b strings.Builder
		if err := writeText(&b, text); err != nil {
			t.Fatal(err)
		}
		masked := []byte(b.String())
		masked[1] &^= 0x80 // as a server writes it
		head := 2
		if len(text) > 125 {
			head = 4
		}
		return string(append(masked[:head], masked[head+4:]...))
	}
	var got strings.Builder
	pings := 0
	inPieces(t, frame("hello")+frame("2")+frame(long)+frame("22"), func() func([]byte) error {
		got.Reset()
		pings = 0
		f := frames{ping: func() { pings++ }}
		return func(p []byte) error { return f.parse(p, func(p []byte) { got.Write(p) }) }
	}, func(size int) {
		if got.String() != "hello2"+long+"22" || pings != 1 {
			t.Errorf("pieces of %d: %q with %d pings", size, got.String(), pings)
		}
	})
	for _, bad := range []string{"\x82\x01x", "\x81\x00", "\x01\x01x"} {
		var f frames
		if err := f.parse([]byte(bad), func([]byte) {}); !errors.Is(err, errFrame) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestNotesOfAStream(t *testing.T) {
	var n *note
	inPieces(t, "retry: 1000\nid: 7\ndata: id: 9\n\n"+"data: "+strings.Repeat("x", 100)+"\nid:8\nevent: bye\nretry: 4200\n\nid: 99",
		func() func([]byte) error {
			n = &note{}
			return func(p []byte) error { n.feed(p); return nil }
		}, func(size int) {
			if n.id != 8 || n.retry != 4200*time.Millisecond {
				t.Errorf("pieces of %d: id %d, retry %v", size, n.id, n.retry)
			}
		})
}

func TestAnswersAreReadToTheirEnd(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/short":
			_, _ = io.WriteString(w, "hello")
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
		default:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(server.Close)
	w, err := dial(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for _, c := range []struct {
		path string
		want answer
	}{
		{"/short", answer{200, 5}}, {"/long", answer{200, 100_000}}, {"/", answer{418, 0}}, {"/short", answer{200, 5}},
	} {
		got, err := w.ask([]byte("GET " + c.path + " HTTP/1.1\r\nHost: x\r\n\r\n"))
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.path, got, err)
		}
	}
}

func TestNothingIsAskedOfAServerThatIsNoMore(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	w, err := dial(ctx, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	cancel()
	if _, err := w.ask([]byte("GET / HTTP/1.1\r\n\r\n")); err == nil {
		t.Error("an answer without a server")
	}
	if _, _, err := readHead(bufio.NewReader(strings.NewReader("HTTP/1.0 200 OK\r\n\r\n"))); err == nil {
		t.Error("HTTP/1.0 passes")
	}
}

func TestMissingAndDoubleDeliveriesAreNoticed(t *testing.T) {
	for _, c := range []struct {
		numbers []int
		whole   bool
	}{
		{[]int{0, 1, 2}, true}, {[]int{2, 0, 1}, true}, {[]int{0, 1}, false}, {[]int{0, 1, 1}, false}, {[]int{0, 1, 2, 2}, false},
	} {
		crowd := &crowd{readers: []*reader{{link: link{parser: plain{}}}}, done: make(chan struct{}, len(c.numbers))}
		crowd.watch(crowd.readers[0])
		for _, number := range c.numbers {
			if err := crowd.take(crowd.readers[0], []byte(text(number, 0))); err != nil {
				t.Fatal(err)
			}
		}
		if err := crowd.check(3); (err == nil) != c.whole {
			t.Errorf("%v: %v", c.numbers, err)
		}
	}
}
