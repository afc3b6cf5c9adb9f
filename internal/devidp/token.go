package devidp

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// createToken is the token endpoint: it trades a code or a refresh token for tokens (RFC 6749 §4.1.3 and §6).
func (p *Provider) createToken(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return badToken("invalid_request", "the request is malformed or too large")
	}
	if repeated(form) != "" {
		return badToken("invalid_request", "a parameter is there more than once")
	}
	client, err := p.authenticate(r, form)
	if err != nil {
		return err
	}
	switch form.Get("grant_type") {
	case "authorization_code":
		g, err := p.redeem(client, form)
		if err != nil {
			return err
		}
		return p.issue(w, g, g.scopes, g.nonce)
	case "refresh_token":
		g, scopes, err := p.rotate(client, form)
		if err != nil {
			return err
		}
		return p.issue(w, g, scopes, "") // a refreshed ID token should have no nonce: OpenID Connect Core 1.0 §12.2
	case "":
		return badToken("invalid_request", "grant_type is missing")
	default:
		return badToken("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")
	}
}

func badToken(code, description string) error {
	return &endpointError{status: http.StatusBadRequest, code: code, description: description}
}

// authenticate accepts client_secret_basic, whose parts are form-encoded first (RFC 6749 §2.3.1), or
// client_secret_post, but not both at once.
func (p *Provider) authenticate(r *http.Request, form url.Values) (*Client, error) {
	denied := &endpointError{
		status: http.StatusUnauthorized, code: "invalid_client", description: "client authentication failed",
		challenge: `Basic realm="` + realm + `"`,
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if basicID, basicSecret, ok := r.BasicAuth(); ok {
		if secret != "" {
			return nil, badToken("invalid_request", "the client used two ways to authenticate")
		}
		var idErr, secretErr error
		basicID, idErr = url.QueryUnescape(basicID)
		secret, secretErr = url.QueryUnescape(basicSecret)
		if idErr != nil || secretErr != nil || id != "" && id != basicID {
			return nil, denied
		}
		id = basicID
	}
	client, known := p.clients[id]
	if !known {
		client = &Client{} // an unknown client takes as long as a wrong secret
	}
	if !equal(client.Secret, secret) || !known {
		return nil, denied
	}
	return client, nil
}

var verifierPattern = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// redeem uses up the code of form. A code that comes a second time was stolen or will be: all tokens that came from it
// are revoked (RFC 6749 §4.1.2).
func (p *Provider) redeem(client *Client, form url.Values) (*grant, error) {
	for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
		if form.Get(name) == "" {
			return nil, badToken("invalid_request", name+" is missing")
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	code, ok := p.codes.get(now, form.Get("code"))
	if !ok || code.grant.client != client {
		return nil, badToken("invalid_grant", "the code is unknown")
	}
	if code.used {
		code.grant.revoked = true
		return nil, badToken("invalid_grant", "the code was used before")
	}
	code.used = true
	verifier := form.Get("code_verifier")
	switch {
	case !now.Before(code.issued.Add(codeLife)):
		return nil, badToken("invalid_grant", "the code is too old")
	case form.Get("redirect_uri") != code.redirectURI:
		return nil, badToken("invalid_grant", "redirect_uri is not that of the authorization request")
	case !verifierPattern.MatchString(verifier) || !equal(digest(verifier), code.challenge):
		return nil, badToken("invalid_grant", "code_verifier does not match code_challenge")
	}
	if !p.alive(code.grant) {
		return nil, badToken("invalid_grant", "the session has ended or the account is disabled")
	}
	s, _ := p.sessions.get(now, code.grant.sid)
	s.clients[client.ID] = true
	return code.grant, nil
}

// rotate uses up the refresh token of form. Like a code, a second use revokes everything of the grant.
func (p *Provider) rotate(client *Client, form url.Values) (*grant, []string, error) {
	if form.Get("refresh_token") == "" {
		return nil, nil, badToken("invalid_request", "refresh_token is missing")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.refresh.get(p.now(), form.Get("refresh_token"))
	if !ok || t.grant.client != client || !p.alive(t.grant) {
		return nil, nil, badToken("invalid_grant", "the refresh token is unknown, expired or revoked, or the account is disabled")
	}
	if t.used {
		t.grant.revoked = true
		return nil, nil, badToken("invalid_grant", "the refresh token was used before")
	}
	scopes := t.grant.scopes
	if asked := strings.Fields(form.Get("scope")); len(asked) > 0 {
		more := slices.ContainsFunc(asked, func(s string) bool { return !slices.Contains(scopes, s) })
		if more || !slices.Contains(asked, "openid") {
			return nil, nil, badToken("invalid_scope", "scope must keep openid and ask for nothing new")
		}
		scopes = supported(asked)
	}
	t.used = true
	return t.grant, scopes, nil
}

// issue answers with an access token, an ID token and, for offline_access, a refresh token.
func (p *Provider) issue(w http.ResponseWriter, g *grant, scopes []string, nonce string) error {
	token := random()
	sum := sha256.Sum256([]byte(token))
	now := p.now()
	account, _ := p.people.account(g.username)
	claims := account.claims(scopes)
	maps.Copy(claims, map[string]any{
		"iss":       p.issuer,
		"aud":       g.client.ID,
		"iat":       now.Unix(),
		"exp":       now.Add(idTokenLife).Unix(),
		"auth_time": g.authTime.Unix(),
		"acr":       g.acr,
		"amr":       amr(g.acr),
		"sid":       g.sid,
		"at_hash":   base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]),
	})
	if nonce != "" {
		claims["nonce"] = nonce
	}
	idToken, err := p.sign(idTokenType, claims)
	if err != nil {
		return err
	}
	answer := map[string]any{
		"access_token": token,
		"token_type":   "Bearer",
		"expires_in":   int(accessLife.Seconds()),
		"scope":        strings.Join(scopes, " "),
		"id_token":     idToken,
	}
	p.mu.Lock()
	p.access.put(now, token, accessToken{g, scopes})
	if slices.Contains(g.scopes, "offline_access") {
		next := random()
		p.refresh.put(now, next, &refreshToken{grant: g})
		answer["refresh_token"] = next
	}
	p.mu.Unlock()
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// showUserInfo answers with the same claims about the person as the ID token (OpenID Connect Core 1.0 §5.3).
func (p *Provider) showUserInfo(w http.ResponseWriter, r *http.Request) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		// RFC 6750 §3.1: who brings no token is not told of an error.
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		return nil
	}
	p.mu.Lock()
	t, ok := p.access.get(p.now(), strings.TrimSpace(token))
	ok = ok && p.alive(t.grant)
	p.mu.Unlock()
	if !ok {
		return &endpointError{
			status: http.StatusUnauthorized, code: "invalid_token",
			description: "the access token is unknown, expired or revoked",
			challenge:   `Bearer realm="` + realm + `", error="invalid_token"`,
		}
	}
	account, _ := p.people.account(t.grant.username)
	writeJSON(w, http.StatusOK, account.claims(t.scopes))
	return nil
}
