//go:build unix

package xlaengine

// Files as memory.

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps the first n bytes of f, for reading.
func mapFile(f *os.File, n int64) ([]byte, error) {
	mapping, err := unix.Mmap(int(f.Fd()), 0, int(n), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	_ = unix.Madvise(mapping, unix.MADV_WILLNEED)
	return mapping, nil
}

func unmapFile(mapping []byte) {
	if mapping != nil {
		_ = unix.Munmap(mapping)
	}
}
