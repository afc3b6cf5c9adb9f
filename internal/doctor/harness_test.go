package doctor_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"letstalk/internal/auth"
	"letstalk/internal/doctor"
	"letstalk/store/sqlstore"
)

// today is in the middle of a second, because the Date header leaves off what is less than one.
var today = time.Date(2026, 3, 14, 12, 0, 0, int(time.Second/2), time.UTC)

// world is a provider and a site behind a proxy, sound until a test breaks something. Handlers are by path.
type world struct {
	t        *testing.T
	ctx      context.Context
	idp      *httptest.Server
	said     map[string]any // the provider's discovery document
	provider map[string]http.HandlerFunc
	site     map[string]http.HandlerFunc
	proxy    func(http.Handler) http.Handler
	http1    bool
	clock    *clock
	opts     doctor.Options
	out      writer
}

// clock stands still until a test moves it.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	read chan struct{} // receives when the time was read, unless it is full
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case c.read <- struct{}{}:
	default:
	}
	return c.now
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// database opens an empty one.
func database(t *testing.T) *sqlstore.Store {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "letstalk.db"), sqlstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newWorld(t *testing.T, db *sqlstore.Store) *world {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), clock: &clock{now: today, read: make(chan struct{}, 1)}, proxy: func(h http.Handler) http.Handler { return h }}
	w.provider = map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": func(rw http.ResponseWriter, _ *http.Request) { w.write(rw, http.StatusOK, w.said) },
		"/keys":                             func(rw http.ResponseWriter, _ *http.Request) { w.write(rw, http.StatusOK, keySet(ecKey(t))) },
		"/authorize":                        func(rw http.ResponseWriter, r *http.Request) { sendBack(rw, r, "login_required") },
		"/token": func(rw http.ResponseWriter, _ *http.Request) {
			w.write(rw, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		},
	}
	w.idp = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Date", w.clock.Now().Format(http.TimeFormat))
		serve(w.provider, rw, r)
	}))
	t.Cleanup(w.idp.Close)
	w.said = map[string]any{
		"issuer": w.idp.URL, "authorization_endpoint": w.idp.URL + "/authorize", "token_endpoint": w.idp.URL + "/token",
		"jwks_uri": w.idp.URL + "/keys", "end_session_endpoint": w.idp.URL + "/logout",
		"code_challenge_methods_supported":      []string{"plain", "S256"},
		"id_token_signing_alg_values_supported": []string{"HS256", "RS256", "ES256"},
		"backchannel_logout_supported":          true, "backchannel_logout_session_supported": true,
		"scopes_supported": []string{"openid", "profile", "email"}, "acr_values_supported": []string{"pwd", "mfa"},
	}
	w.site = soundSite(w)
	w.opts = doctor.Options{
		BaseURL: &url.URL{Scheme: "https", Host: "example.com"}, // the name in the certificates of httptest
		Issuer:  w.idp.URL, ClientID: "letstalk", ClientSecret: "s3cret&", Scopes: []string{"openid", "profile", "email"},
		Policy: auth.Policy{GroupsClaim: "groups"}, Recheck: 15 * time.Minute, Store: db,
		Look: time.Millisecond, Now: w.clock.Now,
	}
	return w
}

// soundSite answers as Let's Talk does, as far as the doctor looks.
func soundSite(w *world) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"/healthz": func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintln(rw, "ok") },
		"/": func(rw http.ResponseWriter, _ *http.Request) {
			for name, value := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "X-Content-Type-Options": "nosniff",
				"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
			} {
				rw.Header().Set(name, value)
			}
		},
		"/users/login": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Cache-Control", "no-store")
			http.SetCookie(rw, &http.Cookie{Name: "__Host-signin", Value: "v", Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode})
			http.Redirect(rw, r, w.idp.URL+"/authorize?"+url.Values{
				"client_id": {w.opts.ClientID}, "redirect_uri": {"https://example.com/authorization-code/callback"},
			}.Encode(), http.StatusFound)
		},
		"/users/backchannel-logout": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Cache-Control", "no-store")
			if r.Method == http.MethodPost && r.FormValue("logout_token") != "" {
				rw.WriteHeader(http.StatusBadRequest)
			}
		},
		"/events": w.frames,
	}
}

// frames sends three, and before each but the first lets a second pass, once the one before was read.
func (w *world) frames(rw http.ResponseWriter, r *http.Request) {
	if _, err := w.opts.Store.Rehearsal(r.Context(), auth.KeptRehearsal(r.FormValue("rehearsal"))); err != nil {
		http.Error(rw, "none", http.StatusNotFound)
		return
	}
	rw.Header().Set("Content-Type", "text/event-stream")
	select {
	case <-w.clock.read: // by somebody before
	default:
	}
	for range 3 {
		fmt.Fprint(rw, "event: rehearsal\ndata: {\"address\":\"192.0.2.7\"}\n\n")
		_ = http.NewResponseController(rw).Flush()
		select {
		case <-w.clock.read:
		case <-r.Context().Done():
			return
		}
		w.clock.move(time.Second)
	}
}

// collect sends the three frames when two seconds have passed, as a proxy does that waits for more.
func (w *world) collect(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "text/event-stream")
	w.clock.move(2 * time.Second)
	fmt.Fprint(rw, strings.Repeat("data: {\"address\":\"192.0.2.7\"}\n\n", 3))
}

// examine looks at the world and returns the lines.
func (w *world) examine() []string {
	w.t.Helper()
	server := httptest.NewUnstartedServer(w.proxy(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { serve(w.site, rw, r) })))
	server.EnableHTTP2 = !w.http1
	server.StartTLS()
	defer server.Close()
	if w.opts.Transport == nil {
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		transport := &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if address == "example.com:443" {
					address = server.Listener.Addr().String()
				}
				return new(net.Dialer).DialContext(ctx, network, address)
			},
		}
		defer transport.CloseIdleConnections()
		w.opts.Transport = transport
	}
	report := doctor.NewReport(&w.out)
	doctor.Examine(w.ctx, w.opts, report)
	if err := report.Sum(); err != nil {
		w.t.Error(err)
	}
	return strings.Split(w.out.String(), "\n")
}

// writer collects the report. Told of a link to a rehearsal, it calls rehearsed with the ticket.
type writer struct {
	strings.Builder
	rehearsed func(ticket string)
}

var link = regexp.MustCompile(`https://example\.com/users/rehearse\?ticket=(\S+)`)

func (w *writer) Write(p []byte) (int, error) {
	if ticket := link.FindSubmatch(p); ticket != nil && w.rehearsed != nil {
		w.rehearsed(string(ticket[1]))
	}
	return w.Builder.Write(p)
}

func serve(handlers map[string]http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	if h := handlers[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	http.NotFound(w, r)
}

func (w *world) write(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	if err := json.NewEncoder(rw).Encode(v); err != nil {
		w.t.Error(err)
	}
}

// says has the provider's document say something else; nil takes a thing out.
func (w *world) says(more map[string]any) {
	maps.Copy(w.said, more)
	maps.DeleteFunc(w.said, func(_ string, v any) bool { return v == nil })
}

// sendBack sends the browser to the client with an error.
func sendBack(w http.ResponseWriter, r *http.Request, code string) {
	http.Redirect(w, r, r.FormValue("redirect_uri")+"?"+url.Values{"error": {code}, "state": {r.FormValue("state")}}.Encode(), http.StatusFound)
}

func answers(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

func leads(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

func keySet(keys ...jose.JSONWebKey) jose.JSONWebKeySet { return jose.JSONWebKeySet{Keys: keys} }
