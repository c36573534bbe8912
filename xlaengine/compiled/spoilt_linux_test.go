//go:build cgo && (amd64 || arm64)

package compiled

// Files that are not what was written never reach a computation.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWhatIsNotWholeIsCompiledAfresh(t *testing.T) {
	b, plugin := onXLA(t)
	for _, c := range []struct {
		claim  string
		spoil  func(path string, entry []byte) error
		reason string
	}{
		{"one bit of the program", func(path string, e []byte) error {
			e[len(e)/2] ^= 1
			return os.WriteFile(path, e, 0o600)
		}, "SHA-256"},
		{"one bit of the sum", func(path string, e []byte) error {
			e[len(e)-1] ^= 1
			return os.WriteFile(path, e, 0o600)
		}, "SHA-256"},
		{"cut short", func(path string, e []byte) error { return os.WriteFile(path, e[:len(e)-40], 0o600) }, "SHA-256"},
		{"empty", func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) }, "cut short"},
		{"longer", func(path string, e []byte) error { return os.WriteFile(path, append(e, 0), 0o600) }, "SHA-256"},
		{"the program of another key", func(path string, e []byte) error {
			return os.WriteFile(path, slices.Concat(seal(key{1}, e[len(entryMark)+32:len(e)-32])...), 0o600)
		}, "another key"},
		{"not a program to the plugin", func(path string, e []byte) error {
			return os.WriteFile(path, slices.Concat(seal(key(e[len(entryMark):]), []byte("nonsense"))...), 0o600)
		}, "kept program"},
		{"a program without its end", func(path string, e []byte) error {
			program := e[len(entryMark)+32 : len(e)-32]
			return os.WriteFile(path, slices.Concat(seal(key(e[len(entryMark):]), program[:len(program)/2])...), 0o600)
		}, "kept program"},
		{"writable by others", func(path string, _ []byte) error { return os.Chmod(path, 0o622) }, "chmod go-w"},
		{"a link out of the folder", func(path string, e []byte) error {
			outside := filepath.Join(t.TempDir(), "outside")
			if err := os.WriteFile(outside, e, 0o600); err != nil {
				return err
			}
			return replace(path, func() error { return os.Symlink(outside, path) })
		}, "escapes"},
		{"a folder", func(path string, _ []byte) error {
			return replace(path, func() error { return os.Mkdir(path, 0o700) })
		}, "not a file"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			dir := t.TempDir()
			stats := keepIn(t, plugin, dir)
			want := mustRun(t, b, 4)
			path := entries(t, dir)[0]
			entry, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.spoil(path, slices.Clone(entry)); err != nil {
				t.Fatal(err)
			}
			if got := mustRun(t, b, 4); !slices.Equal(got, want) {
				t.Errorf("got %x, want %x", got, want)
			}
			s := stats()
			counts(t, "spoilt", s, 0, 2, 1, 0)
			if s.Reason == nil || !strings.Contains(s.Reason.Error(), c.reason) || !strings.Contains(s.Reason.Error(), path) {
				t.Errorf("reason %v, want one with %q and the file", s.Reason, c.reason)
			}
			mustRun(t, b, 4)
			counts(t, "written again", stats(), 1, 2, 1, 0)
		})
	}
}

func replace(path string, with func() error) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return with()
}
