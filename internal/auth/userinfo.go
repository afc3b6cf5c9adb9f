package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// userInfo asks the provider about the person an access token was given for. The answer may be signed; then it is checked
// like other tokens, and if it says who it is for, that has to be us (OpenID Connect Core 1.0, 5.3.2). If it is not,
// that is ErrUntrusted.
func (p *provider) userInfo(ctx context.Context, accessToken string) (claims, error) {
	body, kind, err := get(ctx, p.client, p.UserInfo, accessToken)
	if err != nil {
		return nil, err
	}
	if kind != "application/jwt" {
		return parseClaims(body)
	}
	raw := strings.TrimSpace(string(body))
	if _, err := tokenHeader(raw); err != nil {
		return nil, err
	}
	payload, err := p.keys.VerifySignature(ctx, raw)
	if err != nil {
		return nil, err
	}
	c, err := parseClaims(payload)
	if err != nil {
		return nil, err
	}
	_, says := c["iss"]
	if says && c.text("iss") != p.issuer {
		return nil, fmt.Errorf("%w: userinfo is of another issuer", ErrUntrusted)
	}
	if _, says = c["aud"]; says && !slices.Contains(c.texts("aud"), p.oauth.ClientID) {
		return nil, fmt.Errorf("%w: userinfo is for somebody else", ErrUntrusted)
	}
	return c, nil
}
