// Package auth signs people in through their OpenID Connect provider and keeps them signed in.
//
// The store's logins are the authority: a session cookie only leads to a login, and a login that is not live there is
// over whatever a cookie says. Nothing but [Auth.Finish] ever writes a session, so a request in flight can't bring a
// deleted one back.
package auth

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/coreos/go-oidc/v3/oidc"

	"letstalk/store"
)

// The ways a sign-in can fail that a person should be told about. The cause is wrapped for the log and holds no secret.
// Anything else is a fault of the store.
var (
	// ErrStale means that the sign-in was never started, has run out, was finished already, or was started by another
	// browser.
	ErrStale = errors.New("sign-in is unknown, used or expired")
	// ErrDenied means that the person or the provider said no.
	ErrDenied = errors.New("sign-in was refused")
	// ErrProviderDown means that the provider can't be reached or talks nonsense; trying again later may help.
	ErrProviderDown = errors.New("identity provider is unavailable")
	// ErrProviderAnswer means that the provider answered with an error, or that the answer is not from it.
	ErrProviderAnswer = errors.New("identity provider answered with an error")
	// ErrUntrusted means that what the provider said about the person failed a check.
	ErrUntrusted = errors.New("identity could not be trusted")
	// ErrNotAllowed means that the provider knows the person, and that they are not among those this site is for.
	ErrNotAllowed = errors.New("person is not allowed here")
	// ErrDeactivated means that the provider knows the person, and that an administrator here has locked them out.
	ErrDeactivated = errors.New("person is deactivated")
	// ErrWeak means that the person signed in, but not as lately or as strongly as was asked for.
	ErrWeak = errors.New("sign-in is not strong enough")
	// ErrLogoutToken means that a logout token is missing or did not pass a check.
	ErrLogoutToken = errors.New("logout token was refused")
)

// CallbackPath is where the provider sends the browser back to. It is what has to be registered there, below BaseURL.
const CallbackPath = "/authorization-code/callback"

// Config says which provider to trust and how long to trust it.
type Config struct {
	Issuer       string // exactly as in the provider's discovery document; https, or http on loopback
	ClientID     string
	ClientSecret string // empty for a public client
	Scopes       []string
	Params       url.Values // of each authorization request, besides those that sign-ins stand on; see CheckParams
	Policy       Policy     // who may come in, and what claims give
	BaseURL      *url.URL   // where browsers find the program; https, or http on loopback
	Key          []byte     // 32 bytes that encrypt tokens at rest
	Idle         time.Duration
	Lifetime     time.Duration
	Recheck      time.Duration // between two questions to the provider whether a login still holds; zero for none
	// InUse returns the logins with an open stream, which are in use without asking for anything. Nil for none.
	InUse func() []store.LoginID
	// Tell tells the other nodes of a login that this one has ended. Nil if there are none.
	Tell func(store.LoginID)
	// Address tells the address a browser came from. If it is nil, that is the address of its connection.
	Address func(*http.Request) string
	// Now is the clock, time.Now if it is nil.
	Now func() time.Time
}

// Store is what this package keeps.
type Store interface {
	store.Logins
	store.Rehearsals
	store.Sessions
	RecordAudit(ctx context.Context, e store.AuditEntry) error
	Epoch() uint64
	Outdate()
}

// How long and for how many browsers it is remembered who they are. A login that ended by this process is forgotten at
// once; one that ended by another, within this time.
const (
	rememberFor = time.Second
	rememberMax = 10_000
)

// Auth is the relying party. Its methods may be called from several goroutines at once.
type Auth struct {
	cfg       Config
	store     Store
	ended     func(store.LoginID)
	log       *slog.Logger
	now       func() time.Time
	sessions  *scs.SessionManager
	sealer    cipher.AEAD
	discovery *discovery
	touches   touches
	origins   atomic.Pointer[originsOf]
	viewers   store.Recent[string, store.Login] // by the session's token
	rechecks  rechecks
}

