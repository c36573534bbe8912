//go:build unix

package wheel

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// OnlyMine returns ErrOthersWrite, wrapped, unless what info describes belongs to the user this process runs as, or to
// root, and nobody else may write to it.
func OnlyMine(info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return fmt.Errorf("%w: its owner is not known", ErrOthersWrite)
	case stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%w: it belongs to user %d, not to you (%d): remove it, or give another folder", ErrOthersWrite, stat.Uid, os.Geteuid())
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: its mode is %v: remove it, or chmod go-w if you trust all who could", ErrOthersWrite, info.Mode())
	}
	return nil
}
