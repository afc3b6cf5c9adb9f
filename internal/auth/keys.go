package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	// maxKeys bounds how many of the provider's keys are looked at.
	maxKeys = 100
	// RSA keys are at least as long as RFC 7518, 3.3 asks for. The work grows with the square of the length, and anybody
	// can have it done by sending a logout token.
	minRSA, maxRSA = 2048, 8192 // bits
)

// keySet checks signatures with the keys that the provider publishes, and fetches them when none fits. Unlike go-oidc's it
// goes by what the provider says a key is for, takes no key that is too weak or too much work, and puts nothing of the
// provider's answer into an error.
type keySet struct {
	address string
	client  *http.Client
	flights singleflight.Group

	mu   sync.Mutex
	keys []jose.JSONWebKey
}

var _ oidc.KeySet = (*keySet)(nil)

// VerifySignature returns the payload of a token. An error has a cause only if the keys could not be fetched.
func (s *keySet) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	algs := make([]jose.SignatureAlgorithm, len(signingAlgs))
	for i, alg := range signingAlgs {
		algs[i] = jose.SignatureAlgorithm(alg)
	}
	token, err := jose.ParseSignedCompact(raw, algs)
	if err != nil || len(token.Signatures) != 1 {
		return nil, errors.New("no signed token")
	}
	if payload, ok := verifyWith(s.known(), token); ok {
		return payload, nil
	}
	keys, err := s.fetch(ctx) // the provider may have changed them
	if err != nil {
		return nil, fmt.Errorf("fetch keys: %w", err)
	}
	if payload, ok := verifyWith(keys, token); ok {
		return payload, nil
	}
	return nil, errors.New("not signed with a key of the provider")
}

func (s *keySet) known() []jose.JSONWebKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys
}

// fetch gets the keys. All who wait share one request, which must not end with the first of them to go away.
func (s *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	flight := s.flights.DoChan("", func() (any, error) {
		body, _, err := get(context.WithoutCancel(ctx), s.client, s.address, "")
		if err != nil {
			return nil, err
		}
		keys, err := parseKeys(body)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys = keys
		return keys, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-flight:
		keys, _ := result.Val.([]jose.JSONWebKey)
		return keys, result.Err
	}
}

// parseKeys returns those of a set of keys that can be used. Others don't spoil the set (RFC 7517, 5).
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return nil, errors.New("what is there is no set of keys")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && IsSigningKey(key) && len(keys) < maxKeys {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// IsSigningKey reports whether a key that a provider publishes is one to check tokens with. A secret that is published is
// none, nor is an RSA key of less than 2048 bits, or of more than 8192.
func IsSigningKey(k jose.JSONWebKey) bool {
	if k.Use != "" && k.Use != "sig" || k.Algorithm != "" && !slices.Contains(signingAlgs, k.Algorithm) {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return minRSA <= bits && bits <= maxRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// verifyWith returns the payload of a token if one of the keys fits and its signature is right. A token that does not say
// which key it was signed with is taken only if there can be no doubt (OpenID Connect Core 1.0, 10.1).
func verifyWith(keys []jose.JSONWebKey, token *jose.JSONWebSignature) ([]byte, bool) {
	header := token.Signatures[0].Header
	var fitting []jose.JSONWebKey
	for _, key := range keys {
		if (header.KeyID == "" || key.KeyID == header.KeyID) && fits(key, header.Algorithm) {
			fitting = append(fitting, key)
		}
	}
	if header.KeyID == "" && len(fitting) > 1 {
		return nil, false
	}
	for _, key := range fitting {
		if payload, err := token.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// fits reports whether a key is for an algorithm.
func fits(k jose.JSONWebKey, alg string) bool {
	if k.Algorithm != "" && k.Algorithm != alg {
		return false
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return alg[:2] == "RS" || alg[:2] == "PS"
	case *ecdsa.PublicKey:
		return key.Curve == map[string]elliptic.Curve{
			oidc.ES256: elliptic.P256(), oidc.ES384: elliptic.P384(), oidc.ES512: elliptic.P521(),
		}[alg]
	case ed25519.PublicKey:
		return alg == oidc.EdDSA
	}
	return false
}
