package wheel

// This file opens an archive without trusting it: no name may lead out of the folder, nothing but files and
// folders is made, and there is an end to how much is written.

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxUnpacked is the most bytes one wheel may unpack to. The largest one pinned has 0.27 GB.
const maxUnpacked = 2 << 30

// unzip writes the files of the archive at path under dir, each made by create and synced to disk.
func unzip(ctx context.Context, path, dir string, create func(string) (*os.File, error), report func(done, total int64)) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	defer archive.Close()
	var total, done uint64
	for _, f := range archive.File {
		name := filepath.FromSlash(f.Name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("entry %q leads out of the archive's folder", f.Name)
		}
		if !f.Mode().IsRegular() && !f.Mode().IsDir() {
			return fmt.Errorf("entry %q is a %s, only files are unpacked", f.Name, f.Mode().Type())
		}
		// Each size on its own first: the sum of forged sizes could wrap around.
		if f.UncompressedSize64 > maxUnpacked || total+f.UncompressedSize64 > maxUnpacked {
			return fmt.Errorf("it unpacks to more than %d bytes", int64(maxUnpacked))
		}
		total += f.UncompressedSize64
	}
	for _, f := range archive.File {
		target := filepath.Join(dir, filepath.FromSlash(f.Name))
		if f.Mode().IsDir() {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("entry %q: %w", f.Name, err)
		}
		// archive/zip ends an entry at the size its header gives and checks its CRC there.
		err = writeFileSync(target, &counted{ctx: ctx, r: r, add: func(n int) {
			done += uint64(n)
			report(int64(done), int64(total))
		}}, create)
		_ = r.Close()
		if err != nil {
			return fmt.Errorf("entry %q: %w", f.Name, err)
		}
	}
	return nil
}

// writeFileSync writes all of r to a new file at path and to the disk under it.
func writeFileSync(path string, r io.Reader, create func(string) (*os.File, error)) error {
	f, err := create(path)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, r, make([]byte, 1<<20)); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// checkSHA256 returns an error unless the file at path has the SHA-256 want (hex).
func checkSHA256(ctx context.Context, path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, &counted{ctx: ctx, r: f}, make([]byte, 1<<20)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("%s has SHA-256 %s, want %s: it is not the file that was pinned and was thrown away",
			filepath.Base(path), got, want)
	}
	return nil
}

// counted is a reader that stops when ctx is done and tells add of the bytes that came through.
type counted struct {
	ctx context.Context
	r   io.Reader
	add func(n int) // may be nil
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if c.add != nil && n > 0 {
		c.add(n)
	}
	return n, err
}
