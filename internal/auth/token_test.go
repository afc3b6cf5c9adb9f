package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
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
	number := func(s string) any { return json.Number(s) }
	at := func(claim string, offset time.Duration) func(claimSet) string {
		return func(c claimSet) string { return r.with(claimSet{claim: s.clock.now().Add(offset).Unix()})(c) }
	}
	null := json.RawMessage("null") // as a nil in with removes
	events := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}

	for _, tc := range []struct {
		name string
		make func(claimSet) string
	}{
		{"nonce of another sign-in", r.with(claimSet{"nonce": "another"})},
		{"nonce missing", r.with(claimSet{"nonce": nil})},
		{"nonce empty", r.with(claimSet{"nonce": ""})},
		{"nonce null", r.with(claimSet{"nonce": null})},
		{"nonce a list", func(c claimSet) string { return r.with(claimSet{"nonce": []any{c["nonce"]}})(c) }},
		{"nonce in other letters", func(c claimSet) string {
			return r.with(claimSet{"nonce": strings.ToUpper(c["nonce"].(string))})(c)
		}},
		{"nonce by another spelling", func(c claimSet) string {
			return r.with(claimSet{"nonce": "another", "Nonce": c["nonce"]})(c)
		}},
		{"subject missing", r.with(claimSet{"sub": nil})},
		{"subject empty", r.with(claimSet{"sub": ""})},
		{"subject too long", r.with(claimSet{"sub": strings.Repeat("a", 256)})},
		{"subject not ASCII", r.with(claimSet{"sub": "ädа"})},
		{"subject with a control character", r.with(claimSet{"sub": "a\x00b"})},
		{"subject a number", r.with(claimSet{"sub": 7})},
		{"subject null", r.with(claimSet{"sub": null})},
		{"subject a list", r.with(claimSet{"sub": []string{"u-1"}})},
		{"subject by another spelling", r.with(claimSet{"sub": nil, "Sub": "u-1"})},
		{"subject by another spelling besides", r.with(claimSet{"SUB": "u-2"})},
		{"subject with a letter that looks like one", r.with(claimSet{"\u017fub": "u-2"})},
		{"another issuer", r.with(claimSet{"iss": "https://other.example"})},
		{"issuer with a slash", r.with(claimSet{"iss": r.server.URL + "/"})},
		{"issuer in other letters", r.with(claimSet{"iss": strings.ToUpper(r.server.URL)})},
		{"issuer missing", r.with(claimSet{"iss": nil})},
		{"issuer a list", r.with(claimSet{"iss": []string{r.server.URL}})},
		{"issuer by another spelling", r.with(claimSet{"iss": "https://other.example", "Iss": r.server.URL})},
		{"audience another client", r.with(claimSet{"aud": "wiki"})},
		{"audience missing", r.with(claimSet{"aud": nil})},
		{"audience null", r.with(claimSet{"aud": null})},
		{"audience nobody", r.with(claimSet{"aud": []string{}})},
		{"audience a number", r.with(claimSet{"aud": 7})},
		{"audience a list of lists", r.with(claimSet{"aud": [][]string{{"chat"}}})},
		{"audience an object", r.with(claimSet{"aud": map[string]any{"chat": true}})},
		{"audience in other letters", r.with(claimSet{"aud": "CHAT"})},
		{"audience with a space", r.with(claimSet{"aud": "chat "})},
		{"audience by another spelling", r.with(claimSet{"aud": "wiki", "AUD": "chat"})},
		{"audience extra", r.with(claimSet{"aud": []string{"chat", "wiki"}})},
		{"audience extra though azp is ours", r.with(claimSet{"aud": []string{"chat", "wiki"}, "azp": "chat"})},
		{"several audiences without azp", r.with(claimSet{"aud": []string{"chat", "chat"}})},
		{"azp another client", r.with(claimSet{"azp": "wiki"})},
		{"azp empty", r.with(claimSet{"azp": ""})},
		{"azp null", r.with(claimSet{"azp": null})},
		{"azp no string", r.with(claimSet{"azp": []string{"chat"}})},
		{"at_hash of another token", r.with(claimSet{"at_hash": atHash("another")})},
		{"at_hash empty", r.with(claimSet{"at_hash": ""})},
		{"at_hash null", r.with(claimSet{"at_hash": null})},
		{"at_hash of the whole digest", r.with(claimSet{"at_hash": atHash(accessToken) + "A"})},
		{"at_hash a number", r.with(claimSet{"at_hash": 7})},
		{"iat missing", r.with(claimSet{"iat": nil})},
		{"iat zero", r.with(claimSet{"iat": 0})},
		{"iat negative", r.with(claimSet{"iat": -1})},
		{"iat a text", r.with(claimSet{"iat": strconv.FormatInt(s.clock.now().Unix(), 10)})},
		{"iat null", r.with(claimSet{"iat": null})},
		{"iat huge", r.with(claimSet{"iat": number("1e300")})},
		{"iat in the future", at("iat", 3*time.Minute)},
		{"expired", at("exp", -time.Second)},
		{"exp missing", r.with(claimSet{"exp": nil})},
		{"exp null", r.with(claimSet{"exp": null})},
		{"exp negative", r.with(claimSet{"exp": -1})},
		{"exp a text", r.with(claimSet{"exp": strconv.FormatInt(s.clock.now().Unix()+300, 10)})},
		{"exp a list", r.with(claimSet{"exp": []int64{s.clock.now().Unix() + 300}})},
		{"exp true", r.with(claimSet{"exp": true})},
		{"exp at the end of all numbers", r.with(claimSet{"exp": number("9223372036854775807")})},
		{"exp beyond all whole numbers", r.with(claimSet{"exp": number("1e300")})},
		{"exp beyond all numbers", r.with(claimSet{"exp": number("1e4000")})},
		{"exp by another spelling", r.with(claimSet{"exp": 1, "Exp": s.clock.now().Unix() + 300})},
		{"not yet valid", at("nbf", time.Hour)},
		{"nbf a text", r.with(claimSet{"nbf": "0"})},
		{"nbf beyond all numbers", r.with(claimSet{"nbf": number("1e300")})},
		{"signed in in the future", at("auth_time", 3*time.Minute)},
		{"logout token", r.with(claimSet{"events": events})},
		{"logout token with an event that is nothing", r.with(claimSet{"events": null})},
		{"claims too large", r.with(claimSet{"padding": strings.Repeat("x", 300_000)})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			refused(t, b, "untrusted", func() page { return r.signIn(b, tc.make) })
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
		{"expiry with a fraction", r.with(claimSet{"exp": float64(s.clock.now().Unix()) + 60.5})},
		{"nbf zero, as some say for none", r.with(claimSet{"nbf": 0})},
		{"claims beside those of the standard", r.with(claimSet{"Email": "a@example.org", "email": "b@example.org", "Groups": 7})},
		{"signed in a moment ago by the provider's clock", r.with(claimSet{"auth_time": s.clock.now().Add(time.Minute).Unix()})},
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

	k := testKeys()
	forgeries := []func(claimSet) string{
		func(c claimSet) string { return r.signWith(c, jose.RS256, k.foreign, "unknown", "JWT") },
		func(c claimSet) string { return r.signWith(c, jose.RS256, k.foreign, "rsa", "JWT") },
		func(c claimSet) string { return r.signWith(c, jose.RS256, k.foreign, c["nonce"].(string), "JWT") },
		func(c claimSet) string {
			return forge(claimSet{"alg": "RS256", "jku": r.server.URL + "/keys"}, c, nobody)
		},
		func(c claimSet) string { return forge(claimSet{"alg": "ES512", "kid": "k1-rsa"}, c, nobody) },
	}
	for i := range 20 {
		if body := r.signIn(b, forgeries[i%len(forgeries)]).body; body != "untrusted" && body != "down" {
			t.Fatalf("forged token: %s", body)
		}
	}
	want(t, "fetches at once", r.count("/keys"), 2)
	want(t, "an honest sign-in afterwards", r.signIn(b, r.sign).status, http.StatusSeeOther)

	s.clock.move(time.Minute)
	for _, forged := range forgeries {
		r.signIn(b, forged)
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
