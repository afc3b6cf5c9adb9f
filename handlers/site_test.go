package handlers_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"letstalk/handlers"
	"letstalk/internal/auth"
	"letstalk/internal/devidp"
	"letstalk/internal/feed"
	"letstalk/internal/live"
	"letstalk/static"
	"letstalk/store"
	"letstalk/store/sqlstore"
)

// patience is how long a test waits for something that should happen soon, on a machine that is busy with others.
const patience = time.Minute

// setup is how a test's site differs from the real one.
type setup struct {
	hub       func(*live.Options)
	tls       bool // https and HTTP/2
	rateLimit bool
	auth      func(*auth.Config)
	beside    *site // another node of the same workspace, with the same provider
	small     bool  // the kernel holds little of what a client has not read
	around    func(http.Handler) http.Handler
}

// site is the server side on real listeners and a real database, wired as the program does it.
type site struct {
	testing.TB
	server *httptest.Server
	base   *url.URL
	store  *watched
	hub    *live.Hub
	assets *static.Assets
	log    *journal

	provider       string // the identity provider's origin
	issuer, secret string
	idp            *devidp.Provider
	auth           *auth.Auth
	db             string        // the database's URL
	shift          *atomic.Int64 // how far the clock was moved, in nanoseconds
}

// now is the time at the site, which a test can move.
func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.shift.Load())) }

// pass lets time pass at the site.
func (s *site) pass(d time.Duration) { s.shift.Add(int64(d)) }

// watched is the real store; tests can hold the feed and get in between a request and what it reads or writes.
type watched struct {
	*sqlstore.Store
	door     sync.RWMutex // holdFeed holds it
	onReplay atomic.Pointer[func(read func())]
	onRoom   atomic.Pointer[func(viewer store.UserID)]
	onPost   atomic.Pointer[func(d store.Draft, keep func())]
	panics   atomic.Bool // listing rooms does
}

// afterRoom has f called whenever a request has found its room.
func (w *watched) afterRoom(f func(viewer store.UserID)) { w.onRoom.Store(&f) }

func (w *watched) Room(ctx context.Context, viewer store.UserID, slug string) (store.Room, error) {
	room, err := w.Store.Room(ctx, viewer, slug)
	if after := w.onRoom.Load(); after != nil {
		(*after)(viewer)
	}
	return room, err
}

// aroundPosts has f called in place of keeping a message; f calls keep.
func (w *watched) aroundPosts(f func(d store.Draft, keep func())) { w.onPost.Store(&f) }

func (w *watched) CreateMessage(
	ctx context.Context, viewer store.UserID, room store.RoomID, d store.Draft,
) (m store.Message, err error) {
	keep := func() { m, err = w.Store.CreateMessage(ctx, viewer, room, d) }
	if around := w.onPost.Load(); around != nil {
		(*around)(d, keep)
	} else {
		keep()
	}
	return m, err
}

func (w *watched) Rooms(ctx context.Context, viewer store.UserID) ([]store.RoomSummary, error) {
	if w.panics.Load() {
		panic("no rooms")
	}
	return w.Store.Rooms(ctx, viewer)
}

func (w *watched) ChangesSince(ctx context.Context, after store.Seq, limit int) ([]store.Change, error) {
	w.door.RLock()
	defer w.door.RUnlock()
	return w.Store.ChangesSince(ctx, after, limit)
}

func (w *watched) RoomChanges(
	ctx context.Context, viewer store.UserID, room store.RoomID, after, upTo store.Seq, limit int,
) (changes []store.Change, err error) {
	read := func() { changes, err = w.Store.RoomChanges(ctx, viewer, room, after, upTo, limit) }
	if around := w.onReplay.Load(); around != nil {
		(*around)(read)
	} else {
		read()
	}
	return changes, err
}

// aroundReplays has f called in place of each reading of a stream's past; f calls read.
func (w *watched) aroundReplays(f func(read func())) { w.onReplay.Store(&f) }

