package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"letstalk/internal/devidp"
)

const (
	clientID     = "loadtest"
	clientSecret = "loadtest-secret"
	signingIn    = 8 // at the same time
)

// provider is a development identity provider with made-up people, in this process.
type provider struct {
	issuer string
	server *http.Server
	idp    *devidp.Provider
}

func username(i int) string { return fmt.Sprintf("person%05d", i) }

// newProvider serves n people to the site at origin.
func newProvider(origin string, n int) (*provider, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	accounts := make([]devidp.Account, n)
	for i := range accounts {
		name := username(i)
		accounts[i] = devidp.Account{Username: name, Subject: name, Name: fmt.Sprintf("Person %05d", i),
			Email: name + "@example.org", Groups: []string{}}
	}
	p := &provider{issuer: "http://" + listener.Addr().String()}
	p.idp, err = devidp.New(devidp.Config{
		Issuer:   p.issuer,
		Accounts: accounts,
		Clients: []devidp.Client{{ID: clientID, Secret: clientSecret,
			RedirectURIs: []string{origin + "/authorization-code/callback"}}},
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p.server = &http.Server{Handler: p.idp, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(listener) }() // ends with close
	return p, nil
}

func (p *provider) close() error {
	if p == nil {
		return nil
	}
	err := p.server.Close()
	p.idp.Wait()
	return err
}

// signIn signs the first n people in, each with an attempt of its own, and returns their session cookies.
func signIn(ctx context.Context, origin string, n int) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	transport := &http.Transport{MaxIdleConnsPerHost: signingIn}
	defer transport.CloseIdleConnections()
	cookies := make([]string, n)
	var wg sync.WaitGroup
	for w := range signingIn {
		wg.Go(func() {
			for i := w; i < n && ctx.Err() == nil; i += signingIn {
				var err error
				if cookies[i], err = signInOne(ctx, transport, origin, username(i)); err != nil {
					cancel(fmt.Errorf("signing %s in: %w", username(i), err))
				}
			}
		})
	}
	wg.Wait()
	return cookies, context.Cause(ctx)
}

var ticket = regexp.MustCompile(`action="([^"]+)">\s*<input type="hidden" name="ticket" value="([^"]+)"`)

// signInOne goes the way a browser goes: to the site, to the provider's page, through its form and back.
func signInOne(ctx context.Context, transport http.RoundTripper, origin, who string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	b := visitor{ctx, &http.Client{Jar: jar, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	asked, _, err := b.do(http.MethodGet, origin+"/users/login?return=/dashboard", nil)
	if err != nil {
		return "", err
	}
	at, err := asked.Location()
	if err != nil {
		return "", fmt.Errorf("the site answers %s: %w", asked.Status, err)
	}
	shown, page, err := b.do(http.MethodGet, at.String()+"&login_hint="+who, nil)
	if err != nil {
		return "", err
	}
	form := ticket.FindStringSubmatch(page)
	if form == nil {
		return "", fmt.Errorf("the provider shows no login form: %s", shown.Status)
	}
	action, err := shown.Request.URL.Parse(html.UnescapeString(form[1]))
	if err != nil {
		return "", err
	}
	sent, _, err := b.do(http.MethodPost, action.String(), url.Values{"ticket": {form[2]}, "account": {who}})
	if err != nil {
		return "", err
	}
	back, err := sent.Location()
	if err != nil {
		return "", fmt.Errorf("the provider answers %s: %w", sent.Status, err)
	}
	done, _, err := b.do(http.MethodGet, back.String(), nil)
	if err != nil {
		return "", err
	}
	for _, c := range jar.Cookies(done.Request.URL) {
		if c.Name == "session" {
			return c.Name + "=" + c.Value, nil
		}
	}
	return "", fmt.Errorf("the site gives no session: %s", done.Status)
}

// visitor is a browser that follows no redirect by itself.
type visitor struct {
	ctx    context.Context
	client *http.Client
}

func (b visitor) do(method, target string, form url.Values) (*http.Response, string, error) {
	r, err := http.NewRequestWithContext(b.ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, "", err
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}
