package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"letstalk/internal/pgtest"
)

// asVictim in the environment makes the test binary a victim.
const asVictim = "PGTEST_VICTIM"

// victim starts a server, says where, and dies as it is told: by a panic, or else by whoever kills it.
func victim() {
	s, err := pgtest.Start()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Socket())
	if os.Getenv(asVictim) == "panic" {
		panic("as told")
	}
	select {}
}

func TestAServerIsGoneWhenItsProcessDies(t *testing.T) {
	for _, how := range []string{"kill", "panic"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), asVictim+"="+how)
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
			socket := strings.TrimSpace(line)
			if how == "kill" {
				// Somebody who is connected and says nothing is the hardest to get rid of.
				conn, err := net.Dial("unix", socket)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Wait(); err == nil {
				t.Fatal("it did not die")
			}
			await(t, "the socket refuses", func() bool {
				conn, err := net.Dial("unix", socket)
				if err == nil {
					conn.Close()
				}
				return err != nil
			})
			await(t, "the folder is gone", func() bool {
				_, err := os.Stat(filepath.Dir(socket))
				return errors.Is(err, fs.ErrNotExist)
			})
		})
	}
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}
