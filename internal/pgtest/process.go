package pgtest

import (
	"os/exec"
	"runtime"
)

// process is a program that runs, or ran.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended, once done is closed
}

// start starts a program and notes its end.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// To Linux the parent is the thread, not the process: the death signal comes when the thread ends that started the
		// program. Go ends a thread when a goroutine ends that is locked to it, so this one has its own as long as the
		// program runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) runs() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends what still runs.
func (p *process) kill() {
	if p.runs() {
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}
