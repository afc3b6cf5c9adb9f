package oidctest_test

import (
	"bufio"
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"letstalk/internal/oidctest"
)

// asVictim in the environment makes the test a victim: it starts a provider, says where, and waits to be killed.
const asVictim = "OIDCTEST_VICTIM"

func TestAProviderIsGoneWhenItsProcessDies(t *testing.T) {
	if os.Getenv(asVictim) != "" {
		p := oidctest.Start(t, oidctest.Client{ID: "chat", RedirectURIs: []string{"http://localhost/callback"}})
		os.Stdout.WriteString(p.Issuer + "\n")
		select {}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), asVictim+"=yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("it did not die")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.Dial("tcp", issuer.Host)
		if err != nil {
			return
		}
		conn.Close()
		select {
		case <-ctx.Done():
			t.Fatal("the provider outlives its test")
		case <-tick.C:
		}
	}
}
