package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"
)

// stopWithin is how long a server may take to stop before it is killed.
const stopWithin = 15 * time.Second

// process is a server under test, a child of this program.
type process struct {
	cmd     *exec.Cmd
	address string // where it listens
}

// launch starts a server and waits until it prints a line that says where it listens.
func launch(ctx context.Context, cmd *exec.Cmd, says *regexp.Regexp) (*process, error) {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = tied()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	// A server that hangs while it starts is ended by the context, and then the scan ends.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	unhook := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer unhook()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := says.FindStringSubmatch(lines.Text()); m != nil {
			p.address = m[1]
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s ended, or did not say in time where it listens", cmd.Path), p.stop())
}

func (p *process) cpu() (time.Duration, error) { return cpu(p.cmd.Process.Pid) }
func (p *process) rss() (int64, error)         { return rss(p.cmd.Process.Pid) }

// stop asks the process to end and waits until it has.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(stopWithin, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("stopping %s: %w", p.cmd.Path, err)
	}
	return nil
}
