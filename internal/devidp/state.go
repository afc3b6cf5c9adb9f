package devidp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"
)

const (
	sessionLife = 24 * time.Hour // since the last login; tokens never outlive their session
	ticketLife  = 10 * time.Minute
	codeLife    = time.Minute
	accessLife  = time.Hour
	idTokenLife = 10 * time.Minute
	logoutLife  = 2 * time.Minute // of a logout token
)

// Names of the cookies. The first stands for a session, the second only tells browsers apart, so that a page made for
// one is of no use in another.
const (
	sessionCookie = "devidp"
	browserCookie = "devidp_browser"
)

// session is a person signed in to the provider in one browser.
type session struct {
	id       string // the sid claim
	username string
	subject  string
	authTime time.Time
	acr      string          // how the person signed in then
	clients  map[string]bool // IDs of those that had a login in it; guarded by Provider.mu
}

// pending is a request that waits for a person to press a button in the browser it came from.
type pending[T any] struct {
	browser string
	request T
}

// grant is what a person allowed a client at one login; each token belongs to one.
type grant struct {
	client   *Client
	username string
	scopes   []string
	nonce    string
	sid      string
	authTime time.Time
	acr      string
	revoked  bool
}

type authCode struct {
	grant       *grant
	redirectURI string
	challenge   string
	issued      time.Time
	used        bool
}

type accessToken struct {
	grant  *grant
	scopes []string // those of the grant or, after a refresh, fewer
}

type refreshToken struct {
	grant *grant
	used  bool
}

// alive reports whether the tokens of g are still good. The caller holds p.mu.
func (p *Provider) alive(g *grant) bool {
	_, ok := p.sessions.get(p.now(), g.sid)
	a, _ := p.people.account(g.username)
	return ok && !g.revoked && !a.Disabled
}

// browserSession returns the session of the browser that sent r.
func (p *Provider) browserSession(r *http.Request) (session, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lookUpSession(r)
}

// lookUpSession is browserSession for callers that hold p.mu.
func (p *Provider) lookUpSession(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false
	}
	return p.sessions.get(p.now(), sessionID(cookie.Value))
}

// sessionID derives the sid from the cookie: clients see the one, and must not be able to make the other.
func sessionID(cookie string) string { return digest("sid " + cookie) }

// browser returns the value that tells the browser of r apart, and sets it when there is none.
func (p *Provider) browser(w http.ResponseWriter, r *http.Request) string {
	if cookie, err := r.Cookie(browserCookie); err == nil && cookie.Value != "" {
		return digest(cookie.Value)
	}
	value := random()
	p.setCookie(w, browserCookie, value, 0)
	return digest(value)
}

func (p *Provider) setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	path := p.prefix
	if path == "" {
		path = "/"
	}
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (p *Provider) clearSessionCookie(w http.ResponseWriter) { p.setCookie(w, sessionCookie, "", -1) }

// newTicket keeps request for the browser of r and returns what its form has to bring back.
func newTicket[T any](p *Provider, t *table[pending[T]], w http.ResponseWriter, r *http.Request, request T) string {
	ticket, browser := random(), p.browser(w, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	t.put(p.now(), ticket, pending[T]{browser, request})
	return ticket
}

// takeTicket returns the request that the posted ticket stands for, once, and only to the browser it was made for.
func takeTicket[T any](p *Provider, t *table[pending[T]], r *http.Request) (T, bool) {
	var none T
	ticket := r.PostForm.Get("ticket")
	cookie, err := r.Cookie(browserCookie)
	if err != nil {
		return none, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	kept, ok := t.get(p.now(), ticket)
	if !ok || !equal(kept.browser, digest(cookie.Value)) {
		return none, false
	}
	t.delete(ticket)
	return kept.request, true
}

// random returns 256 bits that nobody can guess.
func random() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// equal compares secrets without telling by its time how much of them, or whether their lengths, agree.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// digest is the base64url SHA-256 of s, which for a code_verifier is the S256 code_challenge of RFC 7636.
func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
