package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"letstalk/internal/auth"
	"letstalk/internal/config"
	"letstalk/internal/devidp"
)

const (
	demoPath = "/dev/idp"
	// backchannelPath is where the site takes logout tokens.
	backchannelPath = "/users/backchannel-logout"
)

// demoScopes has what is to be seen of following the provider: groups, and a refresh token to ask again.
func demoScopes() []string { return []string{"openid", "profile", "email", "groups", "offline_access"} }

// demoProvider is the development provider on the site's own port. A nil one is none.
type demoProvider struct {
	*devidp.Provider
	host   string // host and port of its issuer
	number string // host and port the program listens on
	base   url.URL
}

// addDemoProvider fills in what the configuration of -dev leaves open. With a provider of one's own it returns nil.
func addDemoProvider(ctx context.Context, cfg *config.Config, addr *net.TCPAddr, logger *slog.Logger) (*demoProvider, error) {
	site, issuer := devHosts(addr.AddrPort(), func(ip netip.Addr) bool {
		known, err := net.DefaultResolver.LookupNetIP(ctx, "ip", "localhost")
		return err == nil && slices.Contains(known, ip)
	})
	if cfg.BaseURL == nil {
		cfg.BaseURL = &url.URL{Scheme: "http", Host: site}
	}
	if cfg.Issuer != "" {
		return nil, nil
	}
	cfg.Issuer = "http://" + issuer + demoPath
	cfg.ClientID, cfg.ClientSecret = "letstalk", rand.Text()
	if cfg.Scopes == nil {
		cfg.Scopes = demoScopes()
	}
	if cfg.Policy.AdminGroups == nil {
		cfg.Policy.AdminGroups = []string{"admins"} // so that there is somebody to see those pages: alice
	}
	provider, err := devidp.New(devidp.Config{
		Issuer: cfg.Issuer,
		Clients: []devidp.Client{{
			ID: cfg.ClientID, Secret: cfg.ClientSecret,
			RedirectURIs:           []string{cfg.BaseURL.String() + auth.CallbackPath},
			PostLogoutRedirectURIs: []string{cfg.BaseURL.String() + "/"},
			BackchannelLogoutURI:   cfg.BaseURL.String() + backchannelPath,
		}},
		HTTPClient: toSite(cfg.BaseURL, addr),
		Logger:     logger,
	})
	if err != nil {
		return nil, err
	}
	return &demoProvider{Provider: provider, host: issuer, number: addr.String(), base: *cfg.BaseURL}, nil
}

// toSite returns the client with which the provider tells the site of sign-outs. It goes to the address listened on,
// whatever that machine makes of the name in BASE_URL: localhost may be 127.0.0.1 to the program and ::1 to browsers.
func toSite(base *url.URL, addr *net.TCPAddr) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true} // sign-outs are rare
	if base.Scheme == "http" {
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr.String())
		}
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// devHosts returns under which hosts the site and the provider go, given the address listened on. On 127.0.0.1 the site
// is localhost and the provider the number: two sites to a browser, as in earnest. An IPv6 number can't stand in a
// Content-Security-Policy, which has to name the provider, so on ::1 both are localhost. Browsers look for that name at
// ::1 anyway; the program has to find its provider too, so it asks isLocalhost. Other loopback numbers have no name.
func devHosts(addr netip.AddrPort, isLocalhost func(netip.Addr) bool) (site, issuer string) {
	ip := addr.Addr().Unmap()
	name, number := fmt.Sprintf("localhost:%d", addr.Port()), netip.AddrPortFrom(ip, addr.Port()).String()
	switch {
	case ip == netip.IPv6Loopback() && isLocalhost(ip):
		return name, name
	case ip == netip.IPv6Loopback(), ip == netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		return name, number
	}
	return number, number
}

// beside returns the site with the provider beside it, each under its own host.
func (p *demoProvider) beside(site http.Handler) http.Handler {
	if p == nil {
		return site
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == p.host && (r.URL.Path == demoPath || strings.HasPrefix(r.URL.Path, demoPath+"/")):
			p.ServeHTTP(w, r)
		case r.Host == p.number && r.Host != p.base.Host:
			// Opened under its number the site would set its cookies there, and the way back from the provider would not
			// find them.
			target := p.base
			target.Path, target.RawPath, target.RawQuery = r.URL.Path, r.URL.RawPath, r.URL.RawQuery
			http.Redirect(w, r, target.String(), http.StatusSeeOther)
		default:
			site.ServeHTTP(w, r)
		}
	})
}

// hint says who can log in, and where they are signed in then.
func (p *demoProvider) hint() string {
	if p == nil {
		return ""
	}
	var names []string
	for _, account := range p.Accounts() {
		names = append(names, account.Username)
	}
	last := len(names) - 1
	return fmt.Sprintf("Log in as %s or %s, no password.\nSign out of their provider at http://%s%s/",
		strings.Join(names[:last], ", "), names[last], p.host, demoPath)
}
