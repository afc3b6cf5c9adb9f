package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program is the built program as a process that can end and run again. Its methods are called by one goroutine at a time.
type program struct {
	args    []string
	env     []string
	dir     string // its working directory
	address string // where it listens
	debug   string // where it tells about itself, if it does
	insists bool   // is started again if it can't start, as systemd does with a service
	says    string // its first line
	cmd     *exec.Cmd
	log     syncBuffer
}

// run starts the program unless it runs, and returns when it serves.
func (p *program) run() error {
	if p.runs() {
		return nil
	}
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		err := p.start()
		if err == nil || !p.insists || time.Now().After(deadline) {
			return err
		}
	}
}

func (p *program) start() error {
	p.cmd = exec.Command(binary, p.args...)
	p.cmd.Dir = p.dir
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LISTEN=" + p.address}, p.env...)
	if p.debug != "" {
		p.cmd.Env = append(p.cmd.Env, "DEBUG_LISTEN="+p.debug)
	}
	p.cmd.Stderr = &p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	if p.says, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		return fmt.Errorf("the program said nothing: %w, %w\n%s", err, p.cmd.Wait(), p.log.String())
	}
	return nil
}

func (p *program) runs() bool {
	return p.cmd != nil && p.cmd.Process != nil && p.cmd.ProcessState == nil
}

// stop ends the program as an operator would and waits for it.
func (p *program) stop() error {
	if !p.runs() {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.thaw() // or it would not hear of it; systemd does that too
	// One that does not stop is asked where it stands: the Go runtime writes that on SIGQUIT.
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the program ended with %w\n%s", err, p.log.String())
	}
	return nil
}

// kill ends the program without a word, as a power cut would.
func (p *program) kill() error {
	if !p.runs() {
		return nil
	}
	_ = p.cmd.Process.Kill()
	err := p.cmd.Wait()
	if end, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && end.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the program had ended by itself with %w\n%s", err, p.log.String())
	}
	return nil
}

// restart stops the program and starts it again at the same address.
func (p *program) restart() error { return errors.Join(p.stop(), p.run()) }

// freeze has the program stand still, and everything that is sent to it wait.
func (p *program) freeze() error { return p.signal(syscall.SIGSTOP) }

func (p *program) thaw() error { return p.signal(syscall.SIGCONT) }

func (p *program) signal(s os.Signal) error {
	if p.runs() {
		return p.cmd.Process.Signal(s)
	}
	return nil
}

// syncBuffer collects what a program writes while the test may read it.
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
