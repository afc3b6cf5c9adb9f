package doctor

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"letstalk/views"
)

// site looks at the running site through its proxy, and reports whether it is there. p may be nil.
func (d *doctor) site(ctx context.Context, p *metadata) bool {
	if !d.reachable(ctx) {
		return false
	}
	d.headers(ctx)
	d.logIn(ctx, p)
	d.backchannel(ctx)
	return true
}

// renewSoon is how long before a certificate runs out it is worth a word.
const renewSoon = 14 * 24 * time.Hour

func (d *doctor) reachable(ctx context.Context) bool {
	a, err := d.get(ctx, d.at("/healthz"))
	if err != nil {
		why, remedy := unreachable(err)
		d.Fail(remedy+" If only this machine can't find its way to its own name, run this on another one.",
			"The site can't be reached at %s: %s.", d.BaseURL, why)
		return false
	}
	to, redirected := a.isRedirect()
	switch {
	case redirected:
		d.Fail("Set BASE_URL to where people end up, or have the proxy pass everything on as it is.", "%s leads on to %s.", d.at("/healthz"), to)
		return false
	case a.StatusCode == http.StatusBadGateway, a.StatusCode == http.StatusServiceUnavailable, a.StatusCode == http.StatusGatewayTimeout:
		d.Fail("Start Let's Talk, and have the proxy look for it where LISTEN says.", "A proxy answers at %s, but does not find Let's Talk behind it: %s.", d.BaseURL, a.Status)
		return false
	case a.StatusCode != http.StatusOK || string(a.body) != "ok\n":
		d.Fail("Have BASE_URL, or the proxy there, lead to Let's Talk.", "Something else answers at %s: %s.", d.at("/healthz"), a.Status)
		return false
	}
	d.OK("The site answers at %s%s.", d.BaseURL, over(a.TLS))
	if a.TLS == nil {
		return true
	}
	if ends := a.TLS.PeerCertificates[0].NotAfter; ends.Sub(d.Now()) < renewSoon {
		d.Warn("Renew it.", "The site's certificate runs out on %s.", ends.UTC().Format("2 January 2006"))
	}
	if a.ProtoMajor < 2 {
		d.Warn("Switch HTTP/2 on in the proxy.", "The site speaks %s: a browser opens six connections at most, and each tab's stream takes one.", a.Proto)
	} else {
		d.OK("The site speaks HTTP/2, so any number of tabs share a connection.")
	}
	return true
}

// headers looks whether what the site says about its pages arrives.
func (d *doctor) headers(ctx context.Context) {
	a, err := d.get(ctx, d.at(views.HomeURL()))
	if err != nil || a.StatusCode != http.StatusOK {
		d.Fail("Look into the site's log.", "The first page does not come: %s.", outcome(a, err))
		return
	}
	policies := a.Header.Values("Content-Security-Policy")
	remedy := "Let the proxy pass the site's headers on as they are."
	var missing []string
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if a.Header.Get(name) != want {
			missing = append(missing, name)
		}
	}
	if d.BaseURL.Scheme == "https" && a.Header.Get("Strict-Transport-Security") == "" {
		missing = append(missing, "Strict-Transport-Security")
	}
	if len(policies) == 0 || !strings.Contains(policies[0], "default-src 'none'") || !strings.Contains(policies[0], "frame-ancestors 'none'") {
		missing = append(missing, "Content-Security-Policy")
	}
	slices.Sort(missing)
	switch {
	case len(missing) > 0:
		d.Fail(remedy, "Headers that protect people are lost or changed on the way: %s.", list(missing))
	case len(policies) > 1:
		d.Warn(remedy, "Something on the way adds a Content-Security-Policy of its own. Pages may not work.")
	default:
		d.OK("The headers that protect people arrive.")
	}
}

func outcome(a answer, err error) string {
	if err != nil {
		why, _ := unreachable(err)
		return why
	}
	return a.Status
}

