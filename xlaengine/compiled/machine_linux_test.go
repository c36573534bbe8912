//go:build cgo

package compiled

// What makes two programs different, and what a plugin must be like to be touched.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEveryPartIsInTheKey(t *testing.T) {
	parts := func(change int, to string) (all [][]byte) {
		for i, p := range []string{"code", "mlir", "options", "cpu", "1.2", "kind", "made for"} {
			if i == change {
				p = to
			}
			all = append(all, []byte(p))
		}
		return all
	}
	seen := map[key]int{keyOf(parts(-1, "")...): -1}
	for i := range 7 {
		for _, to := range []string{"", "other"} {
			k := keyOf(parts(i, to)...)
			if before, found := seen[k]; found {
				t.Errorf("part %d changed to %q has the key of change %d", i, to, before)
			}
			seen[k] = i
		}
	}
	if keyOf([]byte("ab"), []byte("c")) == keyOf([]byte("a"), []byte("bc")) {
		t.Error("bytes move from one part to the next unseen")
	}
}

func TestAnotherPluginFileIsAnotherPlugin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin.so")
	write := func(text string, at time.Time) string {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		_, id, err := pluginIdentity(path)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	then := time.Unix(1e9, 0)
	first := write("one", then)
	for claim, id := range map[string]string{"another time": write("one", then.Add(1)), "another size": write("three", then)} {
		if id == first {
			t.Errorf("%s: still %s", claim, id)
		}
	}
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	write("one", then)
	if _, id, err := pluginIdentity(link); id != first || err != nil {
		t.Errorf("through a link it is %s (%v), want %s", id, err, first)
	}
}

func TestProcessorsAreToldApart(t *testing.T) {
	const xeon = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 143\ncpu MHz\t\t: 2000.1\nflags\t\t: fpu avx2\n\n"
	one := processors(xeon)
	if want := "flags\t\t: fpu avx2\nmodel\t\t: 143\nvendor_id\t: GenuineIntel"; one != want {
		t.Errorf("got %q, want %q", one, want)
	}
	if again := strings.NewReplacer("processor\t: 0", "processor\t: 1", "2000.1", "3100.7").Replace(xeon); processors(xeon+again) != one {
		t.Error("more cores of the same kind, or their clock, make another processor")
	}
	for _, changed := range []string{strings.Replace(xeon, "avx2", "avx2 avx512f", 1), strings.Replace(xeon, "143", "85", 1), ""} {
		if processors(changed) == one {
			t.Errorf("%q passes for %q", changed, xeon)
		}
	}
	if here, err := machineIdentity(); err != nil || len(here) < 50 {
		t.Errorf("this machine is %q, %v", here, err)
	}
}

func TestXLAFlagsAreInTheMachine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags")
	if err := os.WriteFile(file, []byte("--xla_b=2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{"": "", "--xla_a=1": "--xla_a=1", " --xla_a=1": " --xla_a=1", file: "--xla_b=2"} {
		t.Setenv("XLA_FLAGS", value)
		if id, err := machineIdentity(); err != nil || !strings.HasSuffix(id, "\n"+want) {
			t.Errorf("XLA_FLAGS=%q: %q, %v", value, id, err)
		}
	}
	t.Setenv("XLA_FLAGS", file+".gone")
	if _, err := machineIdentity(); err == nil {
		t.Error("flags that cannot be read are taken for none")
	}
}

func TestWhatIsNoLoadedPluginIsNotTouched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugin.so")
	if err := os.WriteFile(file, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "open a backend with it first", file + ".gone": "no such file"} {
		if stats, err := Keep(path, t.TempDir(), 1<<20); stats != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", path, err, want)
		}
	}
}
