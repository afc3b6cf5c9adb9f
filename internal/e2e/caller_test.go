package e2e

import (
	"context"
	"crypto/tls"
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
	"testing"
)

// caller is somebody without a browser, who posts plain forms: quick, and past any proxy.
type caller struct {
	t      *testing.T
	site   *door
	client *http.Client
}

var ticket = regexp.MustCompile(`action="([^"]+)">\s*<input type="hidden" name="ticket" value="([^"]+)"`)

// transport carries what is for the door's address by way of another; everything else goes as usual.
func (s *door) transport(way string) *http.Transport {
	s.t.Helper()
	public, err := url.Parse(s.base)
	if err != nil {
		s.t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: s.trust},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == public.Host {
				addr = way
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
	s.t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// caller signs in as a demo account.
func (s *door) caller(account string) *caller {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	transport := s.transport(s.listen)
	c := &caller{t: s.t, site: s, client: &http.Client{Jar: jar, Transport: transport}}
	response, err := c.client.Get(s.base + "/users/login?return=/dashboard")
	if err != nil {
		s.t.Fatal(err)
	}
	page := text(s.t, response)
	form := ticket.FindStringSubmatch(page)
	if form == nil {
		s.t.Fatalf("the provider shows no login form: %s\n%s", response.Status, page)
	}
	action, err := response.Request.URL.Parse(html.UnescapeString(form[1]))
	if err != nil {
		s.t.Fatal(err)
	}
	response, err = c.client.PostForm(action.String(), url.Values{"ticket": {form[2]}, "account": {account}})
	if err != nil {
		s.t.Fatal(err)
	}
	if page = text(s.t, response); !strings.Contains(page, "Signed in as") {
		s.t.Fatalf("%s is not signed in:\n%s", account, page)
	}
	c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

func text(t *testing.T, response *http.Response) string {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// send posts a form and returns the number of the message the answer leads to.
func (c *caller) send(path string, form url.Values) string {
	response, err := c.client.PostForm(c.site.base+path, form)
	if err != nil {
		c.t.Error(err)
		return ""
	}
	response.Body.Close()
	location := response.Header.Get("Location")
	if response.StatusCode != http.StatusSeeOther {
		c.t.Errorf("POST %s: %s", path, response.Status)
	}
	return location[strings.LastIndexAny(location, "/-")+1:]
}

// post sends a message to General and returns its number.
func (c *caller) post(body string) string {
	return c.send("/chat/General/messages", url.Values{"body": {body}})
}

func (c *caller) edit(id, body string) {
	c.send("/chat/General/messages/"+id+"/edit", url.Values{"body": {body}})
}

func (c *caller) remove(id string) {
	c.send("/chat/General/messages/"+id+"/delete", nil)
}

// flood posts many messages, several at a time, so their order is any.
func (c *caller) flood(n int, body string) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < n; i += 4 {
				c.post(fmt.Sprintf("%s %d", body, i))
			}
		})
	}
	wg.Wait()
}
