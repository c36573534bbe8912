//go:build unix

package wheel

// This file ends a program together with the programs it started.

import (
	"os/exec"
	"syscall"
)

// killWithChildren gives cmd a process group of its own and has a done context kill the whole group: pip starts
// children, and a version manager's python is itself a script that starts one.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
