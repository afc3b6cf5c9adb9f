package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
)

// site is letstalk as it runs in earnest: with a provider, a database and durable writes. Each start of it for a measure
// has a copy of one database in which everybody is signed in.
type site struct {
	binary  string
	dir     string // where the program runs
	data    databases
	address string // of the first node of every start, for the provider knows it
	key     string
	idp     *provider
	people  []string // session cookies
	debug   string   // address of the first node's profiles, or empty
}

// newSite makes a database in which n people are signed in.
func newSite(ctx context.Context, binary, dir string, data databases, n int, profiles bool) (s *site, err error) {
	if binary, err = filepath.Abs(binary); err != nil {
		return nil, err
	}
	s = &site{binary: binary, dir: dir, data: data, key: rand.Text() + rand.Text()}
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
	p, err := s.launch(ctx, s.address, "DATABASE_URL="+data.template())
	if err == nil {
		s.people, err = signIn(ctx, s.origin(), n)
		err = errors.Join(err, p.stop())
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *site) close() error {
	if s == nil {
		return nil
	}
	return s.idp.close()
}

// origin is under which address people know the site, whichever node they come to.
func (s *site) origin() string { return "http://" + s.address }

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

// start starts the site as one node with a database of its own, to which fill may add.
func (s *site) start(ctx context.Context, fill func(url string) error) (*running, error) {
	return s.startNodes(ctx, 1, fill)
}

// startNodes starts several nodes of the site on one database; env is added to their environment.
func (s *site) startNodes(ctx context.Context, n int, fill func(url string) error, env ...string) (r *running, err error) {
	db, err := s.data.copy()
	if err != nil {
		return nil, err
	}
	r = &running{site: s, database: db, env: append([]string{"DATABASE_URL=" + db.url}, env...), addresses: []string{s.address}}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.stop())
		}
	}()
	for len(r.addresses) < n {
		address, err := freeAddress()
		if err != nil {
			return r, err
		}
		r.addresses = append(r.addresses, address)
	}
	if fill != nil {
		if err := fill(db.url); err != nil {
			return r, err
		}
	}
	return r, r.launch(ctx)
}

// launch starts one node.
func (s *site) launch(ctx context.Context, address string, env ...string) (*process, error) {
	cmd := exec.Command(s.binary)
	cmd.Dir = s.dir
	cmd.Env = append([]string{"LISTEN=" + address, "BASE_URL=" + s.origin(),
		"OIDC_ISSUER=" + s.idp.issuer, "OIDC_CLIENT_ID=" + clientID, "OIDC_CLIENT_SECRET=" + clientSecret,
		"SESSION_KEY=" + s.key, "RATE_LIMIT=off", "LOG_LEVEL=warn"}, env...)
	if s.debug != "" && address == s.address {
		cmd.Env = append(cmd.Env, "DEBUG_LISTEN="+s.debug)
	}
	return launch(ctx, cmd, listens)
}
