package doctor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// redirectURI asks the provider to sign in somebody without showing a page. Who knows the client and its redirect URI
// sends the browser there with an error, because nobody is signed in; who does not must not.
func (d *doctor) redirectURI(ctx context.Context, p *metadata) {
	u, err := url.Parse(p.Authorization)
	if err != nil {
		return // it was parsed before
	}
	challenge := sha256.Sum256([]byte(verifier()))
	query := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": d.ClientID, "redirect_uri": d.redirect(), "scope": strings.Join(d.Scopes, " "),
		"state": rand.Text(), "nonce": rand.Text(), "prompt": "none",
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		query.Set(name, value)
	}
	u.RawQuery = query.Encode()
	a, err := d.get(ctx, u.String())
	if err != nil {
		why, remedy := unreachable(err)
		d.Fail(remedy, "The provider's authorization endpoint can't be reached: %s.", why)
		return
	}
	unsure := "If the rehearsed sign-in works, all is well. Else compare OIDC_CLIENT_ID and the redirect URI with what is registered."
	to, redirected := a.isRedirect()
	switch {
	case redirected && strings.HasPrefix(to.String(), d.redirect()+"?"):
		d.refusal(to.Query().Get("error"))
	case redirected:
		d.Warn(unsure, "Whether the provider takes the client and its redirect URI can't be told: it leads on to %s%s.", to.Host, to.Path)
	case a.StatusCode >= 400 && a.StatusCode < 500 && a.StatusCode != http.StatusTooManyRequests:
		d.Fail("Register this redirect URI for the client, letter by letter, and compare OIDC_CLIENT_ID.",
			"The provider answers %s to the client %q with the redirect URI %s.", a.Status, d.ClientID, d.redirect())
	case a.StatusCode == http.StatusOK:
		d.Warn(unsure, "Whether the provider takes the client and its redirect URI can't be told: it shows a page.")
	default:
		d.Warn("Try again later.", "The provider's authorization endpoint answers %s.", a.Status)
	}
}

// refusal reports on the error with which the provider sent the browser back.
func (d *doctor) refusal(code string) {
	switch code {
	case "login_required", "interaction_required", "consent_required", "account_selection_required", "":
		d.OK("The provider takes the client and its redirect URI.")
	case "invalid_scope":
		d.Fail("Take out of OIDC_SCOPES what the provider does not know, or allow it for this client.", "The provider knows the redirect URI, but refuses what OIDC_SCOPES asks for.")
	case "unauthorized_client", "unsupported_response_type":
		d.Fail("Allow the authorization code flow for this client at the provider.", "The provider knows the redirect URI, but does not let the client use it: %s.", code)
	default:
		d.Warn("If the rehearsed sign-in works, all is well.", "The provider knows the redirect URI, but says %s.", code)
	}
}

// credentials redeems a code that nobody gave. Who knows the client says that of the code, else of the client.
func (d *doctor) credentials(ctx context.Context, p *metadata) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {"letstalk-doctor"}, "redirect_uri": {d.redirect()},
		"code_verifier": {verifier()},
	}
	method := d.method(p)
	if method != "client_secret_basic" {
		form.Set("client_id", d.ClientID)
	}
	if method == "client_secret_post" {
		form.Set("client_secret", d.ClientSecret)
	}
	r, err := http.NewRequest(http.MethodPost, p.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return // it was parsed before
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if method == "client_secret_basic" {
		r.SetBasicAuth(url.QueryEscape(d.ClientID), url.QueryEscape(d.ClientSecret)) // RFC 6749 §2.3.1
	}
	a, err := d.do(ctx, r)
	if err != nil {
		why, remedy := unreachable(err)
		d.Fail(remedy, "The provider's token endpoint can't be reached: %s.", why)
		return
	}
	var said struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(a.body, &said) // if it is none, the status has to do
	switch {
	case said.Error == "invalid_client", said.Error == "" && a.StatusCode == http.StatusUnauthorized:
		d.Fail("Enter OIDC_CLIENT_ID and OIDC_CLIENT_SECRET as the provider has them, and look whether the secret has run out.",
			"The token endpoint does not take the client's id and secret (%s).", method)
	case said.Error == "unauthorized_client":
		d.Fail("Allow the authorization code flow for this client at the provider.", "The token endpoint does not let this client redeem codes.")
	case said.Error == "invalid_grant":
		d.OK("The token endpoint minds the made-up code it was given, not the client's id and secret.")
	default:
		d.Warn("If the rehearsed sign-in works, all is well.", "Whether the token endpoint takes the client can't be told: it answers %s.", a.Status)
	}
}

// verifier returns a PKCE code verifier that nobody will ask for again; they have 43 characters at least.
func verifier() string { return rand.Text() + rand.Text() }
