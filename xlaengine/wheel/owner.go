package wheel

// This file says what may be run: files that nobody else could have put there.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrOthersWrite is wrapped by errors about files that are to be run and that others may write.
var ErrOthersWrite = errors.New("others may write to it, and what is in it would be run")

// OnlyMineUpTo checks OnlyMine of the file at path and the folders above it up to top, which is one of them.
func OnlyMineUpTo(top, path string) error {
	top, err := filepath.Abs(top)
	if err != nil {
		return err
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	for ; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if err := OnlyMine(info); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if path == top || path == filepath.Dir(path) {
			return nil
		}
	}
}
