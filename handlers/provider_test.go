package handlers_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"letstalk/internal/auth"
)

// What the provider that misbehaves says, and nobody may read anywhere.
const (
	theCode    = "code-between-provider-and-site"
	theAccess  = "access-token-between-provider-and-site"
	theRefresh = "refresh-token-between-provider-and-site"
	theWords   = "words-of-the-provider"
)

// rsaKeys are the provider's key and somebody else's. To make them takes a while.
var rsaKeys = sync.OnceValue(func() (k struct{ own, foreign *rsa.PrivateKey }) {
	k.own, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.foreign, _ = rsa.GenerateKey(rand.Reader, 2048)
	return k
})

// rogue is a provider that misbehaves where a test tells it to. Package auth has a table of what can be wrong; here it is
// about what people see of it.
type rogue struct {
	*site
	server *httptest.Server

	mu      sync.Mutex
	instead map[string]http.HandlerFunc // of the honest answer, by path
	over    map[string]any              // the discovery document; nil removes
	key     *rsa.PrivateKey             // signs the next ID token
	claims  map[string]any              // of the next ID token, over the honest ones; nil removes
	nonce   string
}

// openRogue returns a site of a provider that misbehaves.
func openRogue(t *testing.T, edit func(*auth.Config)) (*site, *rogue) {
	t.Helper()
	r := &rogue{}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.server.Close)
	s := open(t, setup{auth: func(c *auth.Config) {
		c.Issuer = r.server.URL
		if edit != nil {
			edit(c)
		}
	}})
	r.site = s
	r.behave()
	return s, r
}

// behave has the provider do as it should from now on.
func (r *rogue) behave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.instead, r.over, r.claims, r.key = map[string]http.HandlerFunc{}, map[string]any{}, map[string]any{}, rsaKeys().own
}

// change changes the provider between requests.
func (r *rogue) change(f func(*rogue)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

func (r *rogue) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if instead := r.instead[req.URL.Path]; instead != nil {
		instead(w, req)
		return
	}
	switch req.URL.Path {
	case "/.well-known/openid-configuration":
		show(w, with(map[string]any{
			"issuer": r.server.URL, "authorization_endpoint": r.server.URL + "/authorize",
			"token_endpoint": r.server.URL + "/token", "jwks_uri": r.server.URL + "/keys",
		}, r.over))
	case "/keys":
		show(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKeys().own.Public(), KeyID: "own", Use: "sig"}}})
	case "/token":
		now := r.now()
		show(w, map[string]any{
			"access_token": theAccess, "refresh_token": theRefresh, "token_type": "Bearer", "expires_in": 300,
			"id_token": sign(r.key, with(map[string]any{
				"iss": r.server.URL, "sub": "u-1", "aud": "letstalk", "nonce": r.nonce, "name": "Ada",
				"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
			}, r.claims)),
		})
	default:
		http.NotFound(w, req)
	}
}

// begin presses Log In and remembers what the provider is asked.
func (r *rogue) begin(p *person) url.Values {
	p.Helper()
	begun := p.get("/users/login")
	want(p, "starting to sign in", begun.status, http.StatusFound)
	to, err := url.Parse(begun.header.Get("Location"))
	must(p, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nonce = to.Query().Get("nonce")
	return to.Query()
}

// signIn begins and comes back with a code.
func (r *rogue) signIn(p *person) answer {
	p.Helper()
	return p.comeBack(url.Values{"state": {r.begin(p).Get("state")}, "code": {theCode}})
}

// comeBack comes back from the provider with its answer.
func (p *person) comeBack(answer url.Values) answer {
	p.Helper()
	return p.get(auth.CallbackPath + "?" + answer.Encode())
}

func with(honest, changes map[string]any) map[string]any {
	maps.Copy(honest, changes)
	maps.DeleteFunc(honest, func(_ string, v any) bool { return v == nil })
	return honest
}

func sign(key *rsa.PrivateKey, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "own"))
	if err != nil {
		panic(err)
	}
	token, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	compact, err := token.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return compact
}

func show(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// says answers with a body.
func says(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}
