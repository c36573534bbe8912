//go:build cgo

package compiled

// The folder: one file a program, named for its key; a file's time is when it was last used. Processes share it
// without a lock: a file appears whole under its name or not at all, and to find one gone is to find nothing.

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/latentchain/latentchain/xlaengine/wheel"
)

type folder struct {
	path  string
	root  *os.Root
	limit int64 // bytes
}

// openFolder makes the folder if there is none and refuses one that others could put programs in.
func openFolder(path string, limit int64) (*folder, error) {
	if limit <= 0 {
		return nil, fmt.Errorf("the limit is %d bytes, must be positive", limit)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil {
		err = wheel.OnlyMine(info)
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("folder %s: %w", path, err)
	}
	return &folder{path: path, root: root, limit: limit}, nil
}

// read returns the program kept under k, nil if there is none. An entry that is refused is removed, and err says why. One
// that only cannot be opened or read now, as where too many files are open, stays.
func (f *folder) read(k key) (program []byte, err error) {
	name := k.String()
	file, err := f.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		if info, _ := f.root.Lstat(name); info != nil && !info.Mode().IsRegular() {
			return nil, f.refuse(k, err) // a link out of the folder, as a rule
		}
		return nil, fmt.Errorf("kept program in %s: %w", f.path, err)
	}
	defer file.Close()
	program, err = f.contents(k, file)
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		return nil, fmt.Errorf("kept program: %w", err)
	}
	if err != nil {
		return nil, f.refuse(k, err)
	}
	now := time.Now()
	_ = f.root.Chtimes(name, now, now)
	return program, nil
}

// contents returns the program in file. A *fs.PathError says nothing about what is in it.
func (f *folder) contents(k key, file *os.File) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	if err := wheel.OnlyMine(info); err != nil {
		return nil, err
	}
	if info.Size() > f.limit {
		return nil, fmt.Errorf("it has %d bytes, more than the folder may (%d)", info.Size(), f.limit)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, err
	}
	return unseal(k, data)
}

// refuse removes the entry of k and returns why.
func (f *folder) refuse(k key, why error) error {
	_ = f.root.RemoveAll(k.String())
	return fmt.Errorf("kept program %s: %w", filepath.Join(f.path, k.String()), why)
}

const newPrefix = ".new-" // of files being written

// write keeps program under k and makes room for it.
func (f *folder) write(k key, program []byte) (err error) {
	if size := int64(len(program) + entryOverhead); size > f.limit {
		return fmt.Errorf("keep program: it takes %d bytes, the folder %s may have %d", size, f.path, f.limit)
	}
	name := newPrefix + rand.Text()
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("keep program: %w", err)
	}
	for _, part := range seal(k, program) {
		if err == nil {
			_, err = file.Write(part)
		}
	}
	err = cmp.Or(err, file.Close())
	if err == nil {
		err = f.root.Rename(name, k.String())
	}
	if err != nil {
		_ = f.root.Remove(name)
		return fmt.Errorf("keep program in %s: %w", f.path, err)
	}
	f.trim()
	return nil
}

var entryName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// trim removes the entries used longest ago until the rest fits, and what writers that died left behind.
func (f *folder) trim() {
	all, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return
	}
	var kept []fs.FileInfo
	var total int64
	for _, e := range all {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case entryName.MatchString(e.Name()):
			kept, total = append(kept, info), total+info.Size()
		case strings.HasPrefix(e.Name(), newPrefix) && time.Since(info.ModTime()) > time.Hour:
			_ = f.root.Remove(e.Name())
		}
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range kept {
		if total <= f.limit {
			return
		}
		if f.root.Remove(info.Name()) == nil {
			total -= info.Size()
		}
	}
}
