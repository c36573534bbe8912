//go:build !unix

package wheel

// This file stands in for kill_unix.go where there are no process groups.

import "os/exec"

// killWithChildren leaves the default: a done context kills cmd alone.
func killWithChildren(*exec.Cmd) {}
