//go:build unix

package wheel

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestUnzipRefusesWhatLeavesItsFolder(t *testing.T) {
	tests := []struct {
		claim string
		entry entry
		want  string
	}{
		{"parent", entry{name: "../evil"}, "leads out"},
		{"deep parent", entry{name: "a/../../evil"}, "leads out"},
		{"absolute", entry{name: "/etc/evil"}, "leads out"},
		{"link", entry{name: "link", text: "/etc/passwd", mode: os.ModeSymlink}, "only files"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			dir := t.TempDir()
			whl := filepath.Join(dir, "a.whl")
			if err := os.WriteFile(whl, archive(t, entry{name: "fine"}, test.entry), 0o644); err != nil {
				t.Fatal(err)
			}
			err := unzip(t.Context(), whl, filepath.Join(dir, "tree"), os.Create, func(int64, int64) {})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "tree")); err == nil {
				t.Error("something was written before the archive was looked through")
			}
		})
	}
}

// TestUnzipOnAFullDisk writes to /dev/full, where every write fails as on a full disk.
func TestUnzipOnAFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/dev/full is Linux's")
	}
	_, whl := pinned(t)
	full := func(string) (*os.File, error) { return os.OpenFile("/dev/full", os.O_WRONLY, 0) }
	err := unzip(t.Context(), whl, t.TempDir(), full, func(int64, int64) {})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error is %v, want no space left on device", err)
	}
}

func TestUnzipStopsWhenCancelled(t *testing.T) {
	_, whl := pinned(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := unzip(ctx, whl, t.TempDir(), os.Create, func(int64, int64) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

func FuzzUnzip(f *testing.F) {
	f.Add([]byte("PK\x05\x06"))
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range []string{"a/b", "../c", "d/"} {
		if _, err := w.Create(name); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		whl := filepath.Join(dir, "a.whl")
		if err := os.WriteFile(whl, data, 0o644); err != nil {
			t.Fatal(err)
		}
		_ = unzip(t.Context(), whl, filepath.Join(dir, "tree"), os.Create, func(int64, int64) {})
		if got := leftovers(t, dir); len(got) > 2 || len(got) == 2 && got[1] != "tree" {
			t.Fatalf("written outside of the folder: %v", got)
		}
	})
}
