package pgtest_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"testing"

	"letstalk/internal/pgtest"
)

func TestAServerOutlivesTheThreadThatStartedIt(t *testing.T) {
	type started struct {
		server *pgtest.Server
		err    error
		thread int
	}
	result := make(chan started)
	go func() {
		// Never unlocked: Go ends the thread along with the goroutine.
		runtime.LockOSThread()
		s, err := pgtest.Start()
		result <- started{s, err, syscall.Gettid()}
	}()
	got := <-result
	if got.err != nil {
		t.Fatal(got.err)
	}
	t.Cleanup(func() {
		if err := got.server.Close(); err != nil {
			t.Error(err)
		}
	})
	await(t, "the thread is gone", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", got.thread))
		return errors.Is(err, fs.ErrNotExist)
	})
	tell(t, connect(t, got.server.Database(t)), "SELECT 1")
}