// logIn begins a sign-in as a browser does and looks at where it leads and at the cookie that comes along.
func (d *doctor) logIn(ctx context.Context, p *metadata) {
	a, err := d.get(ctx, d.at(views.LogInURL("")))
	to, redirected := a.isRedirectAfter(err)
	switch {
	case err == nil && a.StatusCode == http.StatusServiceUnavailable:
		d.Fail("Let the machine that the site runs on reach the provider (firewall, DNS, HTTPS_PROXY).", "The running site can't reach the provider.")
		return
	case !redirected:
		d.Fail("Look into the site's log.", "Log In does not lead to the provider: %s.", outcome(a, err))
		return
	}
	if q := to.Query(); p != nil && !strings.HasPrefix(to.String(), p.Authorization) {
		d.Fail("Restart Let's Talk with the settings of this examination, or examine with its settings.", "Log In leads to %s://%s%s, not to the provider that OIDC_ISSUER names.", to.Scheme, to.Host, to.Path)
	} else if q.Get("client_id") != d.ClientID || q.Get("redirect_uri") != d.redirect() {
		d.Fail("Restart Let's Talk with the settings of this examination, or examine with its settings.",
			"The running site has other settings: it signs in the client %q with the redirect URI %s.", q.Get("client_id"), q.Get("redirect_uri"))
	} else {
		d.OK("Log In leads to the provider.")
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		d.Fail("Let the proxy pass Cache-Control on as it is, and keep nothing.", "The site's Cache-Control: no-store does not arrive: what people read may stay in caches.")
	}
	d.cookie(a.Response)
}

func (a answer) isRedirectAfter(err error) (*url.URL, bool) {
	if err != nil {
		return nil, false
	}
	return a.isRedirect()
}

// cookie looks at the cookie that binds a sign-in to its browser; that of the session is made alike.
func (d *doctor) cookie(r *http.Response) {
	remedy := "Let the proxy pass Set-Cookie on as it is."
	cookies := r.Cookies()
	if len(cookies) == 0 {
		d.Fail(remedy, "The cookie of a sign-in does not arrive: nobody can sign in.")
		return
	}
	var missing []string
	for _, c := range cookies {
		for _, flag := range []struct {
			name string
			set  bool
		}{
			{"HttpOnly", c.HttpOnly},
			{"SameSite=Lax", c.SameSite == http.SameSiteLaxMode},
			{"Path=/", c.Path == "/"},
			{"no Domain", c.Domain == ""},
			{"Secure", c.Secure || d.BaseURL.Scheme != "https"},
			{"a name that begins with __Host-", strings.HasPrefix(c.Name, "__Host-") || d.BaseURL.Scheme != "https"},
		} {
			if !flag.set && !slices.Contains(missing, flag.name) {
				missing = append(missing, flag.name)
			}
		}
	}
	if len(missing) > 0 {
		d.Fail(remedy, "Cookies arrive without %s.", list(missing))
		return
	}
	d.OK("Cookies arrive with all their flags.")
}

// backchannel says that somebody has signed out, with a token that is none, as the provider would with one that is.
func (d *doctor) backchannel(ctx context.Context) {
	address := d.at(views.BackchannelLogoutURL())
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(url.Values{"logout_token": {"letstalk.doctor.none"}}.Encode()))
	if err != nil {
		return // BASE_URL was parsed before
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a, err := d.do(ctx, r)
	remedy := "Have the proxy pass POST requests to that address on to Let's Talk, whoever they are from; the provider sends no cookie."
	switch {
	case err == nil && a.StatusCode == http.StatusTooManyRequests:
		d.Warn("Try again in a minute.", "The back-channel address gets too many requests.")
	case err != nil || a.StatusCode != http.StatusBadRequest || a.Header.Get("Cache-Control") != "no-store":
		d.Fail(remedy, "The back-channel address does not answer as it should: %s.", outcome(a, err))
	default:
		d.OK("The back-channel address answers, and refuses what is not from the provider. The provider must reach it, too: %s", address)
	}
}
