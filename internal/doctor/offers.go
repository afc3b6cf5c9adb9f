package doctor

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"letstalk/internal/auth"
)

// offers compares what the provider says it can do with what the site needs.
func (d *doctor) offers(p *metadata) {
	d.challenges(p)
	d.algorithms(p)
	d.authMethods(p)
	d.scopes(p)
	d.logouts(p)
	if len(p.ACRs) > 0 {
		d.OK("Rooms may ask for these ways to sign in (acr): %s.", list(p.ACRs))
	} else {
		d.OK("The provider names no ways to sign in (acr). Rooms may still ask for a fresh sign-in.")
	}
}

func (d *doctor) challenges(p *metadata) {
	switch {
	case slices.Contains(p.Challenges, "S256"):
		d.OK("The provider takes PKCE with S256.")
	case len(p.Challenges) == 0:
		d.Warn("Nothing, if the rehearsed sign-in works: it is sent all the same, and providers that do not know it ignore it.",
			"The provider does not say whether it takes PKCE.")
	default:
		d.Fail("Switch S256 on at the provider.", "The provider takes PKCE by %s alone, not S256.", list(p.Challenges))
	}
}

func (d *doctor) algorithms(p *metadata) {
	var good []string
	for _, alg := range p.Algorithms {
		if slices.Contains(auth.SigningAlgs(), alg) {
			good = append(good, alg)
		}
	}
	if len(good) == 0 {
		d.Fail("Have the provider sign with RS256 or another of "+list(auth.SigningAlgs())+".",
			"The provider signs ID tokens by no algorithm that is taken here, but %s.", list(p.Algorithms))
		return
	}
	d.OK("The provider signs ID tokens with %s.", list(good))
}

// method returns how the site proves itself at the token endpoint.
func (d *doctor) method(p *metadata) string {
	basic := len(p.AuthMethods) == 0 || slices.Contains(p.AuthMethods, "client_secret_basic")
	switch {
	case d.ClientSecret == "":
		return "none"
	case !basic && slices.Contains(p.AuthMethods, "client_secret_post"):
		return "client_secret_post"
	}
	return "client_secret_basic"
}

func (d *doctor) authMethods(p *metadata) {
	method := d.method(p)
	switch {
	case slices.Contains(p.AuthMethods, method), len(p.AuthMethods) == 0 && method == "client_secret_basic":
		d.OK("The site proves itself in a way that the provider takes (%s).", method)
	case method == "none":
		d.Warn("Set OIDC_CLIENT_SECRET, unless the provider has this client as a public one.",
			"There is no client secret, and the provider does not say that it takes clients without.")
	default:
		d.Fail("Choose client_secret_basic or client_secret_post for this client at the provider.",
			"The provider takes no client secret, but %s.", list(p.AuthMethods))
	}
}

func (d *doctor) scopes(p *metadata) {
	if len(p.Scopes) == 0 {
		return
	}
	var foreign []string
	for _, scope := range d.Scopes {
		if !slices.Contains(p.Scopes, scope) {
			foreign = append(foreign, scope)
		}
	}
	if len(foreign) > 0 {
		d.Warn("Take what it refuses out of OIDC_SCOPES. Some providers know more than they list: the rehearsed sign-in shows it.",
			"The provider does not list what OIDC_SCOPES asks for: %s. It has %s.", list(foreign), list(p.Scopes))
		return
	}
	d.OK("The provider knows what OIDC_SCOPES asks for: %s.", list(d.Scopes))
}

func (d *doctor) logouts(p *metadata) {
	if p.EndSession != "" {
		d.OK("Log Out here also signs out at the provider.")
	} else {
		d.Warn("See whether the provider can switch on RP-initiated logout.",
			"Log Out ends the session here alone: the provider names no end_session_endpoint.")
	}
	remedy := "See whether the provider can switch on back-channel logout."
	switch {
	case p.Backchannel:
		d.OK("Signing out at the provider can end sessions here at once, if its back-channel address is registered.")
	case d.Recheck > 0:
		d.Warn(remedy, "The provider does not say that it knows back-channel logout: who signs out there is noticed when they are asked about again (SESSION_RECHECK).")
	default:
		d.Warn(remedy+" Or set SESSION_RECHECK.", "The provider does not say that it knows back-channel logout: who signs out there stays signed in here.")
	}
}

// keys looks for one with which ID tokens can be checked.
func (d *doctor) keys(ctx context.Context, p *metadata) {
	a, err := d.get(ctx, p.Keys)
	if err != nil {
		why, remedy := unreachable(err)
		d.Fail(remedy, "The provider's keys can't be fetched from %s: %s.", p.Keys, why)
		return
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if a.StatusCode != http.StatusOK || json.Unmarshal(a.body, &set) != nil {
		d.Fail("Ask whoever runs the provider: nobody can sign in like this.", "%s answers %s and has no keys.", p.Keys, a.Status)
		return
	}
	usable, odd := 0, 0
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		// Kinds of keys that are not known here are no fault.
		if key.UnmarshalJSON(raw) != nil {
			continue
		}
		if auth.IsSigningKey(key) {
			usable++
		} else if _, ok := key.Key.(*rsa.PublicKey); ok && key.Use != "enc" {
			odd++
		}
	}
	switch {
	case usable == 0:
		d.Fail("Have the provider sign with an RSA, EC or Ed25519 key and publish it.", "None of the provider's keys can check an ID token (%d in all).", len(set.Keys))
	case odd > 0:
		d.Warn("Have the provider sign with others.",
			"The provider has RSA keys that are not believed: of less than 2048 bits or more than 8192, or for another algorithm.")
	default:
		d.OK("The provider publishes the keys that it signs with.")
	}
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
