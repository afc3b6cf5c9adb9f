// Package e2e tells the product's stories in a real browser against the real program.
package e2e

import (
	"context"
	"crypto/x509"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"letstalk/internal/pgtest"
)

// patience is how long a test waits for what it needs; it is long because only a broken test waits for it.
const patience = 60 * time.Second

var (
	binary  string                   // the program, built once
	browser context.Context          // one Chromium; each person is a browser context of their own in it
	turns   = make(chan struct{}, 3) // how many stories run at a time
	given   sync.Map                 // addresses that freeAddress has given
)

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	if err := noteSources(); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "letstalk-e2e-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "letstalk")
	if out, err := exec.Command("go", "build", "-o", binary, "letstalk/cmd/letstalk").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building the program: %w\n%s", err, out)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.NoSandbox, // Chromium refuses its sandbox to root, and CI is root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var cancel context.CancelFunc
	browser, cancel = chromedp.NewContext(allocator)
	defer cancel()
	if err := chromedp.Do(browser); err != nil {
		return 0, fmt.Errorf("starting Chromium: %w", err)
	}
	return pgtest.Main(m), nil
}

// noteSources looks at every source of the program, so that the go command, which notes what a test reads, does not take
// an earlier result for that of a changed program.
func noteSources() error {
	return filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".git")) {
			return fs.SkipDir
		}
		return err
	})
}

// story lets a test run beside others, a few at a time.
func story(t *testing.T) {
	t.Helper()
	t.Parallel()
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
}

// door is where people find the program.
type door struct {
	t       *testing.T
	base    string         // the address they enter
	listen  string         // who answers there, past what stands in between
	trust   *x509.CertPool // who may answer, if base is https
	written func() string  // what those have written who stand behind it
}

// site is a running copy of the program with a database of its own.
type site struct {
	*door
	*program
}

// start runs the program with -dev; env is added to its environment. People who post by the hundred would be told to slow
// down, so nobody is.
func start(t *testing.T, env ...string) *site {
	t.Helper()
	return launch(t, &program{env: append([]string{"RATE_LIMIT=off"}, env...)})
}

// launch runs a program that is yet to be told where, with -dev.
func launch(t *testing.T, p *program) *site {
	t.Helper()
	p.args, p.dir, p.address = []string{"-dev"}, t.TempDir(), freeAddress(t)
	s := &site{&door{t: t, listen: p.address, written: p.log.String}, p}
	s.run()
	s.base = strings.TrimSpace(p.says[strings.Index(p.says, "http"):])
	t.Cleanup(s.stop)
	return s
}

// freeAddress is given to nobody else: its port lies below those the system hands out itself, so that it is still free when
// a program that was away comes back.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))
		if _, taken := given.LoadOrStore(address, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (s *site) run() {
	s.t.Helper()
	if err := s.program.run(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) stop() {
	s.t.Helper()
	if err := s.program.stop(); err != nil {
		s.t.Error(err)
	}
}

// crash kills the program and starts it again.
func (s *site) crash() {
	s.t.Helper()
	if err := s.kill(); err != nil {
		s.t.Error(err)
	}
	s.run()
}

func (s *site) restart() {
	s.t.Helper()
	s.stop()
	s.run()
}
