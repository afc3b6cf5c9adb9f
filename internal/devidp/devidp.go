// Package devidp is the development identity provider: a complete OpenID provider that asks no passwords and
// therefore answers only on the machine it runs on.
//
// It follows OpenID Connect Core 1.0 (code flow), Discovery 1.0, RP-Initiated Logout 1.0, Back-Channel Logout 1.0,
// RFC 6749, RFC 7636 (PKCE, required) and RFC 9207 (iss in the answer), so that a relying party uses it through the
// same code as any other provider. Everything lives in memory and is forgotten, the signing key too, when the process
// ends.
package devidp

import (
	"cmp"
	"crypto/rsa"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	maxBody  = 64 << 10 // bytes of a request's body
	maxQuery = 8 << 10  // bytes of a request's query; state and nonce are kept, so they count

	realm = "devidp" // named in WWW-Authenticate
)

//go:embed page.html style.css
var files embed.FS

// Client is a relying party the provider knows.
type Client struct {
	ID, Secret string

	// RedirectURIs and PostLogoutRedirectURIs are compared with what a request says character by character.
	RedirectURIs, PostLogoutRedirectURIs []string

	// BackchannelLogoutURI, unless empty, is told when a session ends in which the client had a login.
	BackchannelLogoutURI string
}

// Config is what New needs; Issuer and Clients are required.
type Config struct {
	// Issuer is an http URL on loopback without a slash at its end, such as http://127.0.0.1:8080/dev/idp.
	Issuer  string
	Clients []Client

	Accounts []Account // who can sign in; the demo people when empty

	Now        func() time.Time // time.Now when nil
	HTTPClient *http.Client     // sends back-channel logout; when nil, one with a time-out that follows no redirects
	Logger     *slog.Logger     // silent when nil; never given codes, tokens, states or cookies
}

// Provider is the development OpenID provider. Its methods may be called concurrently.
type Provider struct {
	issuer  string
	host    string
	prefix  string // path of the issuer, under which all routes lie
	clients map[string]*Client
	people  *directory
	now     func() time.Time
	http    *http.Client
	log     *slog.Logger
	key     *rsa.PrivateKey
	keyID   string
	pages   *template.Template
	mux     *http.ServeMux

	posts sync.WaitGroup // back-channel posts under way
	slots chan struct{}  // bounds how many of them run at once

	mu       sync.Mutex // guards the tables and everything they hold
	sessions *table[session]
	logins   *table[pending[authRequest]]
	logouts  *table[pending[logoutRequest]]
	codes    *table[*authCode]
	access   *table[accessToken]
	refresh  *table[*refreshToken]
}

