package main

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// socketIO is the chat server that letstalk is compared with.
type socketIO struct {
	*process
	secret string
}

// startSocketIO starts the server in a folder that has its packages.
func startSocketIO(ctx context.Context, folder string) (*socketIO, error) {
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "socket.io")); err != nil {
		return nil, fmt.Errorf("%w: install what %s/package.json names with \"npm ci --prefix %s\", say with -socketio "+
			"where it is, or leave Socket.IO out with -ours", err, folder, folder)
	}
	cmd := exec.Command("node", "server.js")
	cmd.Dir = folder
	s := &socketIO{secret: rand.Text()}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NODE_ENV=production", "SECRET=" + s.secret}
	var err error
	s.process, err = launch(ctx, cmd, listens)
	return s, err
}

const socketIOName = "socket.io"

const socketIOPath = "/socket.io/?EIO=4&transport=websocket"

// enter connects as a person, up to the namespace's greeting.
func (s *socketIO) enter(w io.Writer, r *bufio.Reader, i int) error {
	if err := upgrade(w, r, s.address, socketIOPath); err != nil {
		return err
	}
	if err := expect(r, "0{"); err != nil {
		return err
	}
	if err := writeText(w, `40{"token":"`+s.token(username(i))+`"}`); err != nil {
		return err
	}
	return expect(r, "40{")
}

func (s *socketIO) token(name string) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte(name))
	mac := hmac.New(sha256.New, []byte(s.secret))
	mac.Write([]byte(encoded))
	return encoded + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func expect(r *bufio.Reader, packet string) error {
	got, err := readText(r)
	if err == nil && !strings.HasPrefix(got, packet) {
		err = fmt.Errorf("the Socket.IO server says %q, want %s…", got, packet)
	}
	return err
}

// opener connects readers and has them join the room.
func (s *socketIO) opener(context.Context) (func(int) (*link, error), error) {
	return func(i int) (*link, error) {
		conn, err := connect(s.address)
		if err != nil {
			return nil, err
		}
		r := bufio.NewReaderSize(conn, 4<<10)
		err = s.enter(conn, r, i)
		if err == nil {
			err = writeText(conn, `420["join","General"]`)
		}
		if err == nil {
			err = expect(r, `430[`)
		}
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		f := &frames{ping: func() { _ = writeText(conn, "3") }} // a reader that can't is cut, which is noticed
		return &link{socket: conn, parser: f, early: r}, nil
	}, nil
}

// poster connects somebody who posts and does not read.
func (s *socketIO) poster(ctx context.Context, i int) (poster, error) {
	w, err := dial(ctx, s.address)
	if err != nil {
		return nil, err
	}
	if err := s.enter(w.conn, w.r, i); err != nil {
		w.close()
		return nil, err
	}
	return &eventPoster{wire: w}, nil
}

type eventPoster struct {
	*wire
	id int
}

func (p *eventPoster) post(body string) error {
	p.id++
	event, err := json.Marshal([]any{"message", map[string]string{"room": "General", "text": body}})
	if err != nil {
		return err
	}
	if err := writeText(p.conn, fmt.Sprintf("42%d%s", p.id, event)); err != nil {
		return err
	}
	for acknowledged := fmt.Sprintf("43%d[", p.id); ; {
		got, err := readText(p.r)
		switch {
		case err != nil:
			return err
		case got == "2":
			if err := writeText(p.conn, "3"); err != nil {
				return err
			}
		case strings.HasPrefix(got, acknowledged):
			return nil
		default:
			return fmt.Errorf("the Socket.IO server answers a message with %q", got)
		}
	}
}
