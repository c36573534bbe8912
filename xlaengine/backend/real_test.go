package backend

// These tests use the real world: the backend this machine has, and, when LATENTCHAIN_TEST_NETWORK=1 allows it,
// pip and the network (63 MB).

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// TestCheckOnThisMachine opens what is installed or was fetched before, pure Go if nothing, and runs a program.
func TestCheckOnThisMachine(t *testing.T) {
	found, err := Find(t.Context(), Options{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	checkOpens(t, found)
}

// TestPluginOfAnyNameSaysItsPlatform has the machine's CPU plugin under a name that tells nothing.
func TestPluginOfAnyNameSaysItsPlatform(t *testing.T) {
	found, err := Find(t.Context(), Options{Plugin: "cpu", Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	if found.Path == "" {
		t.Skip("there is no XLA here")
	}
	link := filepath.Join(t.TempDir(), "mine.so")
	if err := os.Symlink(found.Path, link); err != nil {
		t.Fatal(err)
	}
	if got := platform(link); got != "cpu" {
		t.Errorf("platform is %q", got)
	}
}

func checkOpens(t *testing.T, found Found) {
	t.Helper()
	b, err := Open(found)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	line, err := Check(b)
	if err != nil || strings.Contains(line, "\n") {
		t.Fatalf("Check: %q, %v", line, err)
	}
	t.Logf("%+v: %s", found, line)
}

func TestRealWheelIsFetchedAndRuns(t *testing.T) {
	if !wheel.Truthy(os.Getenv("LATENTCHAIN_TEST_NETWORK")) {
		t.Skip("LATENTCHAIN_TEST_NETWORK is not 1: this downloads 63 MB")
	}
	dir := t.TempDir()
	t.Setenv("LATENTCHAIN_OFFLINE", "")
	t.Setenv("GOMLX_BACKEND", "")
	var last string
	s, err := newSearch(Options{CacheDir: dir, Progress: func(what string, done, total int64) {
		if done == total || what != last {
			t.Logf("%s: %d of %d", what, done, total)
		}
		last = what
	}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.fetchWheel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkOpens(t, found)

	again, err := Find(t.Context(), Options{CacheDir: dir, Plugin: "cpu", Offline: true})
	if err != nil || again.Path == "" {
		t.Errorf("offline afterwards: %+v, %v", again, err)
	}
}

// TestPluginIsSilent opens the machine's backend in a process of its own: a plugin that logs would spoil what the
// program prints, and the log level must reach C++ through the environment Go sets.
func TestPluginIsSilent(t *testing.T) {
	if os.Getenv("LATENTCHAIN_TEST_SILENT") == "child" {
		found, err := Find(t.Context(), Options{Offline: true})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Open(found)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Check(b); err != nil {
			t.Fatal(err)
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPluginIsSilent$")
	cmd.Env = append(os.Environ(), "LATENTCHAIN_TEST_SILENT=child", "TF_CPP_MIN_LOG_LEVEL=")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	said, _, _ := strings.Cut(string(out), "coverage: ") // the test program's own line
	if err != nil || said != "PASS\n" || errs.String() != "" {
		t.Errorf("%v; standard output %q, standard error %q", err, out, errs.String())
	}
}
