package handlers

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/a-h/templ"
	"github.com/klauspost/compress/flate"

	"letstalk/static"
	"letstalk/views"
)

// A page around a drawn list is compressed as one gzip member (RFC 1952) of three runs of deflate blocks (RFC 1951), each
// without a look back at the one before: the list's is made once, only what is around it is made for each request.

// pack compresses the middle of a page: blocks that end at a byte and are not the last.
func pack(p []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		panic(err) // the level is a right one
	}
	_, _ = w.Write(p) // into memory, which can't fail
	_ = w.Flush()
	return b.Bytes()
}

// gzipAround compresses before, the packed list and after into b.
func gzipAround(b *bytes.Buffer, before []byte, l list, after []byte) {
	b.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}) // no name, no time, of no particular system
	_ = flate.StatelessDeflate(b, before, false, nil)     // into memory, which can't fail
	b.Write(l.packed())
	_ = flate.StatelessDeflate(b, after, true, nil)
	sum := crc32.ChecksumIEEE(before)
	sum = crc32.Update(sum, crc32.IEEETable, l.html)
	sum = crc32.Update(sum, crc32.IEEETable, after)
	end := binary.LittleEndian.AppendUint32(nil, sum)
	b.Write(binary.LittleEndian.AppendUint32(end, uint32(len(before)+len(l.html)+len(after))))
}

// readEncodings leaves of a request's Accept-Encoding what it means: the compressor behind takes "gzip;q=0" for a yes.
func readEncodings(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if static.TakesGzip(strings.Join(r.Header.Values("Accept-Encoding"), ",")) {
			r.Header.Set("Accept-Encoding", "gzip")
		} else {
			r.Header.Del("Accept-Encoding")
		}
		next.ServeHTTP(w, r)
	})
}

// pages are what pages are put together in.
var pages = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// renderAround draws a page around a list.
func (s *Server) renderAround(w http.ResponseWriter, r *http.Request, l list, page templ.Component) error {
	shell, whole := pages.Get().(*bytes.Buffer), pages.Get().(*bytes.Buffer)
	defer pages.Put(shell)
	defer pages.Put(whole)
	shell.Reset()
	whole.Reset()
	if err := page.Render(r.Context(), shell); err != nil {
		return err
	}
	before, after := views.CutAtList(shell.Bytes())
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if r.Header.Get("Accept-Encoding") == "gzip" { // see readEncodings
		h.Set("Content-Encoding", "gzip")
		gzipAround(whole, before, l, after)
	} else {
		whole.Write(before)
		whole.Write(l.html)
		whole.Write(after)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(whole.Len()))
	_, _ = w.Write(whole.Bytes()) // a browser that went away needs no answer
	return nil
}
