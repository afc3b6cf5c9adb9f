// Package oidctest runs a real OpenID provider for tests, one that nobody here has written: npm's oidc-provider with a few
// accounts and no passwords. What the site believes about providers is proved against it. No provider outlives the test
// process, however that ends.
package oidctest

//go:generate npm ci --no-audit --no-fund --loglevel=error

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long the provider may take for anything; it is long because only a broken one takes it.
const patience = time.Minute

// Client is a relying party the provider knows.
type Client struct {
	ID     string
	Secret string // empty for a public client

	RedirectURIs, PostLogoutRedirectURIs []string

	// BackchannelLogoutURI, unless empty, is told when a session ends in which the client had a login.
	BackchannelLogoutURI string
}

// Weak and Strong are the ways to sign in that acr_values may name. A login is Weak unless it asks for Strong.
const (
	Weak   = "urn:example:password"
	Strong = "urn:example:second-factor"
)

// Provider is a provider that runs. Its accounts are alice of staff and admins, bob of staff, and carol of no group. Its
// methods may be called from any goroutine.
type Provider struct {
	Issuer string

	t   testing.TB
	cmd *exec.Cmd
	log log

	mu      sync.Mutex // an order and its answer belong together
	orders  io.WriteCloser
	answers *bufio.Reader
}

// Start runs a provider that knows a client, until the test ends. If the test failed, what the provider wrote is shown.
func Start(t testing.TB, c Client) *Provider {
	t.Helper()
	p, err := start(c)
	if err != nil {
		t.Fatal(err)
	}
	p.t = t
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
		if said := p.log.String(); said != "" && t.Failed() {
			t.Logf("the provider wrote:\n%s", said)
		}
	})
	return p
}

func start(c Client) (*Provider, error) {
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	p := &Provider{cmd: exec.Command("node", "server.js")}
	p.cmd.Dir = dir
	p.cmd.Stderr = &p.log
	if p.orders, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.answers = bufio.NewReader(answers)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("the tests need Node, to run an OpenID provider: %w", err)
	}
	if err := p.order(map[string]any{"clients": []Client{c}}, &p.Issuer); err != nil {
		return nil, errors.Join(err, p.close(), errors.New(p.log.String()))
	}
	return p, nil
}

// folder finds the program: a test is run in the folder of its package.
func folder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("oidctest is for tests of this module")
		}
		dir = parent
	}
	dir = filepath.Join(dir, "internal", "oidctest")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "oidc-provider")); err != nil {
		return "", errors.New("the provider is not installed: go generate ./internal/oidctest")
	}
	return dir, nil
}

// close has the provider end by ending its input, and waits for that.
func (p *Provider) close() error {
	_ = p.orders.Close()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the provider ended badly: %w", err)
	}
	return nil
}

// order has the provider do something and waits until it is done.
func (p *Provider) order(what map[string]any, answer any) error {
	line, err := json.Marshal(what)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	if _, err := p.orders.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("the provider takes no orders: %w", err)
	}
	if line, err = p.answers.ReadBytes('\n'); err != nil {
		return fmt.Errorf("the provider does not answer: %w", err)
	}
	said := struct {
		Answer any
		Error  string
	}{Answer: answer}
	if err := json.Unmarshal(line, &said); err != nil {
		return fmt.Errorf("the provider answers %q: %w", line, err)
	}
	if said.Error != "" {
		return fmt.Errorf("the provider could not do %s: %s", what["do"], said.Error)
	}
	return nil
}

func (p *Provider) must(what map[string]any, answer any) {
	p.t.Helper()
	if err := p.order(what, answer); err != nil {
		p.t.Fatal(err)
	}
}

// SetGroups changes the groups of an account. Tokens of before keep those of before.
func (p *Provider) SetGroups(account string, groups ...string) {
	p.t.Helper()
	p.must(map[string]any{"do": "groups", "account": account, "groups": append([]string{}, groups...)}, nil)
}

// Revoke takes back all that an account has granted, tokens included, and tells nobody: the next refresh fails. The session
// at the provider goes on.
func (p *Provider) Revoke(account string) {
	p.t.Helper()
	p.must(map[string]any{"do": "revoke", "account": account}, nil)
}

// EndSession ends the sessions of an account, as an administrator of the provider would, and returns when the client has
// taken the logout token. If the client does not answer it with 200 the test fails.
func (p *Provider) EndSession(account string) {
	p.t.Helper()
	p.must(map[string]any{"do": "end", "account": account}, nil)
}

// Pass lets time pass at the provider.
func (p *Provider) Pass(d time.Duration) {
	p.t.Helper()
	p.must(map[string]any{"do": "pass", "ms": d.Milliseconds()}, nil)
}

// Sessions returns how many sessions an account has at the provider.
func (p *Provider) Sessions(account string) int {
	p.t.Helper()
	var n int
	p.must(map[string]any{"do": "sessions", "account": account}, &n)
	return n
}

// log collects what the provider writes.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
