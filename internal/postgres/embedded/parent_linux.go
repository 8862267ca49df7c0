package embedded

import "syscall"

// endWithParent asks the kernel to shut the server down (fast) when the thread that starts it ends.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
