package auth_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func atHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

func TestIDTokenIsRefused(t *testing.T) {
	s, r := openRogue(t)
	k := testKeys()
	publicPEM := func() []byte {
		der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}
	unsigned := func(c claimSet) string {
		payload, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
	}
	at := func(claim string, offset time.Duration) func(claimSet) string {
		return func(c claimSet) string { return r.with(claimSet{claim: s.clock.now().Add(offset).Unix()})(c) }
	}
	events := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}

	for _, tc := range []struct {
		name string
		make func(claimSet) string
	}{
		{"nonce of another sign-in", r.with(claimSet{"nonce": "another"})},
		{"nonce missing", r.with(claimSet{"nonce": nil})},
		{"nonce empty", r.with(claimSet{"nonce": ""})},
		{"subject missing", r.with(claimSet{"sub": nil})},
		{"subject empty", r.with(claimSet{"sub": ""})},
		{"subject too long", r.with(claimSet{"sub": strings.Repeat("a", 256)})},
		{"subject not ASCII", r.with(claimSet{"sub": "ädа"})},
		{"subject with a control character", r.with(claimSet{"sub": "a\x00b"})},
		{"subject a number", r.with(claimSet{"sub": 7})},
		{"another issuer", r.with(claimSet{"iss": "https://other.example"})},
		{"audience another client", r.with(claimSet{"aud": "wiki"})},
		{"audience missing", r.with(claimSet{"aud": nil})},
		{"audience extra", r.with(claimSet{"aud": []string{"chat", "wiki"}})},
		{"audience extra though azp is ours", r.with(claimSet{"aud": []string{"chat", "wiki"}, "azp": "chat"})},
		{"several audiences without azp", r.with(claimSet{"aud": []string{"chat", "chat"}})},
		{"azp another client", r.with(claimSet{"azp": "wiki"})},
		{"azp empty", r.with(claimSet{"azp": ""})},
		{"azp no string", r.with(claimSet{"azp": []string{"chat"}})},
		{"at_hash of another token", r.with(claimSet{"at_hash": atHash("another")})},
		{"at_hash empty", r.with(claimSet{"at_hash": ""})},
		{"iat missing", r.with(claimSet{"iat": nil})},
		{"iat zero", r.with(claimSet{"iat": 0})},
		{"iat in the future", at("iat", 3*time.Minute)},
		{"expired", at("exp", -time.Second)},
		{"exp missing", r.with(claimSet{"exp": nil})},
		{"not yet valid", at("nbf", time.Hour)},
		{"logout token", r.with(claimSet{"events": events})},
		{"logout token by its type", func(c claimSet) string {
			return r.signWith(c, jose.RS256, k.rsa, "rsa", "logout+jwt")
		}},
		{"logout token by its full type", func(c claimSet) string {
			return r.signWith(c, jose.RS256, k.rsa, "rsa", "application/Logout+JWT")
		}},
		{"access token by its type", func(c claimSet) string {
			return r.signWith(c, jose.RS256, k.rsa, "rsa", "at+jwt")
		}},
		{"not signed", unsigned},
		{"signed with the public key as a secret", func(c claimSet) string {
			return r.signWith(c, jose.HS256, publicPEM(), "rsa", "JWT")
		}},
		{"signed with a secret that is published", func(c claimSet) string {
			return r.signWith(c, jose.HS256, sharedSecret, "shared", "JWT")
		}},
		{"signed with a foreign key", func(c claimSet) string {
			return r.signWith(c, jose.RS256, k.foreign, "rsa", "JWT")
		}},
		{"changed after signing", func(c claimSet) string {
			signed := strings.Split(r.sign(c), ".")
			c["sub"] = "admin"
			return signed[0] + "." + strings.Split(r.sign(c), ".")[1] + "." + signed[2]
		}},
		{"no token at all", func(claimSet) string { return "" }},
		{"gibberish", func(claimSet) string { return "gibberish" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			p := r.signIn(b, tc.make)
			want(t, "answer", p.body, "untrusted")
			want(t, "session", b.session(), "")
			s.clock.move(time.Minute) // a fetch of the keys for each, if it must be
		})
	}
}

func TestIDTokenIsAccepted(t *testing.T) {
	s, r := openRogue(t)
	k := testKeys()
	for _, tc := range []struct {
		name string
		make func(claimSet) string
	}{
		{"plain", r.sign},
		{"azp ours", r.with(claimSet{"azp": "chat"})},
		{"audience a list of us", r.with(claimSet{"aud": []string{"chat"}})},
		{"at_hash of its access token", r.with(claimSet{"at_hash": atHash(accessToken)})},
		{"provider's clock a minute ahead", r.with(claimSet{"iat": s.clock.now().Add(time.Minute).Unix()})},
		{"longest subject", r.with(claimSet{"sub": strings.Repeat("a", 255)})},
		{"no type", func(c claimSet) string { return r.signWith(c, jose.RS256, k.rsa, "rsa", "") }},
		{"PS256", func(c claimSet) string { return r.signWith(c, jose.PS256, k.rsa, "rsa", "JWT") }},
		{"ES256", func(c claimSet) string { return r.signWith(c, jose.ES256, k.ec, "ec", "JWT") }},
		{"EdDSA", func(c claimSet) string { return r.signWith(c, jose.EdDSA, k.ed, "ed", "JWT") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			p := r.signIn(b, tc.make)
			want(t, "status", p.status, http.StatusSeeOther)
			want(t, "viewer", b.me(), "Ada")
		})
	}
}

func TestForgedTokensCostFewKeyFetches(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	want(t, "an honest sign-in", r.signIn(b, r.sign).status, http.StatusSeeOther)

	forge := func(c claimSet) string { return r.signWith(c, jose.RS256, testKeys().foreign, "unknown", "JWT") }
	for range 20 {
		if body := r.signIn(b, forge).body; body != "untrusted" && body != "down" {
			t.Fatalf("forged token: %s", body)
		}
	}
	want(t, "fetches at once", r.count("/keys"), 2)
	want(t, "an honest sign-in afterwards", r.signIn(b, r.sign).status, http.StatusSeeOther)

	s.clock.move(time.Minute)
	for range 5 {
		r.signIn(b, forge)
	}
	want(t, "fetches a minute later", r.count("/keys"), 3)
}

func TestProviderChangesItsKeys(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	want(t, "before", r.signIn(b, r.sign).status, http.StatusSeeOther)
	r.set(func() { r.keyID = "k2-" })
	want(t, "after", r.signIn(b, r.sign).status, http.StatusSeeOther)
}

func TestWithdrawnKeyIsForgotten(t *testing.T) {
	s, r := openRogue(t)
	b := s.browser()
	old := func(c claimSet) string { return r.signWith(c, jose.ES256, testKeys().ec, "ec", "JWT") }
	want(t, "before", r.signIn(b, old).status, http.StatusSeeOther)
	r.set(func() { r.keys = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, jose.JSONWebKeySet{}) } })
	s.clock.move(time.Hour)
	want(t, "an hour later", r.signIn(b, old).body, "untrusted")
}
