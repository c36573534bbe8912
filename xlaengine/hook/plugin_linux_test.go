//go:build cgo && (amd64 || arm64)

package hook

// With a real plugin: what is compiled is what was rewritten, by whom it is around, and what cannot be hooked is said.

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/xlaengine/backend"
)

// onXLA opens the machine's XLA backend.
func onXLA(t testing.TB) (b compute.Backend, plugin string) {
	t.Helper()
	found, err := backend.Find(context.Background(), backend.Options{Plugin: "cpu"})
	if err != nil {
		t.Fatal(err)
	}
	if found.Path == "" {
		t.Skip("there is no XLA here")
	}
	if b, err = backend.Open(found); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b, found.Path
}

// sum returns 1+2, as a program computes it.
func sum(b compute.Backend) (float32, error) {
	exec, err := graph.NewExec(b, func(x, y *graph.Node) *graph.Node { return graph.Add(x, y) })
	if err != nil {
		return 0, err
	}
	defer exec.Finalize()
	out, err := exec.Call1(float32(1), float32(2))
	if err != nil {
		return 0, err
	}
	defer out.FinalizeAll()
	return out.Value().(float32), nil
}

// plain has nobody hooked in after the test.
func plain(t *testing.T, plugin string) {
	t.Cleanup(func() {
		if err := errors.Join(
			Rewrite(plugin, func([]byte) []byte { return nil }),
			Around(plugin, func(c *Compilation) { c.Compile() }),
		); err != nil {
			t.Error(err)
		}
	})
}

func TestRewrittenCodeIsCompiled(t *testing.T) {
	b, plugin := onXLA(t)
	plain(t, plugin)
	if got, err := sum(b); err != nil || got != 3 {
		t.Fatalf("before: %g, %v", got, err)
	}
	if err := Rewrite(plugin, func(code []byte) []byte {
		return bytes.ReplaceAll(code, []byte("stablehlo.add"), []byte("stablehlo.subtract"))
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := sum(b); err != nil || got != -1 {
		t.Errorf("1+2 as 1-2 is %g, %v", got, err)
	}
	var seen []byte
	if err := Around(plugin, func(c *Compilation) {
		source, err := c.Source()
		if err != nil {
			t.Error(err)
		}
		seen = bytes.Clone(source[0])
		c.Compile()
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := sum(b); err != nil || got != -1 || !bytes.Contains(seen, []byte("stablehlo.subtract")) {
		t.Errorf("around the compiler: %g, %v, the code is\n%s", got, err, seen)
	}
	if err := Rewrite(plugin, func([]byte) []byte { return []byte("nonsense") }); err != nil {
		t.Fatal(err)
	}
	if _, err := sum(b); err == nil {
		t.Error("nonsense is compiled")
	}
}

func TestWhatIsNoLoadedPluginIsNotHooked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugin.so")
	if err := os.WriteFile(file, []byte("no library"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _, notLoaded := Loaded(file)
	for claim, err := range map[string]error{
		"Loaded":   notLoaded,
		"Around":   Around(file, func(*Compilation) {}),
		"Rewrite":  Rewrite(file, func([]byte) []byte { return nil }),
		"Register": Register(file, "f", nil),
	} {
		if err == nil || !strings.Contains(err.Error(), "open a backend with it first") {
			t.Errorf("%s: %v", claim, err)
		}
	}
}
