//go:build !linux

package main

import (
	"errors"
	"syscall"
	"time"
)

var errLinux = errors.New("bench reads /proc and needs Linux; figures works here, too")

func supported() error { return errLinux }

func tied() *syscall.SysProcAttr { return nil }

func cpu(int) (time.Duration, error) { return 0, errLinux }

func familyCPU(int) (time.Duration, error) { return 0, errLinux }

func rss(int) (int64, error) { return 0, errLinux }

func ownCPU() time.Duration { return 0 }

func otherCPU() time.Duration { return 0 }

func waitUntil(due time.Time) { time.Sleep(time.Until(due)) }

type socket struct{}

func connect(string) (*socket, error) { return nil, errLinux }

func (*socket) Read([]byte) (int, error)  { return 0, errLinux }
func (*socket) poll([]byte) (int, error)  { return 0, errLinux }
func (*socket) Write([]byte) (int, error) { return 0, errLinux }
func (*socket) Close() error              { return nil }

type poller struct{}

func newPoller() (*poller, error) { return nil, errLinux }

func (*poller) add(*socket, int) error { return errLinux }
func (*poller) remove(*socket)         {}
func (*poller) run(func([]int)) error  { return errLinux }
func (*poller) end()                   {}
func (*poller) close() error           { return nil }
