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
	var s *pgtest.Server
	var err error
	var thread int
	onAThreadThatEnds(func() {
		s, err = pgtest.Start()
		thread = syscall.Gettid()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	await(t, "the thread is gone", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread))
		return errors.Is(err, fs.ErrNotExist)
	})
	tell(t, connect(t, s.Database(t)), "SELECT 1")
}

// onAThreadThatEnds does something on a thread which Go ends after it.
func onAThreadThatEnds(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if syscall.Gettid() == syscall.Getpid() {
			// Go keeps the first thread whatever happens. As long as this waits the next try gets another.
			onAThreadThatEnds(do)
			runtime.UnlockOSThread()
			return
		}
		do() // and no unlocking: the thread ends along with the goroutine
	}()
	<-done
}
