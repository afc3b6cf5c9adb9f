package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	room     = "/chat/General"
	boundary = "----WebKitFormBoundaryLoadtest0000001"
)

// site is letstalk as it runs in earnest: with a provider, a database file and durable writes. Each start of it for a
// measure has a copy of one database in which everybody is signed in.
type site struct {
	binary  string
	dir     string // everything of this run lies in it
	address string // of every start, for the provider knows it
	key     string
	idp     *provider
	people  []string // session cookies
	starts  int
	debug   string // address of the profiles, or empty
}

// newSite makes a database in which n people are signed in.
func newSite(ctx context.Context, binary, dir string, n int, profiles bool) (s *site, err error) {
	if binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	s = &site{binary: binary, dir: dir, key: rand.Text() + rand.Text()}
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if profiles {
		if s.debug, err = freeAddress(); err != nil {
			return nil, err
		}
	}
	if s.idp, err = newProvider(s.origin(), n); err != nil {
		return nil, err
	}
	p, err := s.launch(ctx, s.template())
	if err == nil {
		s.people, err = signIn(ctx, s.origin(), n)
		err = errors.Join(err, p.stop())
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *site) close() error   { return s.idp.close() }
func (s *site) origin() string { return "http://" + s.address }
func (s *site) template() string {
	return filepath.Join(s.dir, "template.db")
}

// freeAddress returns a free port on loopback that the system gives to no client: while a server is down, one of ten
// thousand clients would come to sit on its port.
func freeAddress() (string, error) {
	for range 100 {
		n, err := rand.Int(rand.Reader, big.NewInt(10_000))
		if err != nil {
			return "", err
		}
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+n.Int64())
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no free port between 20000 and 30000: end what listens there")
}

// start starts the site with a database of its own, to which fill may add.
func (s *site) start(ctx context.Context, fill func(path string) error) (*running, error) {
	s.starts++
	path := filepath.Join(s.dir, fmt.Sprintf("run%d.db", s.starts))
	if err := copyFile(path, s.template()); err != nil {
		return nil, err
	}
	if fill != nil {
		if err := fill(path); err != nil {
			return nil, err
		}
	}
	p, err := s.launch(ctx, path)
	if err != nil {
		return nil, err
	}
	return &running{process: p, site: s, path: path}, nil
}

func (s *site) launch(ctx context.Context, database string) (*process, error) {
	cmd := exec.Command(s.binary)
	cmd.Dir = s.dir
	cmd.Env = []string{"LISTEN=" + s.address, "BASE_URL=" + s.origin(), "DATABASE_URL=sqlite:" + database,
		"OIDC_ISSUER=" + s.idp.issuer, "OIDC_CLIENT_ID=" + clientID, "OIDC_CLIENT_SECRET=" + clientSecret,
		"SESSION_KEY=" + s.key, "RATE_LIMIT=off", "LOG_LEVEL=warn"}
	if s.debug != "" {
		cmd.Env = append(cmd.Env, "DEBUG_LISTEN="+s.debug)
	}
	return launch(ctx, cmd, listens)
}

// running is a started site.
type running struct {
	*process
	site *site
	path string
}

// restart stops the site and starts it again with the same database.
func (r *running) restart(ctx context.Context) error {
	if err := r.halt(); err != nil {
		return err
	}
	var err error
	r.process, err = r.site.launch(ctx, r.path)
	return err
}

func (r *running) halt() error {
	p := r.process
	r.process = nil
	return p.stop()
}

// stop ends the site and takes its database away.
func (r *running) stop() error {
	err := r.halt()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if e := os.Remove(r.path + suffix); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

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
	w, err := dial(ctx, r.site.address)
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
	s, err := connect(r.site.address)
	if err != nil {
		return nil, err
	}
	l, err := openStream(s, r.site.address, path, r.cookie(i), cursor)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return l, nil
}

// poster posts as the page's composer does.
func (r *running) poster(ctx context.Context, i int) (poster, error) { return r.posterTo(ctx, room, i) }

func (r *running) posterTo(ctx context.Context, room string, i int) (poster, error) {
	w, err := dial(ctx, r.site.address)
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

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
