package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

var (
	errEnded   = io.EOF
	errChunked = errors.New("the stream's body is not as HTTP/1.1 writes chunks")
)

// parser takes what a connection brings and gives on what its messages are in. It returns errEnded at the orderly end.
type parser interface {
	parse(p []byte, payload func([]byte)) error
}

// openStream opens a stream of server-sent events and returns once its first event is there.
func openStream(s *socket, address, path, cookie, cursor string) (*link, error) {
	lines := []string{"GET " + path + " HTTP/1.1", "Host: " + address, "Cookie: " + cookie, "Accept: text/event-stream",
		"Cache-Control: no-store", "HX-Request: true", "Sec-Fetch-Site: same-origin"}
	if cursor != "" {
		lines = append(lines, "Last-Event-ID: "+cursor)
	}
	if _, err := s.Write([]byte(strings.Join(append(lines, "", ""), "\r\n"))); err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(s, 4<<10)
	status, length, err := readHead(r)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, &refusedError{status}
	case length >= 0:
		return nil, errors.New("a stream's answer has an end")
	}
	var p parser = plain{}
	if length == inChunks {
		p = &chunks{}
	}
	// The greeting is the last thing before the stream takes part; it stays in r, for it belongs to the body.
	for {
		body, _ := r.Peek(r.Buffered()) // what is buffered is there
		if bytes.Contains(body, []byte("hello")) {
			return &link{socket: s, parser: p, early: r}, nil
		}
		if _, err := r.Peek(len(body) + 1); err != nil {
			return nil, err
		}
	}
}

// refusedError is an answer that is no stream.
type refusedError struct{ status int }

func (e *refusedError) Error() string {
	return fmt.Sprintf("a stream is refused with status %d", e.status)
}

// plain parses a body that is sent as it is.
type plain struct{}

func (plain) parse(p []byte, payload func([]byte)) error {
	payload(p)
	return nil
}

// chunks parses a body in HTTP/1.1's chunked coding.
type chunks struct {
	left  int // of the chunk's data
	after int // bytes that end the data
	size  int // as read so far
}

func (c *chunks) parse(p []byte, payload func([]byte)) error {
	for len(p) > 0 {
		switch {
		case c.left > 0:
			n := min(c.left, len(p))
			payload(p[:n])
			p = p[n:]
			if c.left -= n; c.left == 0 {
				c.after = 2
			}
		case c.after > 0:
			n := min(c.after, len(p))
			p = p[n:]
			c.after -= n
		default:
			b := p[0]
			p = p[1:]
			switch {
			case '0' <= b && b <= '9':
				c.size = c.size<<4 | int(b-'0')
			case 'a' <= b && b <= 'f':
				c.size = c.size<<4 | int(b-'a'+10)
			case b == '\r':
			case b == '\n' && c.size == 0:
				return errEnded
			case b == '\n':
				c.left, c.size = c.size, 0
			default:
				return errChunked
			}
		}
	}
	return nil
}
