package plugin

// The folder of a DiskStore: a file for each memory, named for it, the file "key", and "lock", which one process at a
// time holds. A file is written under another name, brought to the disk and renamed, so that it is whole or not there,
// whenever the process or the machine stops. What was being written then is removed by whoever opens the folder next.

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/latentchain/latentchain/xlaengine"
)

const (
	fileSuffix = ".safetensors"
	newPrefix  = ".new-" // of files being written
	keyFile    = "key"
	lockFile   = "lock"
)

type folder struct {
	path  string
	root  *os.Root // so that no name leads out of it
	lock  *flock.Flock
	ended atomic.Bool
}

func openFolder(path string) (_ *folder, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	f := &folder{path: path}
	if f.root, err = os.OpenRoot(path); err != nil {
		return nil, err
	}
	info, err := f.root.Stat(".")
	if err == nil {
		err = onlyMine(info, "700")
	}
	if err != nil {
		f.root.Close()
		return nil, err
	}
	f.lock = flock.New(filepath.Join(path, lockFile), flock.SetPermissions(0o600))
	held, err := f.lock.TryLock()
	if err == nil && !held {
		err = errors.New("another process or store has it open")
	}
	if err != nil {
		f.root.Close()
		return nil, err
	}
	return f, nil
}

// onlyMine refuses what others could read or write: keys and values give away what was read, and the key all of them.
func onlyMine(info fs.FileInfo, mode string) error {
	if owner, ok := anothers(info); ok {
		return fmt.Errorf("%s belongs to user %d, not to you (%d)", info.Name(), owner, os.Geteuid())
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is open to others (%v): chmod %s", info.Name(), info.Mode(), mode)
	}
	return nil
}

// names returns the names of memories' files, the one used last at the end, and removes what was never finished.
func (f *folder) names() ([]string, error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	type used struct {
		name string
		last time.Time
	}
	var found []used
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		switch name := entry.Name(); {
		case strings.HasPrefix(name, newPrefix):
			if err := f.root.Remove(name); err != nil {
				return nil, err
			}
		case strings.HasSuffix(name, fileSuffix):
			found = append(found, used{name, info.ModTime()})
		}
	}
	slices.SortFunc(found, func(a, b used) int { return cmp.Or(a.last.Compare(b.last), strings.Compare(a.name, b.name)) })
	names := make([]string, len(found))
	for i, u := range found {
		names[i] = u.name
	}
	return names, nil
}

// secret returns what is in the key file, which is made if it is not there and may be.
func (f *folder) secret(mayMake bool) ([]byte, error) {
	text, err := f.readKey()
	if errors.Is(err, fs.ErrNotExist) && mayMake {
		made := make([]byte, minSecret)
		rand.Read(made)
		_, err = f.write(keyFile, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, hex.EncodeToString(made))
			return err
		})
		return made, err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("it has memories but no file \"key\"; bring the key of the store they are from, or give it with StoreKey")
	}
	if err != nil {
		return nil, err
	}
	secret, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(secret) < minSecret {
		return nil, fmt.Errorf("the file \"key\" is not %d hexadecimal digits; bring back the one that was there", 2*minSecret)
	}
	return secret, nil
}

func (f *folder) readKey() ([]byte, error) {
	file, err := f.root.Open(keyFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil {
		err = onlyMine(info, "600")
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, 4096))
}

// write makes a file of what fill writes, whole and on the disk, and returns its size.
func (f *folder) write(name string, fill func(io.Writer) error) (size int64, err error) {
	if f.closed() {
		return 0, xlaengine.ErrClosed
	}
	temporary := newPrefix + rand.Text()
	file, err := f.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	err = fill(file)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		size, err = file.Seek(0, io.SeekCurrent)
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = f.root.Rename(temporary, name)
	}
	if err != nil {
		_ = f.root.Remove(temporary)
		return 0, err
	}
	return size, f.sync()
}

// sync brings the folder's names to the disk. Windows has no such call and needs none.
func (f *folder) sync() error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f *folder) open(name string) (*os.File, error) {
	if f.closed() {
		return nil, xlaengine.ErrClosed
	}
	info, err := f.root.Lstat(name) // a pipe would not even open
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, bad("it is not a file")
	}
	return f.root.Open(name)
}

// touch notes that a file was used, for whoever opens the folder next.
func (f *folder) touch(name string) {
	now := time.Now()
	_ = f.root.Chtimes(name, now, now)
}

func (f *folder) remove(name string) error {
	if f.closed() {
		return xlaengine.ErrClosed
	}
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// closed also says so of the folder of a store that was never opened.
func (f *folder) closed() bool { return f == nil || f.ended.Load() }

func (f *folder) close() error {
	if f == nil || f.ended.Swap(true) {
		return nil
	}
	return errors.Join(f.root.Close(), f.lock.Unlock())
}
