package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
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
)

// testKeys are the keys of the provider that misbehaves. To make them takes a while, so all tests share them.
var testKeys = sync.OnceValue(func() (k struct {
	rsa, foreign *rsa.PrivateKey
	ec           *ecdsa.PrivateKey
	ed           ed25519.PrivateKey
}) {
	k.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.foreign, _ = rsa.GenerateKey(rand.Reader, 2048)
	k.ec, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, k.ed, _ = ed25519.GenerateKey(rand.Reader)
	return k
})

// sharedSecret is a key no provider should publish.
var sharedSecret = []byte("thirty-two bytes anybody can see")

// rogue is a provider that says what a test tells it to say.
type rogue struct {
	site   *site
	server *httptest.Server

	mu        sync.Mutex
	down      bool             // every answer is 503
	slow      func()           // before the discovery document
	discovery map[string]any   // over the honest document; nil removes
	wellKnown http.HandlerFunc // in place of the document
	token     http.HandlerFunc
	keys      http.HandlerFunc
	userInfo  http.HandlerFunc
	idToken   string // the next one
	keyID     string // of the keys it publishes, a prefix
	asked     map[string]int
	logouts   int         // logout tokens made
	form      url.Values  // of the last request to the token endpoint
	header    http.Header // as well
}

func (r *rogue) serve(s *site) string {
	r.site, r.asked, r.keyID = s, make(map[string]int), "k1-"
	r.server = httptest.NewServer(http.HandlerFunc(r.route))
	s.Cleanup(r.server.Close)
	return r.server.URL
}

// set changes the provider between requests.
func (r *rogue) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// count returns how often a path was asked for.
func (r *rogue) count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[path]
}

func (r *rogue) route(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.asked[req.URL.Path]++
	down, slow, wellKnown, token, keys, userInfo := r.down, r.slow, r.wellKnown, r.token, r.keys, r.userInfo
	r.mu.Unlock()
	switch path := req.URL.Path; {
	case down:
		http.Error(w, "secret details of the outage", http.StatusServiceUnavailable)
	case path == "/.well-known/openid-configuration" && wellKnown != nil:
		wellKnown(w, req)
	case path == "/.well-known/openid-configuration":
		if slow != nil {
			slow()
		}
		r.showDiscovery(w)
	case path == "/keys" && keys != nil:
		keys(w, req)
	case path == "/keys":
		writeJSON(w, r.published())
	case path == "/token":
		req.ParseForm()
		r.set(func() { r.form, r.header = req.PostForm, req.Header })
		if token != nil {
			token(w, req)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		writeJSON(w, r.tokens())
	case path == "/userinfo" && userInfo != nil:
		userInfo(w, req)
	default:
		http.NotFound(w, req)
	}
}

const (
	accessToken  = "access-token-of-the-test"
	refreshToken = "refresh-token-of-the-test"
)

func (r *rogue) tokens() map[string]any {
	r.site.note(accessToken)
	r.site.note(refreshToken)
	r.site.note(r.idToken)
	return map[string]any{
		"access_token": accessToken, "refresh_token": refreshToken, "token_type": "Bearer", "expires_in": 300,
		"id_token": r.idToken,
	}
}

func (r *rogue) showDiscovery(w http.ResponseWriter) {
	url := r.server.URL
	document := map[string]any{
		"issuer":                 url,
		"authorization_endpoint": url + "/authorize",
		"token_endpoint":         url + "/token",
		"jwks_uri":               url + "/keys",
		// A provider can advertise what it likes.
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, value := range r.discovery {
		document[name] = value
		if value == nil {
			delete(document, name)
		}
	}
	writeJSON(w, document)
}

func (r *rogue) published() jose.JSONWebKeySet {
	k := testKeys()
	r.mu.Lock()
	defer r.mu.Unlock()
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: k.rsa.Public(), KeyID: r.keyID + "rsa", Use: "sig"},
		{Key: k.ec.Public(), KeyID: r.keyID + "ec", Use: "sig"},
		{Key: k.ed.Public(), KeyID: r.keyID + "ed", Use: "sig"},
		{Key: sharedSecret, KeyID: r.keyID + "shared", Use: "sig"},
	}}
}

// claimSet is what a token says.
type claimSet map[string]any

// honest returns the claims of a good ID token for an attempt.
func (r *rogue) honest(asked url.Values) claimSet {
	now := r.site.clock.now()
	return claimSet{
		"iss": r.server.URL, "sub": "u-1", "aud": "chat", "nonce": asked.Get("nonce"),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "name": "Ada",
	}
}

// sign returns a token signed the honest way.
func (r *rogue) sign(c claimSet) string {
	return r.signWith(c, jose.RS256, testKeys().rsa, "rsa", "JWT")
}

func (r *rogue) signWith(c claimSet, alg jose.SignatureAlgorithm, key any, keyID, typ string) string {
	compact, err := r.signed(c, alg, key, keyID, typ).CompactSerialize()
	if err != nil {
		r.site.Fatal(err)
	}
	return compact
}

func (r *rogue) signed(c claimSet, alg jose.SignatureAlgorithm, key any, keyID, typ string) *jose.JSONWebSignature {
	payload, err := json.Marshal(c)
	if err != nil {
		r.site.Fatal(err)
	}
	options := (&jose.SignerOptions{}).WithHeader("kid", r.keyID+keyID)
	if typ != "" {
		options = options.WithType(jose.ContentType(typ))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		r.site.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		r.site.Fatal(err)
	}
	return signed
}

// signIn goes through a whole sign-in with the ID token that make returns for the honest claims.
func (r *rogue) signIn(b *browser, make func(claimSet) string) page {
	b.Helper()
	asked := b.begin("/chat/General")
	token := make(r.honest(asked))
	r.set(func() { r.idToken = token })
	return b.callback(url.Values{"code": {"code-of-the-test"}, "state": {asked.Get("state")}})
}

// with returns a maker of ID tokens that differ from an honest one in some claims; nil removes.
func (r *rogue) with(changes claimSet) func(claimSet) string {
	return func(c claimSet) string {
		maps.Copy(c, changes)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
		return r.sign(c)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// openRogue returns a site whose provider misbehaves as told, and the provider.
func openRogue(t *testing.T) (*site, *rogue) {
	t.Helper()
	r := &rogue{}
	return open(t, r.serve), r
}