func open(t testing.TB, with setup) *site {
	t.Helper()
	s := &site{TB: t, log: newJournal()}
	if with.beside != nil {
		s.db, s.shift = with.beside.db, with.beside.shift
	} else {
		s.db, s.shift = "sqlite:"+filepath.Join(t.TempDir(), "letstalk.db"), new(atomic.Int64)
	}
	db, err := sqlstore.Open(t.Context(), s.db, sqlstore.Options{Now: s.now})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	must(t, db.EnsureRooms(t.Context(), []string{"General", "Sports", "Καφενείο το πρωί"}))
	s.store = &watched{Store: db}

	s.server = httptest.NewUnstartedServer(nil)
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.base = &url.URL{Scheme: "http", Host: strings.Replace(s.server.Listener.Addr().String(), "127.0.0.1", "localhost", 1)}
	if with.tls {
		s.base = &url.URL{Scheme: "https", Host: s.server.Listener.Addr().String()}
	}
	if with.small {
		s.server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetWriteBuffer(4 << 10)
			}
			return ctx
		}
	}
	handler := s.wire(with)
	if with.around != nil {
		handler = with.around(handler)
	}
	s.server.Config.Handler = handler
	if with.tls {
		s.server.EnableHTTP2 = true
		s.server.StartTLS()
	} else {
		s.server.Start()
	}
	t.Cleanup(s.server.Close)
	t.Cleanup(s.stop)
	return s
}

func (s *site) wire(with setup) http.Handler {
	logger := slog.New(slog.NewJSONHandler(s.log, nil))
	assets, err := static.Load()
	must(s, err)
	s.assets = assets
	head, err := s.store.Head(s.Context())
	must(s, err)
	options := live.Options{
		Position: head, Boot: rand.Text(), Head: s.store.Head, Presence: feed.Presence,
		LiveLogins: s.store.LiveLogins, Logger: logger,
	}
	if with.hub != nil {
		with.hub(&options)
	}
	s.hub = live.New(options)
	if other := with.beside; other != nil {
		s.provider, s.issuer, s.secret, s.idp = other.provider, other.issuer, other.secret, other.idp
	} else {
		s.startProvider()
	}
	config := auth.Config{
		Issuer: s.issuer, ClientID: "letstalk", ClientSecret: s.secret,
		Scopes: []string{"profile", "email", "offline_access"}, Policy: auth.Policy{GroupsClaim: "groups"},
		BaseURL: s.base, Key: bytes.Repeat([]byte("k"), 32), Idle: time.Hour, Lifetime: 24 * time.Hour,
		Recheck: 15 * time.Minute, InUse: s.hub.Logins,
		Address: handlers.ClientAddress, Now: s.now,
	}
	if with.auth != nil {
		with.auth(&config)
	}
	s.auth, err = auth.New(config, s.store, s.hub.EndLogin, logger)
	must(s, err)

	follow := feed.New(s.store, s.hub, func(store.Seq) {}, logger)
	behind, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { follow.Run(behind, head) })
	work.Go(func() { s.auth.Watch(behind) })
	s.Cleanup(func() { stop(); work.Wait() })
	return handlers.New(handlers.Options{
		Store: s.store, Auth: s.auth, Hub: s.hub, Feed: follow, Assets: assets, Logger: logger,
		BaseURL: s.base, RateLimit: with.rateLimit, Policy: config.Policy, Now: s.now,
	})
}

// startProvider starts the development provider.
func (s *site) startProvider() {
	var err error
	server := httptest.NewUnstartedServer(nil)
	s.provider = "http://" + server.Listener.Addr().String()
	s.issuer, s.secret = s.provider+"/dev/idp", rand.Text()
	s.idp, err = devidp.New(devidp.Config{
		Issuer: s.issuer, Now: s.now,
		Clients: []devidp.Client{{
			ID: "letstalk", Secret: s.secret,
			RedirectURIs:           []string{s.base.String() + auth.CallbackPath},
			PostLogoutRedirectURIs: []string{s.base.String() + "/"},
			BackchannelLogoutURI:   s.base.String() + "/users/backchannel-logout",
		}},
	})
	must(s, err)
	server.Config.Handler = s.idp
	server.Start()
	s.Cleanup(server.Close)
}

// stop ends the streams as the program does when it stops.
func (s *site) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.hub.Close(ctx)
}

// holdFeed keeps what is committed from being handed out until handOut is called.
func (s *site) holdFeed() (handOut func()) {
	s.store.door.Lock()
	handOut = sync.OnceFunc(s.store.door.Unlock)
	s.Cleanup(handOut) // a test that fails must not keep the feed from ending
	return handOut
}

// roomID returns a room's id.
func (s *site) roomID(viewer store.UserID, slug string) store.RoomID {
	s.Helper()
	room, err := s.store.Room(s.Context(), viewer, slug)
	must(s, err)
	return room.ID
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// eventually waits until something nobody tells us about is so.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("never: %s", what)
		}
	}
}

// journal is the site's log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newJournal() *journal { return &journal{} }

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// lines returns what was logged with a message, in order.
func (j *journal) lines(t testing.TB, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(j.String()) {
		entry := map[string]any{}
		must(t, json.Unmarshal([]byte(line), &entry))
		if entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}
