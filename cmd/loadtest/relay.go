package main

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// relay stands before a server on this machine as if it were farther away: what either side says takes a while.
type relay struct {
	listener net.Listener
	target   string        // a socket's path
	takes    time.Duration // one way
	work     sync.WaitGroup
}

// newRelay listens for connections that are round trips of that length away from a socket.
func newRelay(target string, roundTrip time.Duration) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: l, target: target, takes: roundTrip / 2}
	r.work.Go(r.accept)
	return r, nil
}

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		far, err := net.Dial("unix", r.target)
		if err != nil {
			_ = near.Close() // who came notices
			continue
		}
		r.work.Go(func() { r.carry(far, near) })
		r.work.Go(func() { r.carry(near, far) })
	}
}

// close waits until both sides of all connections have ended.
func (r *relay) close() error {
	err := r.listener.Close()
	r.work.Wait()
	return err
}

// parcel is something on its way.
type parcel struct {
	data []byte
	due  time.Time
}

// carry takes to one side what another says, each thing after its time, up to the end of either.
func (r *relay) carry(to, from net.Conn) {
	way := make(chan parcel, 1024)
	r.work.Go(func() {
		defer to.Close()
		var err error
		for p := range way {
			if err == nil {
				waitUntil(p.due)
				_, err = to.Write(p.data)
			}
			if err != nil {
				_ = from.Close() // so that nobody goes on reading it
			}
		}
	})
	defer close(way)
	for {
		buffer := make([]byte, 16<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			way <- parcel{buffer[:n], time.Now().Add(r.takes)}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = to.Close()
			}
			return
		}
	}
}
