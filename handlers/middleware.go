package handlers

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"letstalk/internal/auth"
	"letstalk/views"
)

// clientIP finds the browser's address: of the connection, or as a trusted proxy tells it.
func (s *Server) clientIP() func(http.Handler) http.Handler {
	if len(s.TrustedProxies) == 0 {
		return middleware.ClientIPFromRemoteAddr
	}
	return middleware.ClientIPFromXFF(s.TrustedProxies...)
}

// ClientAddress returns the address the browser of a request came from, as far as the trusted proxies tell. Where all who
// are named are trusted, as on a network whose people and proxies are alike trusted, that is the farthest of them.
func ClientAddress(r *http.Request) string {
	if address := middleware.GetClientIP(r.Context()); address != "" {
		return address
	}
	farthest, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		farthest = r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // what is beyond was not written by a proxy
		}
		farthest = address.String()
	}
	return farthest
}

// logLine is what the log says of a request.
type logLine struct {
	start                     time.Time
	id, method, path, address string
	later                     bool // the response goes on without its handler
}

type lineKey struct{}

// lineOf returns the log's line of a request, for those that outlast their handler.
func lineOf(r *http.Request) *logLine { return r.Context().Value(lineKey{}).(*logLine) }

// logRequests writes one line a request: what was asked without the query (it may hold codes), what was answered, who
// asked, and a number that error pages show.
func (s *Server) logRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := &logLine{start: time.Now(), id: rand.Text()[:12], method: r.Method, path: r.URL.EscapedPath(), address: ClientAddress(r)}
		w.Header().Set("X-Request-Id", line.id)
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		// Deferred: a response that is broken off has its line, too.
		defer func() {
			if !line.later {
				s.logRequest(line, cmp.Or(wrapped.Status(), http.StatusOK), int64(wrapped.BytesWritten()))
			}
		}()
		next.ServeHTTP(wrapped, r.WithContext(context.WithValue(r.Context(), lineKey{}, line)))
	})
}

func (s *Server) logRequest(line *logLine, status int, written int64) {
	s.Logger.LogAttrs(context.Background(), slog.LevelInfo, "request",
		slog.String("id", line.id),
		slog.String("method", line.method),
		slog.String("path", line.path),
		slog.Int("status", status),
		slog.Int64("bytes", written),
		slog.Duration("took", time.Since(line.start).Round(time.Microsecond)),
		slog.String("address", line.address))
}

func requestID(w http.ResponseWriter) string { return w.Header().Get("X-Request-Id") }

// recoverPanics turns a panic into a 500 page, or breaks the response off if it has begun: half an answer must not look
// like a whole one. http.ErrAbortHandler is how that is done, so it passes.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v)
			}
			err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			if begun, ok := w.(middleware.WrapResponseWriter); ok && begun.Status() != 0 {
				s.logFault(w, r, problemOf(r, err), err)
				panic(http.ErrAbortHandler)
			}
			s.fail(w, r, err)
		}()
		next.ServeHTTP(w, r)
	})
}

// secureHeaders says what pages of this site may do: load from here, run no inline script, be framed by nobody.
func (s *Server) secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "+
			"connect-src 'self'; form-action 'self' "+strings.Join(s.Auth.Origins(), " ")+
			"; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if s.BaseURL.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses state-changing requests that another site made a browser send; SameSite cookies alone would let
// those of sibling hosts through.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.handle(func(http.ResponseWriter, *http.Request) error { return errForeign }))
	return protection.Handler(next)
}

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
		next.ServeHTTP(w, r)
	})
}

// noStore keeps what people read out of caches, so that Back after logging out shows nothing.
func noStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// requireLogin sends visitors to the page that asks them to log in. One who was writing is not sent away from the words.
func (s *Server) requireLogin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, ok := auth.Viewer(r.Context())
		switch {
		case ok:
			next.ServeHTTP(w, r)
		case isHTMX(r) || r.Method != http.MethodGet && r.Method != http.MethodHead:
			s.fail(w, r, errSignedOut)
		default:
			http.Redirect(w, r, views.PleaseLogInURL(r.URL.RequestURI()), http.StatusSeeOther)
		}
	})
}
