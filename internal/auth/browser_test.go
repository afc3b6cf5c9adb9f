package auth_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"letstalk/internal/auth"
)

// browser keeps cookies and follows no redirect.
type browser struct {
	*site
	http *http.Client
}

func (s *site) browser() *browser {
	s.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.Fatal(err)
	}
	return &browser{s, &http.Client{
		Transport:     s.server.Client().Transport,
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is what a browser got.
type page struct {
	status   int
	body     string
	location string
	cookies  []*http.Cookie
}

func (p page) cookie(name string) *http.Cookie {
	for _, c := range p.cookies {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func (b *browser) do(method, target string, form url.Values) page {
	b.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.base.String() + target
	}
	req, err := http.NewRequestWithContext(b.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.Fatal(err)
	}
	p := page{status: res.StatusCode, body: strings.TrimSpace(string(body)), cookies: res.Cookies()}
	if to, err := res.Location(); err == nil {
		p.location = to.String()
		for _, name := range []string{"code", "state", "nonce", "id_token_hint"} {
			b.note(to.Query().Get(name))
		}
	}
	for _, c := range p.cookies {
		b.note(c.Value)
	}
	return p
}

func (b *browser) get(target string) page  { b.Helper(); return b.do(http.MethodGet, target, nil) }
func (b *browser) post(target string) page { b.Helper(); return b.do(http.MethodPost, target, nil) }

// begin starts a sign-in and returns what the provider is asked.
func (b *browser) begin(returnPath string) url.Values {
	b.Helper()
	p := b.get("/users/login?return=" + url.QueryEscape(returnPath))
	if p.status != http.StatusFound {
		b.Fatalf("sign-in did not begin: %d %s", p.status, p.body)
	}
	return query(b, p.location)
}

// callback comes back from the provider with its answer.
func (b *browser) callback(answer url.Values) page {
	b.Helper()
	return b.get(auth.CallbackPath + "?" + answer.Encode())
}

// request returns a request with the browser's cookies that a test hands over itself.
func (b *browser) request(ctx context.Context, method, target string) *http.Request {
	req := httptest.NewRequestWithContext(ctx, method, target, nil)
	for _, c := range b.http.Jar.Cookies(b.base) {
		req.AddCookie(c)
	}
	return req
}

// me returns the name of who is signed in, or "".
func (b *browser) me() string {
	b.Helper()
	p := b.get("/me")
	if p.status != http.StatusOK {
		return ""
	}
	return p.body
}

func (b *browser) session() string {
	for _, c := range b.http.Jar.Cookies(b.base) {
		if strings.HasSuffix(c.Name, "session") {
			return c.Value
		}
	}
	return ""
}

func query(t testing.TB, raw string) url.Values {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