// New returns a relying party, or an error that lists everything wrong with the configuration. It does not talk to the
// provider, which may be down. Each login that ends, by whatever way this package learns of it, is passed to ended, perhaps
// more than once.
func New(cfg Config, s Store, ended func(store.LoginID), logger *slog.Logger) (*Auth, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if !slices.Contains(cfg.Scopes, oidc.ScopeOpenID) {
		cfg.Scopes = append([]string{oidc.ScopeOpenID}, cfg.Scopes...)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Address == nil {
		cfg.Address = connectionAddress
	}
	sealer, err := newSealer(cfg.Key)
	if err != nil {
		return nil, err
	}
	a := &Auth{
		cfg:      cfg,
		store:    s,
		ended:    ended,
		log:      logger,
		now:      cfg.Now,
		sessions: newSessions(s, cfg),
		sealer:   sealer,
		touches:  newTouches(cfg.Idle),
		rechecks: newRechecks(),
	}
	a.viewers = store.Recent[string, store.Login]{Epoch: func() uint64 { return s.Epoch() }, Life: rememberFor, Size: rememberMax, Now: cfg.Now}
	a.discovery = newDiscovery(cfg)
	return a, nil
}

// Prepare finds out about the provider ahead of the first sign-in, so that [Auth.Origins] knows its endpoints on the pages
// of those who are signed in already. The error is for the log: whoever signs in later asks again.
func (a *Auth) Prepare(ctx context.Context) error {
	_, err := a.discovery.provider(ctx)
	return err
}

// Origins returns the provider's origins for a Content-Security-Policy: a form that signs out is redirected there. Those
// of its endpoints are known once the provider was asked about itself.
func (a *Auth) Origins() []string {
	p := a.discovery.known()
	if last := a.origins.Load(); last != nil && last.of == p {
		return last.list
	}
	urls := []string{a.cfg.Issuer}
	if p != nil {
		urls = append(urls, p.Authorization, p.EndSession)
	}
	var origins []string
	for _, raw := range urls {
		u, err := url.Parse(raw)
		if raw == "" || err != nil {
			continue
		}
		if origin := u.Scheme + "://" + u.Host; !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	a.origins.Store(&originsOf{p, origins})
	return origins
}

// originsOf are the origins of what is known about a provider; every page asks for them.
type originsOf struct {
	of   *provider
	list []string
}

// End ends a login for good and tells whoever serves it.
func (a *Auth) End(ctx context.Context, id store.LoginID, e store.Ending) error {
	if err := a.store.EndLogin(ctx, id, e); err != nil {
		return fmt.Errorf("end login: %w", err)
	}
	a.Ended(id)
	return nil
}

// Ended tells whoever serves logins, here and on other nodes, that the store has ended them.
func (a *Auth) Ended(ids ...store.LoginID) {
	for _, id := range ids {
		a.ended(id)
		if a.cfg.Tell != nil {
			a.cfg.Tell(id)
		}
	}
}

func (c Config) check() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	if u, err := url.Parse(c.Issuer); c.Issuer == "" {
		problem("auth: the issuer is missing")
	} else if err != nil || !isEndpoint(u) || u.RawQuery != "" {
		problem("auth: the issuer must be an https URL, or http on loopback, without a query")
	}
	if c.ClientID == "" {
		problem("auth: the client id is missing")
	}
	if c.BaseURL == nil || !isEndpoint(c.BaseURL) || c.BaseURL.RawQuery != "" {
		problem("auth: the base URL must be https, or http on loopback, without a query")
	}
	if err := CheckParams(c.Params); err != nil {
		problem("auth: authorization requests: %w", err)
	}
	if len(c.Key) != 32 {
		problem("auth: the key must have 32 bytes, not %d", len(c.Key))
	}
	if c.Lifetime <= 0 || c.Idle < 0 || c.Recheck < 0 {
		problem("auth: the lifetime must be positive, the idle time and the time between re-checks not negative")
	}
	return errors.Join(problems...)
}

func (c Config) secure() bool { return c.BaseURL.Scheme == "https" }

// isEndpoint reports whether secrets may be sent to u: over TLS, or without leaving the machine.
func isEndpoint(u *url.URL) bool {
	if u.Hostname() == "" || u.User != nil || u.Fragment != "" || !IsPlainHost(u.Host) {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && IsLoopback(u.Hostname())
}

// IsPlainHost reports whether a URL's host and port may go into a Content-Security-Policy, where a semicolon, for
// example, would start another directive.
func IsPlainHost(host string) bool {
	const runes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"
	return !strings.ContainsFunc(host, func(r rune) bool { return !strings.ContainsRune(runes, r) })
}

// IsLoopback reports whether a host without its port is this machine, so that what is sent to it needs no TLS.
func IsLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

func connectionAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
