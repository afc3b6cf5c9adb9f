package auth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

// clientSecret has whatever form-encoding changes.
const clientSecret = "cl1ent-s3cret:+ %2F/é"

// clock stands still until a test moves it. It starts at the real time because cookies are judged by that.
type clock struct{ t atomic.Pointer[time.Time] }

func newClock() *clock {
	c := &clock{}
	now := time.Now().Truncate(time.Second)
	c.t.Store(&now)
	return c
}

func (c *clock) now() time.Time { return *c.t.Load() }

func (c *clock) move(d time.Duration) {
	t := c.now().Add(d)
	c.t.Store(&t)
}

// watchedStore is the real store; it lets tests see what is written and make one write fail.
type watchedStore struct {
	*sqlstore.Store
	touches   atomic.Int32
	fullDisk  atomic.Bool // sessions can't be saved
	newLogin  atomic.Pointer[store.NewLogin]
	onLogin   func() // called once a login is created
	lastLogin atomic.Int64
}

func (s *watchedStore) CreateLogin(ctx context.Context, l store.NewLogin) (store.Login, error) {
	s.newLogin.Store(&l)
	login, err := s.Store.CreateLogin(ctx, l)
	s.lastLogin.Store(int64(login.ID))
	if s.onLogin != nil {
		s.onLogin()
	}
	return login, err
}

func (s *watchedStore) SaveSession(ctx context.Context, token string, data []byte, expires time.Time) error {
	if s.fullDisk.Load() {
		return errors.New("disk is full")
	}
	return s.Store.SaveSession(ctx, token, data, expires)
}

func (s *watchedStore) TouchLogin(ctx context.Context, id store.LoginID) error {
	s.touches.Add(1)
	return s.Store.TouchLogin(ctx, id)
}

// site is the program around the package: the routes of signing in and out on a real listener and a real database.
// However a test ends, its log must hold none of the secrets that were seen.
type site struct {
	*testing.T
	clock  *clock
	server *httptest.Server
	base   *url.URL
	db     string // path of the database
	store  *watchedStore
	log    *slog.Logger
	auth   *auth.Auth

	entered, release chan struct{} // of requests to /slow
	onEnd            func(store.LoginID)

	mu      sync.Mutex
	ended   []store.LoginID
	errors  []error // what handlers got
	written bytes.Buffer
	secrets []string
}

// providerOf sets up a provider for a site and returns its issuer.
type providerOf func(*site) (issuer string)

// open returns a running site of the provider, http on another host name than the provider's.
func open(t *testing.T, provider providerOf, edits ...func(*auth.Config)) *site {
	t.Helper()
	return openServer(t, false, provider, edits...)
}

