package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxToken bounds a token, in bytes. What a person's ID token says is kept; the longest ones list hundreds of groups.
const maxToken = 256 << 10

// tokenHeader returns the header of a token after a look at it: go-oidc takes more than a signed token in three parts, such
// as one in JSON, with a header nobody signed. The errors hold nothing of the token, which anybody may have made up.
func tokenHeader(raw string) (claims, error) {
	if len(raw) > maxToken {
		return nil, errors.New("it is too long")
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 || strings.ContainsFunc(raw, isNotCompact) {
		return nil, errors.New("it is not a token in three parts")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return nil, errors.New("its header can't be read")
	}
	h, err := parseClaims(data)
	if err != nil {
		return nil, errors.New("its header can't be read")
	}
	if !slices.Contains(signingAlgs, h.text("alg")) {
		return nil, errors.New("it is not signed in a way that proves anything")
	}
	// A critical header changes what the rest means (RFC 7515, 4.1.11). The only one there is, b64, is not for tokens
	// (RFC 7797, 7), and go-jose obeys it even where it is not said to be critical.
	for _, name := range []string{"crit", "b64"} {
		if _, ok := h[name]; ok {
			return nil, errors.New("its header asks for what we don't know")
		}
	}
	if _, ok := h["typ"]; ok && h.text("typ") == "" {
		return nil, errors.New("its type is no word")
	}
	return h, nil
}

// isNotCompact reports whether a rune can't be in a token: neither base64url nor a dot.
func isNotCompact(r rune) bool {
	return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
}

// typ returns the type a token says it is of in its header, in lower case, or "".
func (c claims) typ() string {
	return strings.TrimPrefix(strings.ToLower(c.text("typ")), "application/")
}

// parseClaims reads a JSON object. One that has a name twice is refused (RFC 7519, 4): readers differ about which counts.
func parseClaims(data []byte) (claims, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	c := claims{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errors.New("broken JSON")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("broken JSON")
		}
		key := name.(string) // or the decoder would have failed
		if _, ok := c[key]; ok {
			return nil, errors.New("a name is there twice")
		}
		c[key] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("broken JSON")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than a JSON object")
	}
	return c, nil
}

// libraryClaims are the claims that go-oidc reads.
var libraryClaims = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "at_hash", "sid", "jti", "events", "_claim_names", "_claim_sources",
}

// check reports claims that go-oidc takes for what they are not: it reads a claim Sub as if it were sub, and a time
// that is a text or beyond all calendars.
func (c claims) check() error {
	for name := range c {
		for _, known := range libraryClaims {
			if name != known && strings.EqualFold(name, known) {
				return fmt.Errorf("%s is spelt in another way", known)
			}
		}
	}
	if c.time("exp").IsZero() {
		return errors.New("it does not say when it ends")
	}
	if c.time("iat").IsZero() {
		return errors.New("it does not say when it was issued")
	}
	var seconds float64 // zero is what some say who mean none
	if v, ok := c["nbf"]; ok && (json.Unmarshal(v, &seconds) != nil || seconds < 0 || seconds > maxSeconds) {
		return errors.New("its nbf is no time")
	}
	return nil
}
