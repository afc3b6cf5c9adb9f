package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	room     = "/chat/General"
	boundary = "----WebKitFormBoundaryLoadtest0000001"
)

// running is a started site. Readers and posters are shared out among its nodes; nothing stands before them.
type running struct {
	site      *site
	database  database
	env       []string
	addresses []string // of the nodes
	nodes     []*process
}

// launch starts the nodes, one after the other: the first makes the tables if there are none.
func (r *running) launch(ctx context.Context) error {
	for _, address := range r.addresses {
		p, err := r.site.launch(ctx, address, r.env...)
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, p)
	}
	return nil
}

// restart stops the site and starts it again with the same database.
func (r *running) restart(ctx context.Context) error {
	if err := r.halt(); err != nil {
		return err
	}
	return r.launch(ctx)
}

// halt stops all nodes at the same time.
func (r *running) halt() error {
	errs := make([]error, len(r.nodes))
	var wg sync.WaitGroup
	for i, p := range r.nodes {
		wg.Go(func() { errs[i] = p.stop() })
	}
	wg.Wait()
	r.nodes = nil
	return errors.Join(errs...)
}

// stop ends the site and takes its database away.
func (r *running) stop() error { return errors.Join(r.halt(), r.database.drop()) }

// cpu is what all nodes have used.
func (r *running) cpu() (sum time.Duration, err error) {
	for _, p := range r.nodes {
		used, e := p.cpu()
		sum, err = sum+used, errors.Join(err, e)
	}
	return sum, err
}

// rss is what all nodes hold.
func (r *running) rss() (sum int64, err error) {
	for _, p := range r.nodes {
		held, e := p.rss()
		sum, err = sum+held, errors.Join(err, e)
	}
	return sum, err
}

// address is that of the node of a reader or poster.
func (r *running) address(i int) string { return r.addresses[i%len(r.addresses)] }

// cookie returns the session of a reader or poster; people are used in turn.
func (r *running) cookie(i int) string { return r.site.people[i%len(r.site.people)] }

// get is a request for a path as a browser sends it.
func (r *running) get(path string, i int, headers ...string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + r.site.address + "\r\nCookie: " + r.cookie(i) +
		"\r\n" + browserHeaders + strings.Join(append(headers, "", ""), "\r\n"))
}

const browserHeaders = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) loadtest\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\nSec-Fetch-Site: same-origin\r\n"

// page fetches the room's page whole.
func (r *running) page(ctx context.Context, headers ...string) (string, error) {
	w, err := dial(ctx, r.address(0))
	if err != nil {
		return "", err
	}
	defer w.close()
	w.keep = new(bytes.Buffer)
	a, err := w.ask(r.get(room, 0, headers...))
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("the room's page is answered with status %d", a.status)
	}
	return w.keep.String(), err
}

var streamURL = regexp.MustCompile(`hx-sse:connect="([^"]+)"`)

// stream returns the URL of the stream that continues the room's page.
func (r *running) stream(ctx context.Context) (string, error) {
	page, err := r.page(ctx)
	if err != nil {
		return "", err
	}
	m := streamURL.FindStringSubmatch(page)
	if m == nil {
		return "", errors.New("the room's page names no stream")
	}
	return html.UnescapeString(m[1]), nil
}

// opener opens streams as the room's page does.
func (r *running) opener(ctx context.Context) (func(int) (*link, error), error) {
	path, err := r.stream(ctx)
	if err != nil {
		return nil, err
	}
	return func(i int) (*link, error) { return r.open(i, path, "") }, nil
}

// open opens a reader's stream, where a cursor left off if there is one.
func (r *running) open(i int, path, cursor string) (*link, error) {
	s, err := connect(r.address(i))
	if err != nil {
		return nil, err
	}
	l, err := openStream(s, r.site.address, path, r.cookie(i), cursor)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	l.far = r.address(i) != r.address(0)
	return l, nil
}

// poster posts as the page's composer does.
func (r *running) poster(ctx context.Context, i int) (poster, error) {
	return r.posterTo(ctx, room, i, i)
}

// posterTo posts as person i, at the node with a number.
func (r *running) posterTo(ctx context.Context, room string, i, node int) (poster, error) {
	w, err := dial(ctx, r.address(node))
	if err != nil {
		return nil, err
	}
	// A connection that asks nothing at first is soon closed; one that has asked something may be idle for long.
	if _, err := w.ask(r.get("/healthz", i)); err != nil {
		w.close()
		return nil, err
	}
	return &formPoster{wire: w, head: "POST " + room + "/messages HTTP/1.1\r\nHost: " + r.site.address +
		"\r\nCookie: " + r.cookie(i) + "\r\nOrigin: " + r.site.origin() + "\r\nHX-Request: true\r\nAccept: text/html\r\n" +
		browserHeaders + "Content-Type: multipart/form-data; boundary=" + boundary + "\r\nContent-Length: "}, nil
}

type formPoster struct {
	*wire
	head    string
	request bytes.Buffer
}

func (p *formPoster) post(body string) error {
	const field = "--" + boundary + "\r\nContent-Disposition: form-data; name=\""
	form := field + "nonce\"\r\n\r\n" + rand.Text() + "\r\n" + field + "body\"\r\n\r\n" + body + "\r\n--" + boundary + "--\r\n"
	p.request.Reset()
	fmt.Fprintf(&p.request, "%s%d\r\n\r\n%s", p.head, len(form), form)
	a, err := p.ask(p.request.Bytes())
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("a post is answered with status %d", a.status)
	}
	return err
}
