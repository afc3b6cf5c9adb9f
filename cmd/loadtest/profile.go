package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var unfit = regexp.MustCompile(`[^A-Za-z0-9]+`)

// profile takes a CPU profile of letstalk for the next window, if profiles are asked for and it is letstalk that is
// measured. The channel gives one value, when it is written.
func (b *bench) profile(ctx context.Context, name string) <-chan error {
	done := make(chan error, 1)
	if b.profiles == "" || strings.Contains(name, socketIOName) {
		done <- nil
		return done
	}
	go func() { done <- b.saveProfile(ctx, unfit.ReplaceAllString(name, "-")) }()
	return done
}

func (b *bench) saveProfile(ctx context.Context, name string) (err error) {
	seconds := max(1, int(b.scale.window/time.Second))
	target := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", b.site.debug, seconds)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("taking a profile: %w; does this letstalk know DEBUG_LISTEN?", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("taking a profile: %s", resp.Status)
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(b.profiles, name+".pprof"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}
