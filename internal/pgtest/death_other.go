//go:build !linux

package pgtest

import "syscall"

// dieWithParent leaves everything to the guard.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
