package auth_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestIDTokenOfAnotherShapeIsRefused is about tokens whose claims are all in order.
func TestIDTokenOfAnotherShapeIsRefused(t *testing.T) {
	s, r := openRogue(t)
	k := testKeys()
	der, err := x509.MarshalPKIXPublicKey(k.rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	secret := func(key []byte) func(claimSet) string {
		return func(c claimSet) string { return r.signWith(c, jose.HS256, key, "rsa", "JWT") }
	}
	typed := func(typ string) func(claimSet) string {
		return func(c claimSet) string { return r.signWith(c, jose.RS256, k.rsa, "rsa", typ) }
	}
	// headed is signed by the provider, under a header it should not have; other members of the header follow.
	headed := func(members string) func(claimSet) string {
		return func(c claimSet) string { return forge(`{"kid":"k1-rsa",`+members+`}`, c, rs256(k.rsa)) }
	}
	unsigned := func(alg string) func(claimSet) string {
		return func(c claimSet) string { return forge(map[string]any{"alg": alg, "kid": "k1-rsa"}, c, nobody) }
	}
	// said is signed by the provider and says something that is almost what it should say.
	said := func(edit func(honest string) string) func(claimSet) string {
		return func(c claimSet) string {
			honest, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			return forge(map[string]any{"alg": "RS256", "kid": "k1-rsa"}, edit(string(honest)), rs256(k.rsa))
		}
	}
	// raw is signed over the claims as they are instead of their base64url.
	raw := func(members string) func(claimSet) string {
		return func(c claimSet) string {
			return forge(`{"kid":"k1-rsa","alg":"RS256",`+members+`}`, c, func(input []byte) []byte {
				payload, _ := json.Marshal(c)
				header, _, _ := strings.Cut(string(input), ".")
				return rs256(k.rsa)([]byte(header + "." + string(payload)))
			})
		}
	}
	parts := func(edit func(p []string) string) func(claimSet) string {
		return func(c claimSet) string { return edit(strings.Split(r.sign(c), ".")) }
	}

	for _, tc := range []struct {
		name string
		make func(claimSet) string
	}{
		{"no token at all", func(claimSet) string { return "" }},
		{"gibberish", func(claimSet) string { return "gibberish" }},
		{"dots", func(claimSet) string { return ".." }},
		{"not signed", unsigned("none")},
		{"not signed, in other letters", unsigned("nOnE")},
		{"not signed, and says it is", unsigned("RS256")},
		{"algorithm empty", unsigned("")},
		{"algorithm missing", headed(`"typ":"JWT"`)},
		{"algorithm a list", headed(`"alg":["RS256"]`)},
		{"algorithm in other letters", headed(`"alg":"rs256"`)},
		{"algorithm by another spelling", headed(`"ALG":"RS256"`)},
		{"algorithm twice", headed(`"alg":"none","alg":"RS256"`)},
		{"signed with the public key as a secret", secret(publicPEM)},
		{"signed with the public key's bytes as a secret", secret(der)},
		{"signed with the public key's modulus as a secret", secret(k.rsa.N.Bytes())},
		{"signed with a secret that is published", func(c claimSet) string {
			return r.signWith(c, jose.HS256, sharedSecret, "shared", "JWT")
		}},
		{"signed with our own secret", secret([]byte(clientSecret + strings.Repeat(" ", 32)))},
		{"signed with a foreign key", func(c claimSet) string {
			return r.signWith(c, jose.RS256, k.foreign, "rsa", "JWT")
		}},
		{"changed after signing", func(c claimSet) string {
			signed := strings.Split(r.sign(c), ".")
			c["sub"] = "admin"
			return signed[0] + "." + strings.Split(r.sign(c), ".")[1] + "." + signed[2]
		}},
		{"header changed after signing", parts(func(p []string) string {
			other := strings.Split(r.signWith(claimSet{}, jose.RS256, k.rsa, "rsa", ""), ".")
			return other[0] + "." + p[1] + "." + p[2]
		})},
		{"signature cut off", parts(func(p []string) string { return p[0] + "." + p[1] })},
		{"signature empty", parts(func(p []string) string { return p[0] + "." + p[1] + "." })},
		{"claims apart from it", parts(func(p []string) string { return p[0] + ".." + p[2] })},
		{"five parts", parts(func(p []string) string { return strings.Join(p, ".") + ".x.y" })},
		{"encrypted", func(c claimSet) string { return encrypted(t, []byte(r.sign(c))) }},
		{"a token in a token", said(func(honest string) string { return r.sign(claimSet{"claims": honest}) })},
		{"in JSON", func(c claimSet) string {
			return r.signed(c, jose.RS256, k.rsa, "rsa", "JWT").FullSerialize()
		}},
		{"white space around", parts(func(p []string) string { return " " + strings.Join(p, ".") + "\n" })},
		{"white space within", parts(func(p []string) string { return p[0][:8] + "\n" + p[0][8:] + "." + p[1] + "." + p[2] })},
		{"padding", parts(func(p []string) string { return p[0] + "." + p[1] + "." + p[2] + "==" })},
		{"logout token by its type", typed("logout+jwt")},
		{"logout token by its full type", typed("application/Logout+JWT")},
		{"access token by its type", typed("at+jwt")},
		{"proof of possession by its type", typed("dpop+jwt")},
		{"type a number", headed(`"alg":"RS256","typ":7`)},
		{"critical headers that we don't know", headed(`"alg":"RS256","exp":1,"crit":["exp"]`)},
		{"critical headers, but none", headed(`"alg":"RS256","crit":[]`)},
		{"critical headers, no list", headed(`"alg":"RS256","crit":"b64"`)},
		{"b64 said", headed(`"alg":"RS256","b64":true,"crit":["b64"]`)},
		{"claims not encoded", raw(`"b64":false,"crit":["b64"]`)},
		{"claims not encoded, not said to be critical", raw(`"b64":false`)},
		{"claims a list", said(func(honest string) string { return "[" + honest + "]" })},
		{"claims null", said(func(string) string { return "null" })},
		{"claims a text", said(func(string) string { return `"sub"` })},
		{"claims nothing", said(func(string) string { return "" })},
		{"claims no JSON", said(func(honest string) string { return honest[:len(honest)-1] })},
		{"claims and more", said(func(honest string) string { return honest + honest })},
		{"claims nested deeply", said(func(honest string) string {
			return strings.TrimSuffix(honest, "}") + `,"deep":` + strings.Repeat("[", 12_000) + strings.Repeat("]", 12_000) + "}"
		})},
		{"subject twice", said(func(honest string) string { return strings.TrimSuffix(honest, "}") + `,"sub":"u-2"}` })},
		{"subject twice, the same", said(func(honest string) string { return strings.TrimSuffix(honest, "}") + `,"sub":"u-1"}` })},
		{"subject twice, once in code", said(func(honest string) string { return strings.TrimSuffix(honest, "}") + `,"s\u0075b":"u-2"}` })},
		{"claim of no concern twice", said(func(honest string) string { return strings.TrimSuffix(honest, "}") + `,"x":1,"x":1}` })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := s.browser()
			refused(t, b, "untrusted", func() page { return r.signIn(b, tc.make) })
			s.clock.move(time.Minute) // a fetch of the keys for each, if it must be
		})
	}
}

// encrypted returns a token that only the provider could read.
func encrypted(t *testing.T, content []byte) string {
	to := jose.Recipient{Algorithm: jose.RSA_OAEP, Key: testKeys().rsa.Public()}
	encrypter, err := jose.NewEncrypter(jose.A128GCM, to, (&jose.EncrypterOptions{}).WithContentType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	box, err := encrypter.Encrypt(content)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := box.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}
