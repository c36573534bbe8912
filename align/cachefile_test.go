package align

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

var solved = &Alignment{D: 2, Wa: []float32{1, 2, 3, 4}, MeanNorm: 5, Lambda: 0.5, Cond: 7}

// kept returns the only file in dir.
func kept(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files in the folder, want 1: %v", len(files), err)
	}
	return filepath.Join(dir, files[0].Name())
}

func TestCachedSolvesOnce(t *testing.T) {
	dir, calls := filepath.Join(t.TempDir(), "made", "here"), 0
	for range 3 {
		a, err := Cached(dir, "digest", 0.5, func() (*Alignment, error) { calls++; return solved, nil })
		if err != nil || !reflect.DeepEqual(a, solved) {
			t.Fatalf("got %v, %v", a, err)
		}
	}
	if calls != 1 {
		t.Errorf("solved %d times, want once", calls)
	}
	kept(t, dir)
}

func TestBrokenOrForeignFilesAreSolvedAgain(t *testing.T) {
	for claim, spoil := range map[string]func(b []byte) []byte{
		"empty":          func(b []byte) []byte { return nil },
		"cut":            func(b []byte) []byte { return b[:len(b)-1] },
		"longer":         func(b []byte) []byte { return append(b, 0) },
		"bit in Wa":      func(b []byte) []byte { b[headerSize+3] ^= 1; return b },
		"bit in the sum": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"other version":  func(b []byte) []byte { b[6] = '2'; return b },
		"other model":    func(b []byte) []byte { return encode(solved, [32]byte{1}) },
		"other width":    func(b []byte) []byte { b[len(fileMagic)+32] = 3; return b },
	} {
		t.Run(claim, func(t *testing.T) {
			dir := t.TempDir()
			solve := func() (*Alignment, error) { return solved, nil }
			if _, err := Cached(dir, "digest", 0.5, solve); err != nil {
				t.Fatal(err)
			}
			path := kept(t, dir)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, spoil(append([]byte(nil), good...)), 0o600); err != nil {
				t.Fatal(err)
			}
			again := false
			a, err := Cached(dir, "digest", 0.5, func() (*Alignment, error) { again = true; return solved, nil })
			if err != nil || !again || !reflect.DeepEqual(a, solved) {
				t.Errorf("solved again: %v; got %v, %v", again, a, err)
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != string(good) {
				t.Errorf("the file was not written again: %v", err)
			}
		})
	}
}

func TestKeptByModelAndLambda(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []struct {
		digest string
		lambda float64
	}{{"a", 1}, {"b", 1}, {"a", 2}} {
		called := false
		want := *solved
		want.Lambda = key.lambda
		if _, err := Cached(dir, key.digest, key.lambda, func() (*Alignment, error) { called = true; return &want, nil }); err != nil || !called {
			t.Errorf("%v: solved %v, %v", key, called, err)
		}
	}
}

func TestManyProcessesKeepOneFile(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			a, err := Cached(dir, "digest", 0.5, func() (*Alignment, error) { return solved, nil })
			if err != nil || !reflect.DeepEqual(a, solved) {
				t.Errorf("got %v, %v", a, err)
			}
		})
	}
	wg.Wait()
	kept(t, dir)
}

func TestErrorOfSolveIsPassedOn(t *testing.T) {
	dir := t.TempDir()
	if _, err := Cached(dir, "digest", 0.5, func() (*Alignment, error) { return nil, errors.New("no") }); err == nil || err.Error() != "no" {
		t.Errorf("got %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("%d files left", len(files))
	}
}

func TestAlignmentIsGoodThoughItCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := Cached(filepath.Join(file, "no", "folder"), "digest", 0.5, func() (*Alignment, error) { return solved, nil })
	if !errors.Is(err, ErrNotKept) || !strings.HasPrefix(err.Error(), "align: alignment is not kept on disk: ") || !reflect.DeepEqual(a, solved) {
		t.Errorf("got %v, %v", a, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(solved, [32]byte{}))
	f.Add([]byte(fileMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, ok := decode(data, [32]byte{}); ok && len(a.Wa) != a.D*a.D {
			t.Errorf("%d numbers for width %d", len(a.Wa), a.D)
		}
	})
}
