package handlers_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"letstalk/store"
)

// person is somebody with a browser of their own, or a visitor before signing in.
type person struct {
	*site
	http  *http.Client
	id    store.UserID
	name  string
	agent string // the browser's User-Agent; empty for some
}

// visitor returns somebody who is not signed in. The browser follows no redirect by itself.
func (s *site) visitor() *person {
	s.Helper()
	jar, err := cookiejar.New(nil)
	must(s, err)
	transport := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true}
	if s.base.Scheme == "https" {
		transport.TLSClientConfig = &tls.Config{RootCAs: s.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	}
	s.Cleanup(transport.CloseIdleConnections)
	return &person{site: s, http: &http.Client{
		Transport: transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// signIn returns somebody who went through the provider's login page.
func (s *site) signIn(account string) *person {
	s.Helper()
	p := s.visitor()
	want(s, "after signing in", p.logIn(account, "/dashboard"), s.base.String()+"/dashboard")
	return p
}

// logIn presses Log In for a page and a button of the provider's; it returns where that leads.
func (p *person) logIn(account, back string) string {
	p.Helper()
	done := p.through("/users/login?return="+url.QueryEscape(back), url.Values{"account": {account}})
	want(p, "coming back from the provider", done.status, http.StatusSeeOther)
	location, err := p.base.Parse(done.header.Get("Location"))
	must(p, err)
	room := p.get("/chat/General").page()
	me, _ := room.Find("#room").Attr("data-me")
	id, _ := strconv.ParseInt(me, 10, 64)
	p.id, p.name = store.UserID(id), room.Find(".header__who b").Text()
	return location.String()
}

// through follows the way to the provider, fills in its form and returns what the site answers to who comes back.
func (p *person) through(start string, form url.Values) answer {
	p.Helper()
	begun := p.get(start)
	want(p, "starting to sign in", begun.status, http.StatusFound)
	provider := p.get(begun.header.Get("Location"))
	asked := provider.page().Find("form")
	if asked.Length() == 0 {
		p.Fatalf("the provider asks nothing: %d %s", provider.status, provider.header.Get("Location"))
	}
	ticket, _ := asked.Find("input[name=ticket]").Attr("value")
	target, err := url.Parse(begun.header.Get("Location"))
	must(p, err)
	target, err = target.Parse(asked.AttrOr("action", ""))
	must(p, err)
	form = maps.Clone(form)
	form.Set("ticket", ticket)
	return p.get(p.post(target.String(), form).header.Get("Location"))
}

// answer is a response, read to its end.
type answer struct {
	testing.TB
	status int
	header http.Header
	body   string
}

// do sends a request; form is url.Values, *bytes.Buffer for other bodies, or nil; headers are names and values.
func (p *person) do(method, target string, body io.Reader, headers ...string) answer {
	p.Helper()
	a, err := p.tryDo(method, target, body, headers...)
	must(p, err)
	return a
}

// tryDo is do for goroutines, which must not end the test.
func (p *person) tryDo(method, target string, body io.Reader, headers ...string) (answer, error) {
	if strings.HasPrefix(target, "/") {
		target = p.base.String() + target
	}
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return answer{}, err
	}
	if p.agent != "" {
		req.Header.Set("User-Agent", p.agent)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return answer{TB: p, status: res.StatusCode, header: res.Header, body: string(all)}, err
}

func (p *person) get(target string, headers ...string) answer {
	p.Helper()
	return p.do(http.MethodGet, target, nil, headers...)
}

func (p *person) post(target string, form url.Values, headers ...string) answer {
	p.Helper()
	a, err := p.tryPost(target, form, headers...)
	must(p, err)
	return a
}

// tryPost is post for goroutines.
func (p *person) tryPost(target string, form url.Values, headers ...string) (answer, error) {
	return p.tryDo(http.MethodPost, target, strings.NewReader(form.Encode()),
		append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// say posts words as a script does and returns the message's number.
func (p *person) say(words string) store.MessageID {
	p.Helper()
	a := p.post("/chat/General/messages", url.Values{"body": {words}}, "HX-Request", "true")
	want(p, "status of posting", a.status, http.StatusOK)
	seq, _ := a.page().Find("li.message").Attr("data-seq")
	id, err := strconv.ParseInt(seq, 10, 64)
	must(p, err)
	return store.MessageID(id)
}

// page parses the answer's HTML.
func (a answer) page() *goquery.Document {
	a.Helper()
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader([]byte(a.body)))
	must(a, err)
	return doc
}

// cursor returns where the page's stream starts.
func (a answer) cursor() string {
	a.Helper()
	connect, _ := a.page().Find("#stream").Attr("hx-sse:connect")
	u, err := url.Parse(connect)
	must(a, err)
	if u.Query().Get("after") == "" {
		a.Fatalf("no stream in %d %s", a.status, a.body)
	}
	return u.Query().Get("after")
}
