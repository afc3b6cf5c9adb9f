package handlers_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"time"
)

// deaf takes whatever is written and forgets it.
type deaf struct{ header http.Header }

func newDeaf() *deaf { return &deaf{http.Header{}} }

func (d *deaf) Header() http.Header              { return d.header }
func (d *deaf) Write(p []byte) (int, error)      { return len(p), nil }
func (d *deaf) WriteHeader(int)                  {}
func (d *deaf) Flush()                           {}
func (d *deaf) SetWriteDeadline(time.Time) error { return nil }

func requestWith(ctx context.Context) *http.Request {
	return httptest.NewRequestWithContext(ctx, http.MethodGet, events, nil)
}
