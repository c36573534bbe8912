//go:build unix

package plugin

// Whose a folder or file is.

import (
	"io/fs"
	"os"
	"syscall"
)

// anothers returns who owns it if it is not the user this process runs as.
func anothers(info fs.FileInfo) (owner int, ok bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known || int(stat.Uid) == os.Geteuid() {
		return 0, false
	}
	return int(stat.Uid), true
}
