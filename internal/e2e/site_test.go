// Package e2e tells the product's stories in a real browser against the real program.
package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
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
	return m.Run(), nil
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

// site is a running copy of the program with a database of its own.
type site struct {
	t      *testing.T
	env    []string
	dir    string
	listen string // where the program listens
	base   string // where people find it
	cmd    *exec.Cmd
	log    syncBuffer
}

// start runs the program with -dev; env is added to its environment. People who post by the hundred would be told to slow
// down, so nobody is.
func start(t *testing.T, env ...string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), env: append([]string{"RATE_LIMIT=off"}, env...), listen: freeAddress(t)}
	s.run()
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
	s.cmd = exec.Command(binary, "-dev")
	s.cmd.Dir = s.dir
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LISTEN=" + s.listen}, s.env...)
	s.cmd.Stderr = &s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatalf("the program said nothing: %v\n%s", err, s.log.String())
	}
	s.base = strings.TrimSpace(line[strings.Index(line, "http"):])
}

// stop ends the program as an operator would and waits for it.
func (s *site) stop() {
	if s.cmd.ProcessState != nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	// One that does not stop is asked where it stands: the Go runtime writes that on SIGQUIT.
	late := time.AfterFunc(patience, func() { _ = s.cmd.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("the program ended with %v\n%s", err, s.log.String())
	}
}

// kill ends the program without a word, as a power cut would.
func (s *site) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// crash kills the program and starts it again.
func (s *site) crash() {
	s.t.Helper()
	s.kill()
	s.run()
}

// restart stops the program and starts it again at the same address.
func (s *site) restart() {
	s.t.Helper()
	s.stop()
	s.run()
}

// syncBuffer collects what the program writes while the test may read it.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
