//go:build cgo

package compiled

// The folder and its entries without a plugin: who may write, what goes first when room is needed.

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func newFolder(t testing.TB, limit int64) *folder {
	t.Helper()
	f, err := openFolder(t.TempDir(), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.root.Close() })
	return f
}

func TestUnsafeFoldersAreRefused(t *testing.T) {
	for _, c := range []struct {
		claim string
		limit int64
		make  func(path string) error
		want  string
	}{
		{"no room", 0, func(string) error { return nil }, "must be positive"},
		{"a file", plenty, func(path string) error { return os.WriteFile(path, nil, 0o600) }, "not a directory"},
		{"writable by all", plenty, func(path string) error { return mkdir(path, 0o777) }, "chmod go-w"},
		{"writable by the group", plenty, func(path string) error { return mkdir(path, 0o770) }, "chmod go-w"},
		{"another user's", plenty, func(path string) error {
			return errors.Join(mkdir(path, 0o700), os.Chown(path, os.Geteuid()+1, -1))
		}, "belongs to user"},
	} {
		path := filepath.Join(t.TempDir(), "programs")
		if err := c.make(path); err != nil {
			if os.Geteuid() != 0 && errors.Is(err, os.ErrPermission) {
				continue // only root can give files away
			}
			t.Fatal(err)
		}
		if _, err := openFolder(path, c.limit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", c.claim, err, c.want)
		}
	}
}

const plenty = 1 << 30 // bytes

// mkdir makes a folder with this mode, whatever the umask.
func mkdir(path string, mode os.FileMode) error {
	return errors.Join(os.Mkdir(path, mode), os.Chmod(path, mode))
}

func TestKeptProgramComesBack(t *testing.T) {
	f := newFolder(t, plenty)
	for _, program := range [][]byte{[]byte("program"), {}, bytes.Repeat([]byte("long "), 10_000)} {
		k := keyOf(program)
		if got, err := f.read(k); got != nil || err != nil {
			t.Errorf("before it is kept: %q, %v", got, err)
		}
		if err := f.write(k, program); err != nil {
			t.Fatal(err)
		}
		if got, err := f.read(k); err != nil || got == nil || !bytes.Equal(got, program) {
			t.Errorf("%d bytes came back for %d (%v)", len(got), len(program), err)
		}
	}
}

func TestAnotherUsersProgramIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	f, k := newFolder(t, plenty), key{1}
	if err := f.write(k, []byte("program")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.path, k.String())
	if err := os.Chown(path, 1, -1); err != nil {
		t.Fatal(err)
	}
	if got, err := f.read(k); got != nil || err == nil || !strings.Contains(err.Error(), "belongs to user 1") {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// TestProgramThatCannotBeOpenedStays reads with no file descriptor left, which says nothing about the program.
func TestProgramThatCannotBeOpenedStays(t *testing.T) {
	f, k := newFolder(t, plenty), key{1}
	if err := f.write(k, []byte("program")); err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 0, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	got, err := f.read(k)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if got != nil || !errors.Is(err, syscall.EMFILE) {
		t.Errorf("with no descriptor left: %q, %v", got, err)
	}
	if got, err := f.read(k); string(got) != "program" || err != nil {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

func TestLeastRecentlyUsedGoesFirst(t *testing.T) {
	program := make([]byte, 1000)
	f := newFolder(t, int64(3*(len(program)+entryOverhead)))
	ago := func(name string, d time.Duration) {
		then := time.Now().Add(-d)
		if err := os.Chtimes(filepath.Join(f.path, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	for i := range byte(3) {
		if err := f.write(key{i}, program); err != nil {
			t.Fatal(err)
		}
		ago(key{i}.String(), time.Duration(10-i)*time.Minute)
	}
	others := []string{"README", newPrefix + "now", newPrefix + "old", key{9}.String() + ".bak"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(f.path, name), program, 0o600); err != nil {
			t.Fatal(err)
		}
		ago(name, 20*time.Minute)
	}
	ago(newPrefix+"old", 2*time.Hour)
	if _, err := f.read(key{0}); err != nil { // the oldest is used
		t.Fatal(err)
	}
	if err := f.write(key{3}, program); err != nil {
		t.Fatal(err)
	}
	want := []string{key{0}.String(), key{2}.String(), key{3}.String(), "README", newPrefix + "now", key{9}.String() + ".bak"}
	slices.Sort(want)
	entries, err := os.ReadDir(f.path)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	if err := f.write(key{4}, make([]byte, f.limit)); err == nil {
		t.Error("a program larger than the folder may be was kept")
	}
}

// TestFoldersShareWithoutLock has writers and readers of a few keys in two folders of one path, as two processes have.
func TestFoldersShareWithoutLock(t *testing.T) {
	a := newFolder(t, 3*2200)
	b, err := openFolder(a.path, a.limit)
	if err != nil {
		t.Fatal(err)
	}
	defer b.root.Close()
	var group sync.WaitGroup
	for i := range 8 {
		f := []*folder{a, b}[i%2]
		group.Go(func() {
			for n := range 100 {
				id := byte(n % 5)
				if i < 4 {
					if err := f.write(key{id}, bytes.Repeat([]byte{id}, 2000)); err != nil {
						t.Error(err)
					}
				} else if got, err := f.read(key{id}); err != nil || got != nil && !bytes.Equal(got, bytes.Repeat([]byte{id}, 2000)) {
					t.Errorf("program %d came back as %d bytes, %v", id, len(got), err)
				}
			}
		})
	}
	group.Wait()
	a.trim()
	if left, err := os.ReadDir(a.path); err != nil || len(left) == 0 || len(left) > 3 {
		t.Errorf("%d files are left (%v)", len(left), err)
	}
}

func FuzzUnseal(f *testing.F) {
	whole := slices.Concat(seal(key{1}, []byte("program"))...)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add([]byte(entryMark))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		program, err := unseal(key{1}, file)
		if err == nil && !bytes.Equal(slices.Concat(seal(key{1}, program)...), file) {
			t.Errorf("taken as whole, but not what is written: %q", file)
		}
	})
}
