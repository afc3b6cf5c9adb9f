package devidp

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The typ headers keep one kind of token from passing for the other.
const (
	idTokenType     = "JWT"
	logoutTokenType = "logout+jwt"
)

// newKey makes an RS256 key and its kid, the thumbprint of RFC 7638.
func newKey() (*rsa.PrivateKey, string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, "", fmt.Errorf("devidp: signing key: %w", err)
	}
	public := jose.JSONWebKey{Key: key.Public()}
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, "", fmt.Errorf("devidp: signing key: %w", err)
	}
	return key, base64.RawURLEncoding.EncodeToString(sum), nil
}

func (p *Provider) sign(typ jose.ContentType, claims map[string]any) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: p.keyID}},
		(&jose.SignerOptions{}).WithType(typ),
	)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// hint is what an id_token_hint says.
type hint struct {
	jwt.Claims
	SessionID string `json:"sid"`
	client    *Client
}

var errForeignHint = errors.New("devidp: not an ID token of this provider")

// readHint verifies that raw is an ID token made here for a known client. It may have expired: a hint is no key.
func (p *Provider) readHint(raw string) (hint, error) {
	var h hint
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return hint{}, err
	}
	if err := token.Claims(p.key.Public(), &h); err != nil {
		return hint{}, err
	}
	if token.Headers[0].ExtraHeaders[jose.HeaderType] != idTokenType || h.Issuer != p.issuer || len(h.Audience) != 1 {
		return hint{}, errForeignHint
	}
	if h.client = p.clients[h.Audience[0]]; h.client == nil {
		return hint{}, errForeignHint
	}
	return h, nil
}

func (p *Provider) showKeys(w http.ResponseWriter, _ *http.Request) error {
	key := jose.JSONWebKey{Key: p.key.Public(), KeyID: p.keyID, Algorithm: string(jose.RS256), Use: "sig"}
	writeJSON(w, http.StatusOK, map[string]any{"keys": []jose.JSONWebKey{key}})
	return nil
}

// showDiscovery tells what this provider does, and of what it does not do, whatever a client would assume otherwise
// (OpenID Connect Discovery 1.0 §3).
func (p *Provider) showDiscovery(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                p.issuer,
		"authorization_endpoint":                p.issuer + "/authorize",
		"token_endpoint":                        p.issuer + "/token",
		"userinfo_endpoint":                     p.issuer + "/userinfo",
		"jwks_uri":                              p.issuer + "/jwks",
		"end_session_endpoint":                  p.issuer + "/end_session",
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{string(jose.RS256)},
		"scopes_supported":                      scopes(),
		"claim_types_supported":                 []string{"normal"},
		"claims_supported": []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "at_hash", "sid",
			"name", "preferred_username", "email", "email_verified", "groups",
		},
		"acr_values_supported":                           acrValues(),
		"token_endpoint_auth_methods_supported":          []string{"client_secret_basic", "client_secret_post"},
		"code_challenge_methods_supported":               []string{"S256"},
		"prompt_values_supported":                        prompts(),
		"backchannel_logout_supported":                   true,
		"backchannel_logout_session_supported":           true,
		"authorization_response_iss_parameter_supported": true,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
		"claims_parameter_supported":                     false,
	})
	return nil
}
