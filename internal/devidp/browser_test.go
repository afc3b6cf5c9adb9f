package devidp_test

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

// browser keeps cookies and follows no redirect.
type browser struct {
	f    *fixture
	http *http.Client
}

func (f *fixture) browser() *browser {
	f.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.Fatal(err)
	}
	return &browser{f, &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what a browser or client got.
type answer struct {
	f        *fixture
	status   int
	header   http.Header
	doc      *goquery.Document
	location *url.URL // nil unless it is a redirect
}

func (b *browser) do(method, target string, form url.Values) answer {
	b.f.Helper()
	req, err := http.NewRequestWithContext(b.f.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		b.f.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.f.Fatal(err)
	}
	defer res.Body.Close()
	a := answer{f: b.f, status: res.StatusCode, header: res.Header}
	if a.doc, err = goquery.NewDocumentFromReader(res.Body); err != nil {
		b.f.Fatal(err)
	}
	if res.StatusCode == http.StatusSeeOther {
		if a.location, err = res.Location(); err != nil {
			b.f.Fatal(err)
		}
	}
	return a
}

func (b *browser) get(target string) answer { b.f.Helper(); return b.do(http.MethodGet, target, nil) }

func (a answer) wantStatus(want int) answer {
	a.f.Helper()
	if a.status != want {
		a.f.Fatalf("status %d, want %d; page: %s", a.status, want, strings.TrimSpace(a.doc.Text()))
	}
	return a
}

// params returns the query of the redirect to target.
func (a answer) params(target string) url.Values {
	a.f.Helper()
	a.wantStatus(http.StatusSeeOther)
	if got := a.location.String(); got != target && !strings.HasPrefix(got, target+"?") {
		a.f.Fatalf("redirected to %s, want %s", got, target)
	}
	return a.location.Query()
}

// press sends the page's only form as its button name=value would. Boxes are ticked as the page has them, or as those of
// ticks, pairs of a name and a value, which may be empty.
func (b *browser) press(page answer, name, value string, ticks ...string) answer {
	b.f.Helper()
	page.wantStatus(http.StatusOK)
	ticket, ok := page.doc.Find("form input[name=ticket]").Attr("value")
	action, _ := page.doc.Find("form").Attr("action")
	if !ok {
		b.f.Fatalf("no form with a ticket on the page: %s", page.doc.Text())
	}
	form := url.Values{"ticket": {ticket}}
	page.doc.Find("form input[type=checkbox][checked]").Each(func(_ int, box *goquery.Selection) {
		form.Set(box.AttrOr("name", ""), box.AttrOr("value", ""))
	})
	for i := 0; i < len(ticks); i += 2 {
		if form.Set(ticks[i], ticks[i+1]); ticks[i+1] == "" {
			form.Del(ticks[i])
		}
	}
	if name != "" {
		form.Set(name, value)
	}
	return b.do(http.MethodPost, strings.TrimSuffix(b.f.issuer, "/dev/idp")+action, form)
}

// jsonOf decodes an answer that is JSON.
func (a answer) jsonOf(v any) {
	a.f.Helper()
	if err := json.Unmarshal([]byte(a.doc.Text()), v); err != nil {
		a.f.Fatal(err)
	}
}
