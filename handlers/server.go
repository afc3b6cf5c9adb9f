// Package handlers answers HTTP: it parses, asks the store on the viewer's behalf, and draws with views. Handlers return
// their errors; fail writes them, and failStream those of streams.
package handlers

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/httprate"

	"letstalk/internal/auth"
	"letstalk/internal/cluster"
	"letstalk/internal/feed"
	"letstalk/internal/live"
	"letstalk/static"
	"letstalk/store"
	"letstalk/views"
)

// Rates of what may be done: posts of a person, sign-ins from an address, behind which a whole office may sit. Generous
// for people, tight for programs.
const (
	postsPerMinute  = 120
	loginsPerMinute = 120
	// logoutsPerMinute is of logout tokens from an address: the provider's, which may sign a whole office out.
	logoutsPerMinute = 600
)

// maxRequestBody bounds what a request may carry, in bytes.
const maxRequestBody = 64 << 10

// Options are the parts a server is made of.
type Options struct {
	Store  store.Store
	Auth   *auth.Auth
	Hub    *live.Hub
	Feed   *feed.Feed
	Bus    *cluster.Bus // nil if this is the only node, or the nodes have none
	Assets *static.Assets
	Logger *slog.Logger
	// BaseURL is where browsers find the site.
	BaseURL *url.URL
	// TrustedProxies are networks, in CIDR notation, whose X-Forwarded-For is believed.
	TrustedProxies []string
	// RateLimit can be switched off for load tests.
	RateLimit bool
	// Policy is what the provider's claims give people, for administrators to read and to try.
	Policy auth.Policy
	// Now is the clock, time.Now if it is nil.
	Now func() time.Time
	// Tally counts what is limited together with other nodes; nil for this process alone.
	Tally *cluster.Tally
}

// Server answers the site's requests.
type Server struct {
	Options
	posts, logins, logouts *httprate.RateLimiter

	visible store.Recent[sight, store.Room]
	rooms   store.Recent[store.UserID, []store.RoomSummary] // their last messages may be old
	lists   *lists
	handler http.Handler
}

// New returns a server ready to serve.
func New(opts Options) *Server {
	s := &Server{
		Options: opts,
		posts:   limiter(postsPerMinute, opts.Tally),
		logins:  limiter(loginsPerMinute, opts.Tally),
		logouts: limiter(logoutsPerMinute, opts.Tally),
		visible: store.Recent[sight, store.Room]{Epoch: opts.Store.Epoch, Life: time.Second, Size: 10_000},
		rooms:   store.Recent[store.UserID, []store.RoomSummary]{Epoch: opts.Store.Epoch, Life: time.Second, Size: 1000},
		lists:   newLists(),
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	s.handler = s.routes()
	return s
}

func limiter(perMinute int, tally *cluster.Tally) *httprate.RateLimiter {
	var options []httprate.Option
	if tally != nil {
		options = append(options, httprate.WithLimitCounter(tally))
	}
	return httprate.NewRateLimiter(perMinute, time.Minute, options...)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

type handler func(http.ResponseWriter, *http.Request) error

// handle adapts a handler that returns its error.
func (s *Server) handle(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// render draws into memory first, so that a page is sent whole or not at all.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, parts ...templ.Component) error {
	var b bytes.Buffer
	for _, part := range parts {
		if err := part.Render(r.Context(), &b); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that went away needs no answer
	return nil
}

// page returns what every page needs.
func (s *Server) page(r *http.Request, title string) views.Page {
	login, _ := auth.Viewer(r.Context())
	return views.Page{
		Title: title, Viewer: login.User.Person(), Assets: s.Assets,
		Admin: login.User.Admin(), Login: login.ID, Expires: login.ExpiresAt, Ending: s.endsSoon(login), Here: here(r),
	}
}

// viewer returns who asks, on routes behind requireLogin.
func viewer(r *http.Request) store.Person {
	login, _ := auth.Viewer(r.Context())
	return login.User.Person()
}

// isHTMX reports whether a script asks and wants a fragment; browsers without it want a page.
func isHTMX(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// wantsFragment reports whether the answer replaces part of a page; an htmx request may also want a whole page to select
// from.
func wantsFragment(r *http.Request) bool {
	return isHTMX(r) && r.Header.Get("HX-Request-Type") != "full"
}

// limited counts a request under a key and returns errTooFast if there were too many.
func (s *Server) limited(w http.ResponseWriter, r *http.Request, limiter *httprate.RateLimiter, key string) error {
	if s.RateLimit && limiter.OnLimit(w, r, key) {
		return errTooFast
	}
	return nil
}

func addressKey(r *http.Request) string {
	return httprate.CanonicalizeIP(ClientAddress(r))
}

func personKey(r *http.Request) string { return "person " + strconv.FormatInt(int64(viewer(r).ID), 10) }
