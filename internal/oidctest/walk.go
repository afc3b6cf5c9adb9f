package oidctest

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

// maxPages is how many pages and redirects the provider may need for one answer.
const maxPages = 20

// SignIn goes where the site has sent a browser, signs in as an account there, allows what the provider asks, and returns
// the address that the browser is sent back to. A browser that has a session at the provider may be shown no page at all.
func (p *Provider) SignIn(browser *http.Client, location, account string) (callback string) {
	p.t.Helper()
	return p.walk(browser, location, url.Values{"account": {account}, "consent": {"yes"}})
}

// SignInWeakly is SignIn of somebody who can't do what acr_values asks for.
func (p *Provider) SignInWeakly(browser *http.Client, location, account string) (callback string) {
	p.t.Helper()
	return p.walk(browser, location, url.Values{"account": {account}, "consent": {"yes"}, "weak": {"yes"}})
}

// Refuse is SignIn of somebody who says no at the first page.
func (p *Provider) Refuse(browser *http.Client, location string) (callback string) {
	p.t.Helper()
	return p.walk(browser, location, url.Values{"refuse": {"yes"}})
}

// SignOut goes where the site has sent a browser to sign out, says yes, and returns the address that the browser is sent
// back to, "" if the provider keeps it. Without a site, the page for signing out is [Provider.SignOutPage].
func (p *Provider) SignOut(browser *http.Client, location string) (back string) {
	p.t.Helper()
	return p.walk(browser, location, url.Values{"logout": {"yes"}})
}

// SignOutPage is where people sign out who come to the provider by themselves.
func (p *Provider) SignOutPage() string { return p.Issuer + "/session/end" }

// walk presses the buttons that are in answers until the browser is sent away, and returns where to.
func (p *Provider) walk(browser *http.Client, location string, answers url.Values) string {
	p.t.Helper()
	alone := *browser // with the same cookies
	alone.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	method, form := http.MethodGet, url.Values{}
	for range maxPages {
		if !strings.HasPrefix(location, p.Issuer+"/") {
			return location
		}
		req, err := http.NewRequestWithContext(p.t.Context(), method, location, strings.NewReader(form.Encode()))
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html")
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		res, err := alone.Do(req)
		if err != nil {
			p.t.Fatal(err)
		}
		var body bytes.Buffer
		_, err = body.ReadFrom(res.Body)
		res.Body.Close()
		if err != nil {
			p.t.Fatal(err)
		}
		method, form = http.MethodGet, url.Values{}
		if to, err := res.Location(); err == nil {
			location = to.String()
			continue
		}
		page, err := goquery.NewDocumentFromReader(&body)
		if err != nil {
			p.t.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			p.t.Fatalf("the provider answers %d at %s: %s", res.StatusCode, location, page.Text())
		}
		if page.Find("form").Length() == 0 {
			return "" // the end of the way
		}
		method, location, form = http.MethodPost, target(p, res.Request.URL, page), fill(page, answers)
	}
	p.t.Fatalf("the provider shows page after page, the last at %s", location)
	return ""
}

// target is where the page's only form is sent.
func target(p *Provider, at *url.URL, page *goquery.Document) string {
	p.t.Helper()
	to, err := at.Parse(page.Find("form").AttrOr("action", ""))
	if err != nil {
		p.t.Fatal(err)
	}
	return to.String()
}

// fill is the page's form as a person sends it: with what is hidden in it and with those of the answers that it asks for.
func fill(page *goquery.Document, answers url.Values) url.Values {
	form := url.Values{}
	page.Find("form input[type=hidden]").Each(func(_ int, input *goquery.Selection) {
		form.Add(input.AttrOr("name", ""), input.AttrOr("value", ""))
	})
	page.Find("button[name], input[type=checkbox]").Each(func(_ int, control *goquery.Selection) {
		name, value := control.AttrOr("name", ""), control.AttrOr("value", "")
		if answers.Get(name) == value {
			form.Set(name, value)
		}
	})
	return form
}
