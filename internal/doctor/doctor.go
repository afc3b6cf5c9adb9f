// Package doctor looks whether a site, its proxy and its identity provider fit together. It looks from outside: at the
// provider as the site does, and at the site as browsers and the provider do. What is wrong it says in a line, with the
// remedy. It has a package of its own because it must not share the code that it examines: that refuses what it is not
// sure of, and gives no reasons to strangers.
package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"letstalk/internal/auth"
	"letstalk/store"
	"letstalk/views"
)

// Options say what to look at.
type Options struct {
	BaseURL      *url.URL
	Issuer       string
	ClientID     string
	ClientSecret string // empty for a public client
	Scopes       []string
	Policy       auth.Policy
	Recheck      time.Duration // zero if nobody is asked again
	// Store is the database of the site; nil if it can't be opened, then what needs it is left out.
	Store store.Rehearsals
	// Rehearse says that somebody is there to sign in.
	Rehearse bool

	// Patience is how long somebody has for the rehearsed sign-in, ten minutes if it is zero; the store is asked for its
	// outcome at each Look, half a second.
	Patience, Look time.Duration
	// Transport carries all requests; if it is nil, one of the usual kind.
	Transport http.RoundTripper
	// Now is the clock, time.Now if it is nil.
	Now func() time.Time
}

const (
	patience = 10 * time.Minute
	look     = time.Second / 2

	timeout   = 10 * time.Second // of one request
	maxAnswer = 1 << 20          // bytes
)

// doctor is one examination.
type doctor struct {
	Options
	*Report
	client *http.Client
	ticket string // of the rehearsal; empty if there is none
}

// Examine looks at everything and reports as it goes.
func Examine(ctx context.Context, opts Options, report *Report) {
	if opts.Patience == 0 {
		opts.Patience = patience
	}
	if opts.Look == 0 {
		opts.Look = look
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		defer t.CloseIdleConnections()
		opts.Transport = t
	}
	d := &doctor{Options: opts, Report: report, client: &http.Client{
		Transport: opts.Transport,
		// Where a redirect leads is part of what is looked at.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	d.addresses()
	p := d.provider(ctx)
	if p != nil {
		d.offers(p)
		d.keys(ctx, p)
		d.redirectURI(ctx, p)
		d.credentials(ctx, p)
	}
	if !d.site(ctx, p) || !d.openTicket(ctx) {
		return
	}
	if d.stream(ctx) && opts.Rehearse && p != nil {
		d.rehearse(ctx, p)
	}
}

// addresses lists what has to be registered at the provider.
func (d *doctor) addresses() {
	d.print("\nTo be registered at the provider:\n"+
		"         redirect URI         %s\n"+
		"         after logging out    %s\n"+
		"         back-channel logout  %s\n\n", d.redirect(), d.at("/"), d.at(views.BackchannelLogoutURL()))
}

// at returns the address of a path of the site, which may have a query.
func (d *doctor) at(path string) string { return d.BaseURL.String() + path }

func (d *doctor) redirect() string { return d.at(auth.CallbackPath) }

// answer is an answer with its body, cut at maxAnswer.
type answer struct {
	*http.Response
	body []byte
}

func (d *doctor) get(ctx context.Context, url string) (answer, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return answer{}, err
	}
	return d.do(ctx, r)
}

func (d *doctor) do(ctx context.Context, r *http.Request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r.Header.Set("User-Agent", "letstalk-doctor")
	resp, err := d.client.Do(r.WithContext(ctx))
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return answer{resp, body}, err
}

// isRedirect reports whether an answer sends the browser elsewhere, and where.
func (a answer) isRedirect() (to *url.URL, ok bool) {
	if a.StatusCode < 300 || a.StatusCode > 399 {
		return nil, false
	}
	to, err := a.Location()
	return to, err == nil
}

// unreachable says why nothing came back, and what helps.
func unreachable(err error) (why, remedy string) {
	var untrusted *tls.CertificateVerificationError
	var name *net.DNSError
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err // without the address, which the line has anyway
	}
	switch {
	case errors.As(err, &untrusted):
		return "its certificate can't be trusted: " + untrusted.Err.Error(),
			"Renew the certificate, send the whole chain, or make this machine trust the authority that signs it."
	case errors.As(err, &name):
		return "this machine can't find the name " + name.Name,
			"Look for a typing error, or at this machine's DNS."
	case errors.Is(err, context.DeadlineExceeded):
		return "there was no answer within " + short(timeout),
			"Look at firewalls between this machine and that one, and whether it needs a proxy (HTTPS_PROXY)."
	}
	return err.Error(), "Look whether it runs, and whether this machine may reach it (firewall, HTTPS_PROXY)."
}
