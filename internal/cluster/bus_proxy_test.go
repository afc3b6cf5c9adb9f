package cluster_test

import (
	"net"
	"sync"
	"testing"
)

// proxy passes connections on to a server until it stalls.
type proxy struct {
	to    string
	flows sync.RWMutex // held by who stalls it
	mu    sync.Mutex
	conns []net.Conn
}

// startProxy starts a proxy for a server and returns its address.
func startProxy(t testing.TB, to string) (p *proxy, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy{to: to}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", p.to)
			if err != nil {
				conn.Close()
				continue
			}
			// A small buffer, so that whoever writes to a stalled proxy soon can't.
			_ = conn.(*net.TCPConn).SetReadBuffer(4096)
			p.keep(conn, there)
			running.Go(func() { p.pass(conn, there) })
			running.Go(func() { p.pass(there, conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.drop()
		running.Wait()
	})
	return p, l.Addr().String()
}

func (p *proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conns...)
}

func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
}

func (p *proxy) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 1024)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.flows.RLock() // a stalled proxy has read this and reads no more
		_, err = to.Write(buf[:n])
		p.flows.RUnlock()
		if err != nil {
			return
		}
	}
}

// listen starts a server that does with each connection what it is told to.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.keep(conn)
			go serve(conn)
		}
	}()
	t.Cleanup(func() { l.Close(); p.drop() })
	return l.Addr().String()
}
