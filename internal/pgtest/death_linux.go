package pgtest

import "syscall"

// dieWithParent has the kernel send a program the signal when this process dies, even if that is by kill -9.
func dieWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
