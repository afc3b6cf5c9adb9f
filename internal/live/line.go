package live

import (
	"bytes"
	"net"
	"net/http"
	"syscall"
	"time"
)

// line is the connection to a browser as a stream needs it.
type line interface {
	Header() http.Header
	WriteHeader(status int)
	// try writes as much as goes without waiting and returns how much that was.
	try(p []byte) int
	// send writes and flushes.
	send(p []byte) (int, error)
	// deadline says until when writes must be done; the zero time is never.
	deadline(time.Time)
	// watch returns when the browser has gone or the line is hung up or cut. It reports false if it can't tell.
	watch() bool
	// hangUp ends watch.
	hangUp()
	// cut ends watch and has a write that is blocked, and all later ones, fail at once.
	cut()
}

// response is a line within a handler, for HTTP/2 and for writers that can't be taken over.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newResponse(w http.ResponseWriter) *response {
	return &response{w, http.NewResponseController(w)}
}

func (r *response) send(p []byte) (int, error) {
	n, err := r.Write(p)
	if err != nil {
		return n, err
	}
	return n, r.control.Flush()
}

func (r *response) try([]byte) int       { return 0 }
func (r *response) deadline(t time.Time) { _ = r.control.SetWriteDeadline(t) }
func (r *response) watch() bool          { return false } // net/http does, and ends the request's context
func (r *response) hangUp()              {}
func (r *response) cut()                 { r.deadline(time.Unix(1, 0)) }

// taken is a line on a connection of HTTP/1.1 taken over from net/http, whose goroutine and buffers go. The response ends
// with the connection.
type taken struct {
	net.Conn
	raw    syscall.RawConn // nil if what is written is not what leaves, as with TLS
	header http.Header     // until it is written
	head   []byte          // leaves before all else
}

// take takes over the connection of a request, or returns nil where that can't be done.
func take(w http.ResponseWriter) *taken {
	header := w.Header().Clone()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil
	}
	_ = conn.SetDeadline(time.Time{}) // the server's, for reading the request
	t := &taken{Conn: conn, header: header}
	if tcp, ok := conn.(*net.TCPConn); ok {
		t.raw, _ = tcp.SyscallConn()
	}
	return t
}

func (t *taken) Header() http.Header { return t.header }

func (t *taken) WriteHeader(int) {
	t.header.Set("Connection", "close")
	t.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = t.header.Write(&b) // into memory, which can't fail
	b.WriteString("\r\n")
	t.head, t.header = b.Bytes(), nil
}

func (t *taken) send(p []byte) (int, error) {
	if t.head != nil {
		p, t.head = append(t.head, p...), nil
	}
	return t.Write(p)
}

func (t *taken) try(p []byte) int {
	if t.raw == nil || t.head != nil {
		return 0
	}
	return tryWrite(t.raw, p)
}

func (t *taken) deadline(at time.Time) { _ = t.SetWriteDeadline(at) }
func (t *taken) cut()                  { _ = t.SetDeadline(time.Unix(1, 0)) }
func (t *taken) hangUp()               { _ = t.SetReadDeadline(time.Unix(1, 0)) }

func (t *taken) watch() bool {
	var nothing [1]byte
	for {
		// What a browser sends after its request is nothing we asked for.
		if _, err := t.Read(nothing[:]); err != nil {
			return true
		}
	}
}
