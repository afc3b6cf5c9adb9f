package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// patience bounds one start of the program; idle memory is what it holds breather after its first page.
const (
	patience = 30 * time.Second
	breather = time.Second
)

// sample is what one start of the program showed.
type sample struct {
	page   time.Duration // from starting the process to the whole first page
	memory string        // resident at rest, as the system writes it
}

// figures starts the program several times, each with a new database, and prints the median.
func figures(ctx context.Context, binary string, runs int, w io.Writer) error {
	samples, err := starts(ctx, binary, runs)
	if err != nil {
		return err
	}
	middle := samples[runs/2]
	_, err = fmt.Fprintf(w, "start to first page  %v (%v to %v in %d starts, each with a new database)\nidle memory          %s\n",
		round(middle.page), round(samples[0].page), round(samples[runs-1].page), runs, middle.memory)
	return err
}

// starts starts the program several times and returns what that showed, the quickest first.
func starts(ctx context.Context, binary string, runs int) ([]sample, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, err
	}
	var samples []sample
	for range runs {
		s, err := startOnce(ctx, binary)
		if err != nil {
			return nil, err
		}
		samples = append(samples, s)
	}
	slices.SortFunc(samples, func(a, b sample) int { return int(a.page - b.page) })
	return samples, nil
}

// measureStart finds how soon a new letstalk is there, and what it holds before anybody comes.
func measureStart(ctx context.Context, b *bench) ([]row, error) {
	const runs = 5
	samples, err := starts(ctx, b.binary, runs)
	if err != nil {
		return nil, err
	}
	var held []float64
	for _, s := range samples {
		var kb float64
		if _, err := fmt.Sscanf(s.memory, "%g kB", &kb); err != nil {
			return nil, fmt.Errorf("idle memory is %q: %w", s.memory, err)
		}
		held = append(held, kb/1024)
	}
	page, memory := samples[runs/2].page, median(held)
	return []row{
		{what: "start to the first page", ours: round(page).String(), target: "≤ 150 ms", reached: page <= 150*time.Millisecond},
		{what: "idle memory", ours: fmt.Sprintf("%.1f MB", memory), target: "≤ 25 MB", reached: memory <= 25},
	}, nil
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func startOnce(ctx context.Context, binary string) (s sample, err error) {
	dir, err := os.MkdirTemp("", "letstalk-figures-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary)
	cmd.Dir = dir
	// As in earnest behind a proxy, with a provider that is down.
	cmd.Env = []string{"LISTEN=127.0.0.1:0", "BASE_URL=https://chat.example.org", "OIDC_ISSUER=http://127.0.0.1:1",
		"OIDC_CLIENT_ID=figures", "SESSION_KEY=" + rand.Text() + rand.Text(), "LOG_LEVEL=error"}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return s, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if ended := cmd.Wait(); err == nil {
			err = ended
		}
	}()
	address, err := listening(out)
	if err != nil {
		return s, err
	}
	if err := visit(ctx, "http://"+address+"/"); err != nil {
		return s, err
	}
	s.page = time.Since(start)
	if err := rest(ctx, breather); err != nil {
		return s, err
	}
	s.memory = resident(cmd.Process.Pid)
	return s, nil
}

var listens = regexp.MustCompile(`^It listens on (\S+)\.$`)

// listening reads what the program prints up to the address it listens on.
func listening(out io.Reader) (string, error) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := listens.FindStringSubmatch(lines.Text()); m != nil {
			return m[1], nil
		}
	}
	return "", errors.New("the program does not say where it listens")
}

func visit(ctx context.Context, url string) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the first page is %s", resp.Status)
	}
	return nil
}

var residentSize = regexp.MustCompile(`(?m)^VmRSS:\s+(.+)$`)

// resident returns how much memory of the machine a process holds, where the system tells.
func resident(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m := residentSize.FindSubmatch(status)
	if err != nil || m == nil {
		return "not told by this system"
	}
	return string(m[1])
}
