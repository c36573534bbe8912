package plugin_test

// What is particular to stores on disk: folder, key and files, and what one process leaves to the next.

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/storetest"
)

// private makes the folder the user's alone, as a store wants it.
func private(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shelfTest is a folder with stores on it, one after the other.
type shelfTest struct {
	*testing.T
	storetest.Maker
	dir string
}

func onDisk(t *testing.T) *shelfTest { return &shelfTest{T: t, dir: t.TempDir()} }

func (d *shelfTest) open(opts ...plugin.StoreOption) *plugin.DiskStore {
	d.Helper()
	s := openDisk(d.T, d.dir, 100*storetest.Bytes, opts...)
	d.Cleanup(func() { _ = s.Close() })
	return s
}

func (d *shelfTest) put(s *plugin.DiskStore, mark byte) string {
	d.Helper()
	handle, err := s.Put(d.Context(), d.New(mark), plugin.Made{Model: "m", Scope: "s", Engine: &d.Maker, Holds: []string{"x"}})
	if err != nil {
		d.Fatal(err)
	}
	return handle
}

func (d *shelfTest) close(s *plugin.DiskStore) {
	d.Helper()
	if err := s.Close(); err != nil {
		d.Fatal(err)
	}
}

// mark uses the memory behind handle and returns its mark.
func (d *shelfTest) mark(s *plugin.DiskStore, handle string, foreign bool) (byte, error) {
	loan, err := s.Use(d.Context(), handle, plugin.Reader{Model: "m", Scope: "s", Foreign: foreign, Engine: &d.Maker, Load: d.Load})
	if err != nil {
		return 0, err
	}
	defer loan.Done()
	if !slices.Equal(loan.Holds, []string{"x"}) {
		d.Errorf("holds %q", loan.Holds)
	}
	return loan.Memory.(*storetest.Memory).Mark, nil
}

// files returns the names of memories' files.
func (d *shelfTest) files() (names []string) {
	d.Helper()
	names, err := filepath.Glob(filepath.Join(d.dir, "*.safetensors"))
	if err != nil {
		d.Fatal(err)
	}
	return names
}

func (d *shelfTest) wants(claim string, s *plugin.DiskStore, handle string, want byte) {
	d.Helper()
	if got, err := d.mark(s, handle, true); err != nil || got != want {
		d.Errorf("%s: memory %q, %v; want %q", claim, got, err, want)
	}
}

func TestHandlesSurviveARestart(t *testing.T) {
	d := onDisk(t)
	s := d.open()
	a, b := d.put(s, 'a'), d.put(s, 'b')
	before, err := s.Stat(a, "s")
	if err != nil {
		t.Fatal(err)
	}
	_, bytes := s.Size() // of each its own: the times in a file are as long as they have digits
	d.close(s)
	if n, err := d.Maker.Open(); n != 0 || err != nil {
		t.Errorf("%d memories open after Close, %v", n, err)
	}
	s = d.open()
	if _, err := d.mark(s, a, false); !llms.IsInvalidRequestError(err) || !strings.Contains(err.Error(), "WithForeignHandles") {
		t.Errorf("another process's handle, with nobody asking for it: got %v", err)
	}
	d.wants("after a restart", s, a, 'a')
	d.wants("after a restart", s, b, 'b')
	after, err := s.Stat(a, "s")
	if err != nil || !after.Foreign || after.FileBytes != before.FileBytes || after.Digest != before.Digest || after.Positions != before.Positions ||
		!after.Made.Equal(before.Made) || !after.Expires.Equal(before.Expires) {
		t.Errorf("stat %+v, %v; before %+v", after, err, before)
	}
	if n, size := s.Size(); n != 2 || size != bytes {
		t.Errorf("%d memories of %d bytes; want 2 of %d", n, size, bytes)
	}
	if err := s.Release(a, "s"); err != nil || len(d.files()) != 1 {
		t.Errorf("release: %v, files %q", err, d.files())
	}
	d.close(s)
	if _, err := d.mark(d.open(), a, true); !errors.Is(err, &llms.Error{Code: llms.ErrCodeResourceNotFound}) {
		t.Errorf("released before a restart: got %v", err)
	}
}

func TestFolderAndKeyAreTheUsersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "new", "store")
	s, err := plugin.OpenStore(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var made storetest.Maker
	if _, err := s.Put(t.Context(), made.New('a'), plugin.Made{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("entries %v, %v; want key, lock and a memory", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info.Mode(), err)
	}
	key := filepath.Join(dir, "key")
	for _, c := range []struct {
		claim, path string
		mode        os.FileMode
		want        string
	}{
		{"others may read the folder", dir, 0o750, "chmod 700"},
		{"others may read the key", key, 0o640, "chmod 600"},
	} {
		right, _ := os.Stat(c.path)
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
		if s, err := plugin.OpenStore(dir, 1<<20); err == nil || s != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.claim, err)
		}
		if err := os.Chmod(c.path, right.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	for claim, text := range map[string]string{"empty": "", "short": "00ff\n", "no digits": strings.Repeat("x", 64)} {
		if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := plugin.OpenStore(dir, 1<<20); err == nil || !strings.Contains(err.Error(), "hexadecimal") {
			t.Errorf("a key that is %s: got %v", claim, err)
		}
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := plugin.OpenStore(dir, 1<<20); err == nil || !strings.Contains(err.Error(), "StoreKey") {
		t.Errorf("memories without a key: got %v", err)
	}
}

func TestOneProcessHasAStoreOpen(t *testing.T) {
	d := onDisk(t)
	s := d.open()
	if _, err := plugin.OpenStore(d.dir, 1); err == nil || !strings.Contains(err.Error(), "has it open") {
		t.Errorf("opened twice: got %v", err)
	}
	d.close(s)
	d.close(d.open())
}

func TestMemoriesMoveToWhoHasTheKey(t *testing.T) {
	secret := []byte("thirty-two bytes that are secret")
	from, to, stranger := onDisk(t), onDisk(t), onDisk(t)
	s := from.open(plugin.StoreKey(secret))
	handle := from.put(s, 'a')
	if _, err := os.Stat(filepath.Join(from.dir, "key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key that was given is in the folder: %v", err)
	}
	file := from.files()[0]
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	with, without := to.open(plugin.StoreKey(secret)), stranger.open()
	for _, d := range []*shelfTest{to, stranger} { // while their stores are open
		if err := os.WriteFile(filepath.Join(d.dir, filepath.Base(file)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := to.mark(with, handle, false); !llms.IsInvalidRequestError(err) {
		t.Errorf("with the key, with nobody asking for foreign handles: got %v", err)
	}
	to.wants("with the key", with, handle, 'a')
	if _, err := stranger.mark(without, handle, true); !llms.IsInvalidRequestError(err) {
		t.Errorf("without the key: got %v", err)
	}
	stranger.close(without)
	if n, _ := stranger.open().Size(); n != 0 {
		t.Error("a file of another key was taken up")
	}
	if len(stranger.files()) != 1 {
		t.Error("a file of another key was deleted")
	}
}

func TestTheDiskBudgetHoldsAcrossRestarts(t *testing.T) {
	d := onDisk(t)
	s := d.open()
	a, b, c := d.put(s, 'a'), d.put(s, 'b'), d.put(s, 'c')
	d.wants("in use", s, a, 'a')
	for i, handle := range []string{b, c, a} { // what was used when, in steps that every file system can tell
		info, err := s.Stat(handle, "s")
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(d.dir, info.Digest+".safetensors")
		at := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	d.close(s)
	s = d.open(plugin.DiskBudget(2 * (storetest.Bytes + 1500)))
	if n, _ := s.Size(); n != 2 || len(d.files()) != 2 {
		t.Errorf("%d memories in %d files, want 2", n, len(d.files()))
	}
	d.wants("used last", s, a, 'a')
	d.wants("used before", s, c, 'c')
	if _, err := d.mark(s, b, true); !errors.Is(err, &llms.Error{Code: llms.ErrCodeResourceNotFound}) {
		t.Errorf("unused longest: got %v", err)
	}
}

func TestTimeGoesOnWhileAStoreIsClosed(t *testing.T) {
	d := onDisk(t)
	s := d.open(plugin.KeepFor(300 * time.Millisecond))
	a := d.put(s, 'a')
	d.close(s)
	s = d.open(plugin.KeepFor(0))
	b := d.put(s, 'b')
	time.Sleep(300 * time.Millisecond)
	if _, err := d.mark(s, a, true); !errors.Is(err, &llms.Error{Code: llms.ErrCodeResourceNotFound}) {
		t.Errorf("expired: got %v", err)
	}
	d.close(s)
	s = d.open()
	if len(d.files()) != 1 {
		t.Errorf("files %q; want one, that doesn't expire", d.files())
	}
	d.wants("kept for ever", s, b, 'b')
}

func TestEnginesShareAStoreThroughItsFiles(t *testing.T) {
	d := onDisk(t)
	s := d.open()
	handle := d.put(s, 'a')
	use := func(engine any) *plugin.Loan {
		loan, err := s.Use(t.Context(), handle, plugin.Reader{Model: "m", Scope: "s", Engine: engine, Load: d.Load})
		if err != nil {
			t.Fatal(err)
		}
		return loan
	}
	first, again := use(&d.Maker), use(&d.Maker)
	other := use("another engine")
	back := use(&d.Maker)
	odd := use([]int{}) // which Go can't compare
	if first.Memory != again.Memory || first.Memory == other.Memory || other.Memory == back.Memory || back.Memory == odd.Memory {
		t.Error("an engine got another one's memory, or not its own")
	}
	for _, loan := range []*plugin.Loan{first, again, other, back, odd} {
		if m := loan.Memory.(*storetest.Memory); m.Closed() || m.Mark != 'a' {
			t.Errorf("memory %c, closed %t while in use", m.Mark, m.Closed())
		}
		if err := loan.Done(); err != nil {
			t.Error(err)
		}
	}
	d.close(s)
	if n, err := d.Maker.Open(); n != 0 || err != nil {
		t.Errorf("%d memories open, %v", n, err)
	}
}
