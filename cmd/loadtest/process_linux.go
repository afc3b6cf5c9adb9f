package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// supported tells whether bench works on this system.
func supported() error { return nil }

// tied has a child end when this program is killed and can't end it.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }

// tick is the unit of CPU time in /proc, on every Linux the same.
const tick = time.Second / 100

// cpu returns the CPU time a process has used, in user and system mode.
func cpu(pid int) (time.Duration, error) {
	_, own, _, err := stat(pid)
	return own, err
}

// familyCPU is cpu of a process and its children, those that ended among them.
func familyCPU(pid int) (time.Duration, error) {
	_, own, ended, err := stat(pid)
	if err != nil {
		return 0, err
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	sum := own + ended
	for _, dir := range processes {
		child, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return 0, err
		}
		// One that can't be read has just ended.
		if parent, own, ended, err := stat(child); err == nil && parent == pid {
			sum += own + ended
		}
	}
	return sum, nil
}

// stat returns a process's parent and the CPU time that it and its ended children have used, in user and system mode.
func stat(pid int) (parent int, own, ended time.Duration, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0, err
	}
	// The second field is the program's name in parentheses, which may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 15 {
		return 0, 0, 0, errors.New("/proc/PID/stat is not as proc(5) says")
	}
	var n [5]int64
	for i, field := range []int{1, 11, 12, 13, 14} {
		if n[i], err = strconv.ParseInt(fields[field], 10, 64); err != nil {
			return 0, 0, 0, err
		}
	}
	return int(n[0]), time.Duration(n[1]+n[2]) * tick, time.Duration(n[3]+n[4]) * tick, nil
}

var statusKB = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

// rss returns how many bytes of memory a process holds.
func rss(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	m := statusKB.FindSubmatch(status)
	if m == nil {
		return 0, errors.New("/proc/PID/status tells no VmRSS")
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	return kb << 10, err
}

// ownCPU returns the CPU time this program has used, which the server did not have.
func ownCPU() time.Duration { return used(syscall.RUSAGE_SELF) }

func used(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// otherCPU returns the CPU time that the machine has spent on everything but this program and the children that ended:
// what it grows by is what a run did not have.
func otherCPU() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	var busy time.Duration
	for i, field := range strings.Fields(line) {
		// cpu user nice system idle iowait irq softirq steal …
		if n, err := strconv.ParseInt(field, 10, 64); err == nil && i <= 8 && i != 4 && i != 5 {
			busy += time.Duration(n) * tick
		}
	}
	return busy - used(syscall.RUSAGE_SELF) - used(syscall.RUSAGE_CHILDREN)
}

// waitUntil waits more exactly than Go's own timers, which take a millisecond at least while there is nothing else to do.
func waitUntil(due time.Time) {
	for left := time.Until(due); left > 0; left = time.Until(due) {
		pause := syscall.NsecToTimespec(int64(left))
		_ = syscall.Nanosleep(&pause, nil) // a signal may end it early
	}
}
