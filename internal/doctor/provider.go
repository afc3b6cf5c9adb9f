package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"letstalk/internal/auth"
)

// metadata is what the provider's discovery document says (OpenID Connect Discovery 1.0, RFC 8414).
type metadata struct {
	Issuer         string   `json:"issuer"`
	Authorization  string   `json:"authorization_endpoint"`
	Token          string   `json:"token_endpoint"`
	Keys           string   `json:"jwks_uri"`
	EndSession     string   `json:"end_session_endpoint"`
	Challenges     []string `json:"code_challenge_methods_supported"`
	Algorithms     []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods    []string `json:"token_endpoint_auth_methods_supported"`
	Scopes         []string `json:"scopes_supported"`
	ACRs           []string `json:"acr_values_supported"`
	Backchannel    bool     `json:"backchannel_logout_supported"`
	BackchannelSID bool     `json:"backchannel_logout_session_supported"`
}

const discoveryPath = "/.well-known/openid-configuration"

// provider finds out about the provider; nil if that can't be done.
func (d *doctor) provider(ctx context.Context) *metadata {
	address := strings.TrimSuffix(d.Issuer, "/") + discoveryPath
	sent := d.Now()
	a, err := d.get(ctx, address)
	if err != nil {
		why, remedy := unreachable(err)
		d.Fail(remedy, "The provider can't be reached at %s: %s.", address, why)
		return nil
	}
	var p metadata
	to, redirected := a.isRedirect()
	switch {
	case redirected:
		d.Fail("Set OIDC_ISSUER to what the document there has under issuer.", "%s leads on to %s, and redirects are not followed.", address, to)
		return nil
	case a.StatusCode != http.StatusOK:
		d.Fail("Set OIDC_ISSUER to the address below which the provider has that document.", "%s answers %s instead of the provider's document.", address, a.Status)
		return nil
	case json.Unmarshal(a.body, &p) != nil:
		d.Fail("Set OIDC_ISSUER to the address below which the provider has a document in JSON.", "%s is not what providers say about themselves.", address)
		return nil
	}
	d.OK("The provider answers at %s%s.", d.Issuer, over(a.TLS))
	if p.Issuer == d.Issuer {
		d.OK("It calls itself what OIDC_ISSUER says, letter by letter.")
	} else {
		d.Fail("Set OIDC_ISSUER to "+strconv.Quote(p.Issuer)+" if that is the provider you mean.",
			"The provider calls itself %q, and OIDC_ISSUER is %q: %s.", p.Issuer, d.Issuer, difference(p.Issuer, d.Issuer))
	}
	d.clock(a.Header, sent, d.Now())
	return d.endpoints(&p)
}

// endpoints reports whether all that a sign-in needs is there.
func (d *doctor) endpoints(p *metadata) *metadata {
	sound := true
	for _, e := range []struct{ name, address string }{
		{"authorization_endpoint", p.Authorization}, {"token_endpoint", p.Token}, {"jwks_uri", p.Keys},
	} {
		u, err := url.Parse(e.address)
		if err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && auth.IsLoopback(u.Hostname()) && strings.HasPrefix(d.Issuer, "http:")) {
			continue
		}
		sound = false
		d.Fail("Ask whoever runs the provider: nobody can sign in like this.", "The provider's document has no https address under %s.", e.name)
	}
	if !sound {
		return nil
	}
	return p
}

func over(state *tls.ConnectionState) string {
	if state == nil {
		return ", in the clear on this machine"
	}
	return " over " + tls.VersionName(state.Version)
}

// difference says in what two issuers differ.
func difference(theirs, ours string) string {
	scheme := func(s string) string { return strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://") }
	switch {
	case theirs == ours+"/":
		return "theirs has a slash at the end"
	case theirs+"/" == ours:
		return "theirs has no slash at the end"
	case strings.EqualFold(theirs, ours):
		return "upper and lower case differ"
	case scheme(theirs) == scheme(ours):
		return "one is https and the other http"
	case theirs == "":
		return "theirs is missing"
	}
	return "they are two"
}

// warnSkew is how far apart the clocks may be before it is worth a word.
const warnSkew = 30 * time.Second

// clock compares the provider's clock with ours, as far as its web server tells.
func (d *doctor) clock(h http.Header, sent, received time.Time) {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		d.Warn("Compare the clocks yourself: more than "+short(auth.MaxClockSkew)+" apart nobody can sign in.", "The provider does not say what time it is.")
		return
	}
	if age, err := strconv.Atoi(h.Get("Age")); err == nil && age > 0 { // it comes from a cache
		at = at.Add(time.Duration(age) * time.Second)
	}
	// The header leaves off parts of a second, and the answer was made at some time in between.
	skew := at.Add(time.Second / 2).Sub(sent.Add(received.Sub(sent) / 2)).Round(time.Second)
	remedy := "Let this machine set its clock by the network (NTP)."
	switch {
	case skew.Abs() > auth.MaxClockSkew:
		d.Fail(remedy, "The provider's clock is %s ours: ID tokens will be refused.", ahead(skew))
	case skew.Abs() > warnSkew:
		d.Warn(remedy, "The provider's clock is %s ours. More than %s, and nobody can sign in.", ahead(skew), short(auth.MaxClockSkew))
	default:
		d.OK("The provider's clock and ours agree.")
	}
}

func ahead(skew time.Duration) string {
	if skew < 0 {
		return short(-skew) + " behind"
	}
	return short(skew) + " ahead of"
}

// short writes a duration without what is zero at its end.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
