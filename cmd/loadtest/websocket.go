package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Opcodes of WebSocket frames (RFC 6455 §5.2).
const (
	opText  = 1
	opClose = 8
)

var (
	errNoUpgrade = errors.New("the server does not speak WebSocket there")
	errFrame     = errors.New("a WebSocket frame is not one of a Socket.IO server")
)

// upgrade turns a connection into a WebSocket. The answer's key goes unchecked: what is measured is no stranger.
func upgrade(w io.Writer, r *bufio.Reader, host, path string) error {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZHRlc3QtbG9hZHRlcw==\r\n\r\n"
	if _, err := io.WriteString(w, request); err != nil {
		return err
	}
	status, _, err := readHead(r)
	if err == nil && status != http.StatusSwitchingProtocols {
		err = fmt.Errorf("%w: status %d", errNoUpgrade, status)
	}
	return err
}

// writeText sends a text frame. Clients mask theirs; a key of zeros changes nothing but is one.
func writeText(w io.Writer, text string) error {
	frame := []byte{0x80 | opText}
	if n := len(text); n < 126 {
		frame = append(frame, 0x80|byte(n))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n)) // ours are far below 64 KB
	}
	frame = append(append(frame, 0, 0, 0, 0), text...)
	_, err := w.Write(frame)
	return err
}

// readText reads one frame whole.
func readText(r *bufio.Reader) (string, error) {
	var text []byte
	var f frames
	for whole := false; !whole; whole = f.n == 0 && f.left == 0 {
		b, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if err := f.parse([]byte{b}, func(p []byte) { text = append(text, p...) }); err != nil {
			return "", err
		}
	}
	return string(text), nil
}

// frames parses the frames of a WebSocket, as a server writes them: whole, not masked, text.
type frames struct {
	head  [10]byte
	n     int    // bytes of the head there are
	left  int    // bytes of the payload that are to come
	size  int    // of the payload
	first byte   // of the payload
	ping  func() // called at Engine.IO's ping, a frame of one byte
}

func (f *frames) parse(p []byte, payload func([]byte)) error {
	for len(p) > 0 {
		if f.left > 0 {
			if f.left == f.size {
				f.first = p[0]
			}
			n := min(f.left, len(p))
			payload(p[:n])
			p = p[n:]
			if f.left -= n; f.left == 0 && f.size == 1 && f.first == '2' && f.ping != nil {
				f.ping()
			}
			continue
		}
		f.head[f.n] = p[0]
		f.n++
		p = p[1:]
		if err := f.begin(); err != nil {
			return err
		}
	}
	return nil
}

// begin looks whether the head is complete.
func (f *frames) begin() error {
	switch {
	case f.n == 1 && f.head[0]&0x7f == opClose:
		return errEnded
	case f.n == 1 && f.head[0] != 0x80|opText:
		return errFrame
	case f.n == 2 && f.head[1] < 126:
		f.left = int(f.head[1])
	case f.n == 4 && f.head[1] == 126:
		f.left = int(binary.BigEndian.Uint16(f.head[2:4]))
	case f.n == 10:
		f.left = int(binary.BigEndian.Uint64(f.head[2:10]))
	default:
		return nil
	}
	if f.left <= 0 {
		return errFrame // Engine.IO's packets are never empty
	}
	f.size, f.n = f.left, 0
	return nil
}
