package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// publish has the provider publish other keys, and the site look at them.
func (r *rogue) publish(keys ...any) {
	r.site.clock.move(time.Hour)
	r.set(func() {
		r.keys = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"keys": keys}) }
	})
}

func TestKeyThatATokenWasSignedWithIsRefused(t *testing.T) {
	s, r := openRogue(t)
	k := testKeys()
	weak, long, one := mersenne(521, 607), mersenne(4253, 4423), exponentOne(k.foreign.N)
	evil := r.server.URL + "/evil"
	type header = map[string]any
	jwk := func(key any, id, use, alg string) any {
		return jose.JSONWebKey{Key: key, KeyID: id, Use: use, Algorithm: alg}
	}
	ours := []any{jwk(k.rsa.Public(), "a", "sig", ""), jwk(k.ec.Public(), "e", "sig", "")}
	twoRSA := append(ours, jwk(k.foreign.Public(), "b", "sig", ""))
	many := make([]any, 200)
	for i := range many {
		many[i] = jwk(k.foreign.Public(), fmt.Sprint("b", i), "sig", "")
	}

	for _, tc := range []struct {
		name   string
		keys   []any
		header any
		sign   func([]byte) []byte
	}{
		{"kid of another key", twoRSA, header{"alg": "RS256", "kid": "b"}, rs256(k.rsa)},
		{"kid of a key of another kind", ours, header{"alg": "RS256", "kid": "e"}, rs256(k.rsa)},
		{"no kid, and there are two keys", twoRSA, header{"alg": "RS256"}, rs256(k.rsa)},
		{"empty kid, and there are two keys", twoRSA, header{"alg": "RS256", "kid": ""}, rs256(k.rsa)},
		{"kid a number", ours, header{"alg": "RS256", "kid": 7}, rs256(k.rsa)},
		{"kid in other letters", ours, header{"alg": "RS256", "kid": "A"}, rs256(k.rsa)},
		{"kid a path", ours, header{"alg": "RS256", "kid": "../../evil"}, rs256(k.foreign)},
		{"kid an address", ours, header{"alg": "RS256", "kid": evil}, rs256(k.foreign)},
		{"kid a query", ours, header{"alg": "RS256", "kid": "a' OR '1'='1"}, rs256(k.foreign)},
		{"kid huge", ours, header{"alg": "RS256", "kid": strings.Repeat("k", 100_000)}, rs256(k.foreign)},
		{"keys at another address", ours, header{"alg": "RS256", "kid": "a", "jku": evil}, rs256(k.foreign)},
		{"certificate at another address", ours, header{"alg": "RS256", "kid": "a", "x5u": evil}, rs256(k.foreign)},
		{"key in the token", ours, header{"alg": "RS256", "jwk": jwk(k.foreign.Public(), "", "", "")}, rs256(k.foreign)},
		{"key in the token, with our kid", ours,
			header{"alg": "RS256", "kid": "a", "jwk": jwk(k.foreign.Public(), "a", "sig", "RS256")}, rs256(k.foreign)},
		{"key to encrypt with", []any{jwk(k.rsa.Public(), "a", "enc", "")}, header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"key for another algorithm", []any{jwk(k.rsa.Public(), "a", "sig", "RS512")}, header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"key for an algorithm to encrypt", []any{jwk(k.rsa.Public(), "a", "", "RSA-OAEP")}, header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"elliptic key, RSA algorithm", ours, header{"alg": "RS256", "kid": "e"}, esOf(k.ec, crypto.SHA256)},
		{"RSA key, elliptic algorithm", ours, header{"alg": "ES256", "kid": "a"}, rs256(k.rsa)},
		{"curve of another algorithm", ours, header{"alg": "ES384", "kid": "e"}, esOf(k.ec, crypto.SHA384)},
		{"RSA key too short", []any{jwk(&weak.public, "a", "sig", "")}, header{"alg": "RS256", "kid": "a"}, weak.sign},
		{"RSA key too much work", []any{jwk(&long.public, "a", "sig", "")}, header{"alg": "RS256", "kid": "a"}, long.sign},
		{"RSA key that hides nothing", []any{jwk(&one.public, "a", "sig", "")}, header{"alg": "RS256", "kid": "a"}, one.sign},
		{"private key that is published", []any{jwk(k.rsa, "a", "sig", "")}, header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"key beyond the hundredth", append(many, ours...), header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"no key", nil, header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.publish(tc.keys...)
			b := s.browser()
			refused(t, b, "untrusted", func() page {
				return r.signIn(b, func(c claimSet) string { return forge(tc.header, c, tc.sign) })
			})
		})
	}
	want(t, "requests to where tokens point", r.count("/evil"), 0)
}

func TestKeyThatATokenWasSignedWithIsFound(t *testing.T) {
	s, r := openRogue(t)
	k := testKeys()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	evil := r.server.URL + "/evil"
	type header = map[string]any
	jwk := func(key any, id, alg string) any { return jose.JSONWebKey{Key: key, KeyID: id, Algorithm: alg} }
	broken := []any{
		7, nil, map[string]any{}, map[string]any{"kty": "RSA", "kid": "a"}, map[string]any{"kty": "new"},
		map[string]any{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, json.RawMessage(`{"kty":"oct","k":7}`),
	}
	for _, tc := range []struct {
		name   string
		keys   []any
		header any
		sign   func([]byte) []byte
	}{
		{"no kid, and one key fits", []any{jwk(k.rsa.Public(), "a", ""), jwk(k.ec.Public(), "e", "")}, header{"alg": "RS256"}, rs256(k.rsa)},
		{"keys without kid", []any{jwk(k.rsa.Public(), "", "")}, header{"alg": "RS256"}, rs256(k.rsa)},
		{"kid shared by keys of two kinds", []any{jwk(k.ec.Public(), "a", ""), jwk(k.rsa.Public(), "a", "")}, header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"kid shared by old and new", []any{jwk(k.foreign.Public(), "a", ""), jwk(k.rsa.Public(), "a", "")}, header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"algorithm said", []any{jwk(k.rsa.Public(), "a", "RS256")}, header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"ES384", []any{jwk(p384.Public(), "a", "")}, header{"alg": "ES384", "kid": "a"}, esOf(p384, crypto.SHA384)},
		{"among broken ones", append(broken, jwk(k.rsa.Public(), "a", "")), header{"alg": "RS256", "kid": "a"}, rs256(k.rsa)},
		{"addresses besides are not looked at", []any{jwk(k.rsa.Public(), "a", "")}, header{"alg": "RS256", "kid": "a", "jku": evil, "x5u": evil}, rs256(k.rsa)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r.publish(tc.keys...)
			b := s.browser()
			p := r.signIn(b, func(c claimSet) string { return forge(tc.header, c, tc.sign) })
			want(t, "answer", p.status, http.StatusSeeOther)
			want(t, "viewer", b.me(), "Ada")
		})
	}
	want(t, "requests to where tokens point", r.count("/evil"), 0)
}
