package auth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// clockSkew is how far the provider's clock may be ahead of ours.
const clockSkew = 2 * time.Minute

// signingAlgs are the algorithms a token may be signed with: asymmetric ones, whatever the provider advertises. With
// HS256 anybody who knows the provider's public key could sign.
var signingAlgs = []string{
	oidc.RS256, oidc.RS384, oidc.RS512,
	oidc.PS256, oidc.PS384, oidc.PS512,
	oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.EdDSA,
}

// idToken is an ID token that passed every check.
type idToken struct {
	subject string
	claims  claims
}

// verifier returns what checks the signature, issuer, audience and expiry of a token, and what tells whether that failed
// for want of keys.
func (p *provider) verifier(now func() time.Time) (*oidc.IDTokenVerifier, *watchedKeys) {
	keys := &watchedKeys{KeySet: p.keys}
	return oidc.NewVerifier(p.issuer, keys, &oidc.Config{
		ClientID:             p.oauth.ClientID,
		SupportedSigningAlgs: signingAlgs,
		Now:                  now,
	}), keys
}

// verify checks an ID token and returns what it says. go-oidc sees to signature, issuer, audience and expiry and leaves
// the rest to us.
func (p *provider) verify(ctx context.Context, raw string, of occasion, now func() time.Time) (idToken, error) {
	header, err := tokenHeader(raw)
	if err != nil {
		return idToken{}, fmt.Errorf("%w: id token: %w", ErrUntrusted, err)
	}
	verifier, keys := p.verifier(now)
	token, err := verifier.Verify(ctx, raw)
	if keys.failure != nil {
		return idToken{}, unavailable(ctx, "keys", keys.failure)
	}
	if err != nil {
		return idToken{}, fmt.Errorf("%w: %s", ErrUntrusted, brief(err))
	}
	var payload json.RawMessage
	_ = token.Claims(&payload) // a copy of what has been parsed
	c, err := parseClaims(payload)
	if err == nil {
		err = p.checkToken(token, header, c, of, now())
	}
	if err != nil {
		return idToken{}, fmt.Errorf("%w: id token: %w", ErrUntrusted, err)
	}
	return idToken{subject: token.Subject, claims: c}, nil
}

// occasion is what an ID token was given for.
type occasion struct {
	nonce       string // of the sign-in
	refreshed   bool   // the token came with a refresh, where it may be without its nonce (OpenID Connect Core 1.0, 12.2)
	subject     string // whose it has to be; empty at a sign-in, which finds that out
	accessToken string // that came along
}

func (p *provider) checkToken(t *oidc.IDToken, header, c claims, of occasion, now time.Time) error {
	if err := c.check(); err != nil {
		return err
	}
	if _, ok := c["events"]; ok {
		return errors.New("it is a logout token")
	}
	if isForeignType(header.typ()) {
		return errors.New("its type is of another kind of token")
	}
	if !isSubject(t.Subject) {
		return errors.New("its subject is empty or not what a subject may be")
	}
	if of.subject != "" && t.Subject != of.subject {
		return errors.New("it is about somebody else")
	}
	if (!of.refreshed || t.Nonce != "") && subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(of.nonce)) != 1 {
		return errors.New("its nonce is missing or of another sign-in")
	}
	if t.IssuedAt.After(now.Add(clockSkew)) {
		return errors.New("it was issued in the future")
	}
	if c.time("auth_time").After(now.Add(clockSkew)) {
		return errors.New("it is about a sign-in in the future")
	}
	for _, audience := range t.Audience {
		if audience != p.oauth.ClientID {
			return errors.New("it is meant for somebody else, too")
		}
	}
	if _, ok := c["azp"]; (ok || len(t.Audience) > 1) && c.text("azp") != p.oauth.ClientID {
		return errors.New("it was issued to another client")
	}
	if _, ok := c["at_hash"]; ok && t.VerifyAccessToken(of.accessToken) != nil {
		return errors.New("it belongs to another access token")
	}
	return nil
}

// isSubject reports whether sub may name a person: up to 255 ASCII characters that show.
func isSubject(sub string) bool {
	for i := range len(sub) {
		if sub[i] < ' ' || sub[i] > '~' {
			return false
		}
	}
	return sub != "" && len(sub) <= 255
}

// isForeignType reports whether a token says it is of another kind. Those that say nothing pass: few ID tokens do.
func isForeignType(typ string) bool { return strings.HasSuffix(typ, "+jwt") && typ != "id+jwt" }

// watchedKeys tells keys that could not be fetched from a signature that is wrong, which go-oidc makes one error.
type watchedKeys struct {
	oidc.KeySet
	failure error
}

func (k *watchedKeys) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	// A wrong signature has no cause; a fetch that failed has one.
	k.failure = errors.Unwrap(err)
	return payload, err
}
