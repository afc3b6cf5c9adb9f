package main

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// socket is a TCP connection that Go's own poller does not know: ten thousand of them cost one goroutine, and a message
// for each costs one read. Until it is handed to a poller it blocks.
type socket struct{ fd int }

// handshakeWithin bounds each read and write before that.
const handshakeWithin = 10 * time.Second

// connect connects to an IPv4 address.
func connect(address string) (*socket, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	to := &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	for {
		s, err := newSocket()
		if err != nil {
			return nil, err
		}
		if err = syscall.Connect(s.fd, to); err == nil {
			return s, nil
		}
		if err = errors.Join(err, s.Close()); !errors.Is(err, syscall.EINTR) {
			return nil, err
		}
		// Go's scheduler interrupts system calls, and this one can't be taken up again while it blocks.
	}
}

func newSocket() (*socket, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("a socket: %w; each reader needs one, so ulimit -n must be above their number", err)
	}
	s := &socket{fd}
	limit := syscall.NsecToTimeval(int64(handshakeWithin))
	err = errors.Join(
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &limit),
		syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &limit),
		// The end of a measure closes thousands at once; their ports must not stay in TIME_WAIT.
		syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
	)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *socket) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(s.fd, p)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, errEnded
		default:
			return n, nil
		}
	}
}

// poll reads what is there, which may be nothing.
func (s *socket) poll(p []byte) (int, error) {
	n, err := syscall.Read(s.fd, p)
	switch {
	case err == syscall.EINTR, err == syscall.EAGAIN:
		return 0, nil
	case err == nil && n == 0:
		return 0, errEnded
	}
	return max(n, 0), err
}

func (s *socket) Write(p []byte) (int, error) {
	for done := 0; ; {
		n, err := syscall.Write(s.fd, p[done:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return done, err
		}
		if done += n; done == len(p) {
			return done, nil
		}
	}
}

func (s *socket) Close() error { return syscall.Close(s.fd) }

// poller reads many sockets in one goroutine.
type poller struct {
	epoll int
	wake  *socket // the end that ends it
	woken *socket
}

func newPoller() (*poller, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(err, syscall.Close(epoll))
	}
	p := &poller{epoll, &socket{pair[0]}, &socket{pair[1]}}
	if err := p.add(p.woken, -1); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// add has the poller read a socket, which gets a number.
func (p *poller) add(s *socket, number int) error {
	if err := syscall.SetNonblock(s.fd, true); err != nil {
		return err
	}
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_ADD, s.fd,
		&syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(number)})
}

// remove forgets a socket.
func (p *poller) remove(s *socket) {
	_ = syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_DEL, s.fd, nil) // fails only if it was removed before
}

// run calls ready with the numbers of sockets that have something to read until end is called.
func (p *poller) run(ready func(numbers []int)) error {
	events := make([]syscall.EpollEvent, 512)
	numbers := make([]int, 0, len(events))
	for {
		n, err := syscall.EpollWait(p.epoll, events, -1)
		if err != nil && err != syscall.EINTR {
			return err
		}
		numbers = numbers[:0]
		for _, e := range events[:max(n, 0)] {
			if e.Fd < 0 {
				return nil
			}
			numbers = append(numbers, int(e.Fd))
		}
		ready(numbers)
	}
}

func (p *poller) end() { _, _ = p.wake.Write([]byte{0}) }

func (p *poller) close() error {
	return errors.Join(p.wake.Close(), p.woken.Close(), syscall.Close(p.epoll))
}