func openServer(t *testing.T, tls bool, provider providerOf, edits ...func(*auth.Config)) *site {
	t.Helper()
	s := &site{T: t, clock: newClock(), entered: make(chan struct{}), release: make(chan struct{})}
	s.db = filepath.Join(t.TempDir(), "letstalk.db")
	db, err := sqlstore.Open(t.Context(), "sqlite:"+s.db, sqlstore.Options{Now: s.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	s.store = &watchedStore{Store: db}
	t.Cleanup(func() { db.Close() })

	s.log = slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Cleanup(s.checkLog)
	s.note(clientSecret)

	s.server = httptest.NewUnstartedServer(nil)
	scheme, host := "http", strings.Replace(s.server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	if tls {
		scheme, host = "https", s.server.Listener.Addr().String()
	}
	s.base = &url.URL{Scheme: scheme, Host: host}
	cfg := auth.Config{
		ClientID:     "chat",
		ClientSecret: clientSecret,
		Issuer:       provider(s),
		Scopes:       []string{"profile", "email", "groups", "offline_access"},
		Policy:       auth.Policy{GroupsClaim: "groups"},
		BaseURL:      s.base,
		Key:          bytes.Repeat([]byte("k"), 32),
		Idle:         24 * time.Hour,
		Lifetime:     7 * 24 * time.Hour,
		Recheck:      15 * time.Minute,
		Now:          s.clock.now,
	}
	for _, edit := range edits {
		edit(&cfg)
	}
	s.auth, err = auth.New(cfg, s.store, s.noteEnd, s.log)
	if err != nil {
		t.Fatal(err)
	}
	s.server.Config.Handler = s.auth.Identify(s.fail)(s.routes())
	if tls {
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	t.Cleanup(s.server.Close)
	return s
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/login", func(w http.ResponseWriter, r *http.Request) {
		maxAge, _ := time.ParseDuration(r.FormValue("max_age"))
		s.answer(w, r, http.StatusFound)(s.auth.Begin(w, r, auth.Wish{
			Return: r.FormValue("return"), Again: r.FormValue("prompt") == "login",
			Demand:    store.Demand{MaxAge: maxAge, ACR: r.FormValue("acr")},
			Rehearsal: r.FormValue("rehearsal"),
		}))
	})
	mux.HandleFunc("GET "+auth.CallbackPath, func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, http.StatusSeeOther)(s.auth.Finish(w, r))
	})
	mux.HandleFunc("POST /users/logout", func(w http.ResponseWriter, r *http.Request) {
		s.answer(w, r, http.StatusSeeOther)(s.auth.SignOut(w, r))
	})
	mux.HandleFunc("POST /users/backchannel-logout", func(w http.ResponseWriter, r *http.Request) {
		if err := s.auth.BackchannelLogout(r); err != nil {
			s.fail(w, r, err)
		}
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		login, ok := auth.Viewer(r.Context())
		if !ok {
			http.Error(w, "signed out", http.StatusUnauthorized)
			return
		}
		io.WriteString(w, login.User.Identity.Name)
	})
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		s.entered <- struct{}{}
		<-s.release
		_, ok := auth.Viewer(r.Context())
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	return mux
}

func (s *site) answer(w http.ResponseWriter, r *http.Request, status int) func(string, error) {
	return func(location string, err error) {
		if err != nil {
			s.fail(w, r, err)
			return
		}
		http.Redirect(w, r, location, status)
	}
}

// fail answers with the name of the error.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.log.Error("request failed", "path", r.URL.Path, "error", err)
	s.mu.Lock()
	s.errors = append(s.errors, err)
	s.mu.Unlock()
	for _, known := range []struct {
		err  error
		name string
	}{
		{auth.ErrStale, "stale"},
		{auth.ErrDenied, "denied"},
		{auth.ErrProviderDown, "down"},
		{auth.ErrProviderAnswer, "answer"},
		{auth.ErrUntrusted, "untrusted"},
		{auth.ErrNotAllowed, "not allowed"},
		{auth.ErrWeak, "weak"},
		{auth.ErrLogoutToken, "logout token"},
		{auth.ErrRehearsed, "rehearsed"},
		{auth.ErrDeactivated, "deactivated"},
	} {
		if errors.Is(err, known.err) {
			http.Error(w, known.name, http.StatusForbidden)
			return
		}
	}
	http.Error(w, "fault", http.StatusInternalServerError)
}

func (s *site) noteEnd(id store.LoginID) {
	live, err := s.store.LiveLogins(context.Background(), []store.LoginID{id})
	if err != nil || len(live) > 0 {
		s.Errorf("ended was told of login %d while it is live (%v)", id, err)
	}
	if s.onEnd != nil {
		s.onEnd(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, id)
}

// contextWithStop returns a context that ends with the test, or before.
func contextWithStop(t *testing.T) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}

// endings returns the logins that ended so far.
func (s *site) endings() []store.LoginID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ended)
}

// lastError returns what the last handler that failed got.
func (s *site) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errors) == 0 {
		return nil
	}
	return s.errors[len(s.errors)-1]
}

// Write makes the site its own log.
func (s *site) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written.Write(p)
}

// note remembers a secret the log must not hold.
func (s *site) note(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(secret) >= 8 {
		s.secrets = append(s.secrets, secret)
	}
}

func (s *site) checkLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.secrets {
		if strings.Contains(s.written.String(), secret) {
			s.Errorf("the log holds the secret %q:\n%s", secret, &s.written)
		}
	}
}
