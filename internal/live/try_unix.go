//go:build unix

package live

import "syscall"

// tryWrite writes what the socket takes without waiting and returns how many bytes that was. Errors are left to the next
// write that waits.
func tryWrite(conn syscall.RawConn, p []byte) (n int) {
	_ = conn.Write(func(fd uintptr) (done bool) {
		n, _ = syscall.Write(int(fd), p)
		return true
	})
	return max(n, 0)
}