// New returns a provider with a fresh signing key. It refuses an issuer beyond loopback, clients whose addresses are not
// absolute http or https URLs, and accounts that can't be told apart.
func New(cfg Config) (*Provider, error) {
	issuer, err := checkIssuer(cfg.Issuer)
	if err != nil {
		return nil, err
	}
	clients, err := checkClients(cfg.Clients)
	if err != nil {
		return nil, err
	}
	people, err := newDirectory(cfg.Accounts)
	if err != nil {
		return nil, err
	}
	p := &Provider{
		issuer:   cfg.Issuer,
		host:     issuer.Host,
		prefix:   issuer.Path,
		clients:  clients,
		people:   people,
		now:      cfg.Now,
		http:     cfg.HTTPClient,
		log:      cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		mux:      http.NewServeMux(),
		slots:    make(chan struct{}, 8),
		sessions: newTable[session](sessionLife),
		logins:   newTable[pending[authRequest]](ticketLife),
		logouts:  newTable[pending[logoutRequest]](ticketLife),
		codes:    newTable[*authCode](accessLife), // longer than a code is good for, to notice its second use
		access:   newTable[accessToken](accessLife),
		refresh:  newTable[*refreshToken](sessionLife),
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.http == nil {
		p.http = &http.Client{
			Timeout:       5 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if p.key, p.keyID, err = newKey(); err != nil {
		return nil, err
	}
	if p.pages, err = template.ParseFS(files, "page.html"); err != nil {
		return nil, fmt.Errorf("devidp: pages: %w", err)
	}
	p.routes()
	return p, nil
}

func (p *Provider) routes() {
	p.handle("GET /.well-known/openid-configuration", p.showDiscovery)
	p.handle("GET /jwks", p.showKeys)
	p.handle("GET /style.css", p.showStyle)
	p.handle("GET /{$}", p.showSession)
	p.handle("GET /authorize", p.newLogin)
	p.handle("POST /authorize", p.newLoginFromPost)
	p.handle("POST /authorize/login", p.createLogin)
	p.handle("POST /token", p.createToken)
	p.handle("GET /userinfo", p.showUserInfo)
	p.handle("POST /userinfo", p.showUserInfo)
	p.handle("GET /end_session", p.newLogout)
	p.handle("POST /end_session", p.newLogout)
	p.handle("POST /end_session/confirm", p.createLogout)
}

func (p *Provider) handle(pattern string, h func(http.ResponseWriter, *http.Request) error) {
	method, path, _ := strings.Cut(pattern, " ")
	p.mux.HandleFunc(method+" "+p.prefix+path, func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			p.fail(w, r, err)
		}
	})
}

// ServeHTTP serves every route below the issuer's path. A request for another host is not found, which also defeats
// DNS rebinding, and one from another machine is forbidden.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != p.host {
		http.NotFound(w, r)
		return
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !remote.Addr().Unmap().IsLoopback() {
		http.Error(w, "The development provider answers only to its own machine.", http.StatusForbidden)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", contentPolicy())
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p.mux.ServeHTTP(w, r)
}

// issuerPath has no character that means something to http.ServeMux or in a cookie's Path.
var issuerPath = regexp.MustCompile(`^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)

func checkIssuer(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("devidp: issuer: %w", err)
	}
	addr, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && addr.IsLoopback() && addr.Zone() == ""
	if u.Scheme != "http" || !loopback {
		return nil, fmt.Errorf("devidp: the development provider only works on loopback: issuer %q must be "+
			"an http URL whose host is 127.0.0.1, [::1] or localhost", raw)
	}
	if u.User != nil || strings.ContainsAny(raw, "?#") || !issuerPath.MatchString(u.EscapedPath()) {
		return nil, fmt.Errorf("devidp: issuer %q must have a plain path without a slash at its end, "+
			"and no user, query or fragment", raw)
	}
	return u, nil
}

func checkClients(list []Client) (map[string]*Client, error) {
	clients := make(map[string]*Client, len(list))
	for _, c := range list {
		if c.ID == "" || c.Secret == "" || len(c.RedirectURIs) == 0 {
			return nil, fmt.Errorf("devidp: client %q needs an ID, a secret and a redirect URI", c.ID)
		}
		if clients[c.ID] != nil {
			return nil, fmt.Errorf("devidp: client %q is there twice", c.ID)
		}
		uris := append([]string{}, c.RedirectURIs...)
		uris = append(uris, c.PostLogoutRedirectURIs...)
		if c.BackchannelLogoutURI != "" {
			uris = append(uris, c.BackchannelLogoutURI)
		}
		for _, raw := range uris {
			if err := checkClientURI(raw); err != nil {
				return nil, fmt.Errorf("devidp: client %q: %q: %w", c.ID, raw, err)
			}
		}
		clients[c.ID] = &c
	}
	return clients, nil
}

// clientHost keeps characters out that would end a source or a directive of a Content-Security-Policy.
var clientHost = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

func checkClientURI(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || !clientHost.MatchString(u.Host) ||
		u.User != nil || strings.Contains(raw, "#") {
		return errors.New("want an absolute http or https URL without user and fragment")
	}
	return nil
}
