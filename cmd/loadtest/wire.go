package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// wire is a keep-alive HTTP/1.1 connection that reads answers and throws them away. It stands in for net/http's client,
// which would take more of the machine than some of the servers' answers.
type wire struct {
	conn   net.Conn
	r      *bufio.Reader
	unhook func() bool
	keep   *bytes.Buffer // where the body of the next answer goes, if anywhere
}

// answer is what is left of an HTTP response.
type answer struct {
	status int
	size   int64 // of the body as it came
}

// dial connects to a server on this machine; the connection breaks when ctx ends.
func dial(ctx context.Context, address string) (*wire, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	w.unhook = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return w, nil
}

func (w *wire) close() {
	w.unhook()
	_ = w.conn.Close()
}

// ask sends a request and reads the answer to its end.
func (w *wire) ask(request []byte) (answer, error) {
	if _, err := w.conn.Write(request); err != nil {
		return answer{}, err
	}
	status, length, err := readHead(w.r)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: status, size: length}
	switch {
	case length >= 0:
		return a, w.take(length)
	case length == toTheEnd:
		return a, errors.New("the answer ends the connection")
	}
	a.size = 0
	for {
		line, err := w.r.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 64)
		if err != nil {
			return a, fmt.Errorf("chunk size: %w", err)
		}
		a.size += size
		if err := w.take(size); err != nil {
			return a, err
		}
		if _, err := w.r.Discard(2); err != nil || size == 0 {
			return a, err
		}
	}
}

func (w *wire) take(n int64) error {
	if w.keep != nil {
		_, err := io.CopyN(w.keep, w.r, n)
		return err
	}
	_, err := w.r.Discard(int(n))
	return err
}

var (
	contentLength = []byte("Content-Length: ")
	chunked       = []byte("Transfer-Encoding: chunked")
)

// Lengths of bodies that don't say theirs.
const (
	inChunks = -1
	toTheEnd = -2 // of the connection
)

// readHead reads a response's status line and header. length is that of the body or one of the constants.
func readHead(r *bufio.Reader) (status int, length int64, err error) {
	length = toTheEnd
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case first:
			if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
				return 0, 0, fmt.Errorf("no HTTP/1.1 answer: %q", line)
			}
			if status, err = strconv.Atoi(string(line[9:12])); err != nil {
				return 0, 0, err
			}
		case len(line) == 0:
			return status, length, nil
		case bytes.HasPrefix(line, contentLength):
			if length, err = strconv.ParseInt(string(line[len(contentLength):]), 10, 64); err != nil || length < 0 {
				return 0, 0, errors.Join(errors.New("bad Content-Length"), err)
			}
		case bytes.Equal(line, chunked):
			length = inChunks
		}
	}
}
