//go:build !linux

package embedded

import "syscall"

// endWithParent does nothing: only Linux tells a child of its parent's end. The next start joins a server left behind.
func endWithParent(*syscall.SysProcAttr) {}
