package devidp

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// view is what the pages show; each uses the part it needs.
type view struct {
	Base, Title, Text, Ticket string
	Client, Origin            string    // who asks, and where the answer goes
	Current, Hinted           string    // name of the person signed in here; username the client hinted at
	Accounts                  []Account // those to choose from, or the one that is signed in
	Strong                    bool      // a second factor is wanted, or was used
	Since                     time.Time // when the person signed in
	Clients                   []string  // IDs of those that had a login in the session
}

func (p *Provider) render(w http.ResponseWriter, status int, page string, v view) error {
	v.Base = p.prefix
	var b bytes.Buffer
	if err := p.pages.ExecuteTemplate(&b, page, v); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a browser that went away needs no page
	return nil
}

func (p *Provider) showStyle(w http.ResponseWriter, r *http.Request) error {
	http.ServeFileFS(w, r, files, "style.css")
	return nil
}

// contentPolicy is the policy of a page whose form leads, by a redirect, to one of the targets: Chromium holds that
// redirect, too, against form-action.
func contentPolicy(targets ...string) string {
	policy := "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
	for _, target := range targets {
		u, err := url.Parse(target)
		switch {
		case err != nil || u.Host == "":
		case strings.HasPrefix(u.Host, "["):
			policy += " " + u.Scheme + ":" // a policy has no syntax for IPv6 addresses
		default:
			policy += " " + origin(u)
		}
	}
	return policy
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// redirect sends the browser to target with params added to its query. After 303 every browser asks with GET, so that
// no form is posted on to a client.
func redirect(w http.ResponseWriter, target string, params url.Values) {
	if query := params.Encode(); query != "" {
		glue := "?"
		if strings.Contains(target, "?") {
			glue = "&"
		}
		target += glue + query
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}
