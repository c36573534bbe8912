//go:build cgo && (amd64 || arm64)

package compiled

// With a real plugin: what comes out of the folder computes what was compiled, in this process and the next, and what
// cannot be kept is computed all the same. What happens to spoilt files is in spoilt_linux_test.go.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/xlaengine/backend"
)

// onXLA opens the machine's XLA backend. Without one nothing is compiled, and there is nothing to keep.
func onXLA(t testing.TB) (b compute.Backend, plugin string) {
	t.Helper()
	found, err := backend.Find(context.Background(), backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if found.Path == "" {
		t.Skip("there is no XLA here, and the pure-Go backend compiles nothing")
	}
	if b, err = backend.Open(found); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b, found.Path
}

func keepIn(t testing.TB, plugin, dir string) func() Stats {
	t.Helper()
	stats, err := Keep(plugin, dir, plenty)
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

// run compiles softmax(x·xᵀ)·x + add [8, 8] and the sum of the squares of the softmax, and returns the bits of both.
func run(b compute.Backend, add float64) (bits []uint32, err error) {
	exec, err := graph.NewExec(b, func(x *graph.Node) (*graph.Node, *graph.Node) {
		weights := graph.Softmax(graph.MatMul(x, graph.Transpose(x, 0, 1)), -1)
		return graph.AddScalar(graph.MatMul(weights, x), add), graph.ReduceAllSum(graph.Square(weights))
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	x := make([][]float32, 8)
	for i := range x {
		for j := range 8 {
			x[i] = append(x[i], float32(math.Sin(float64(8*i+j))))
		}
	}
	y, sum, err := exec.Call2(x)
	if err != nil {
		return nil, err
	}
	defer y.FinalizeAll()
	defer sum.FinalizeAll()
	for _, row := range y.Value().([][]float32) {
		for _, v := range row {
			bits = append(bits, math.Float32bits(v))
		}
	}
	return append(bits, math.Float32bits(sum.Value().(float32))), nil
}

func mustRun(t testing.TB, b compute.Backend, add float64) []uint32 {
	t.Helper()
	bits, err := run(b, add)
	if err != nil {
		t.Fatal(err)
	}
	return bits
}

// counts fails unless that many programs were loaded, compiled, refused and not kept.
func counts(t testing.TB, when string, s Stats, loaded, compiled, refused, notKept int) {
	t.Helper()
	if got, want := [4]int{s.Loaded, s.Compiled, s.Refused, s.NotKept}, [4]int{loaded, compiled, refused, notKept}; got != want {
		t.Errorf("%s: loaded, compiled, refused, not kept are %v, want %v (%v)", when, got, want, s.Reason)
	}
}

func entries(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestLoadedProgramComputesTheSameBits(t *testing.T) {
	b, plugin := onXLA(t)
	dir := filepath.Join(t.TempDir(), "new", "programs")
	stats := keepIn(t, plugin, dir)
	want := mustRun(t, b, 1)
	counts(t, "compiled", stats(), 0, 1, 0, 0)
	if got := mustRun(t, b, 1); !slices.Equal(got, want) {
		t.Errorf("loaded program gives %x, compiled %x", got, want)
	}
	s := stats()
	counts(t, "loaded", s, 1, 1, 0, 0)
	if s.LoadTime <= 0 || s.CompileTime <= 0 {
		t.Errorf("loading took %v, compiling %v", s.LoadTime, s.CompileTime)
	}
	if other := mustRun(t, b, 2); slices.Equal(other, want) {
		t.Error("another program gives the same")
	}
	counts(t, "another program", stats(), 1, 2, 0, 0)

	files := entries(t, dir)
	if len(files) != 2 {
		t.Fatalf("files %v, want two", files)
	}
	for path, mode := range map[string]os.FileMode{dir: os.ModeDir | 0o700, files[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want mode %v", path, info.Mode(), err, mode)
		}
	}
}

// TestNextProcessLoads is what all this is for: the same program has the same key in another process.
func TestNextProcessLoads(t *testing.T) {
	const folderOfParent = "LATENTCHAIN_TEST_KEEP_IN"
	if dir := os.Getenv(folderOfParent); dir != "" {
		b, plugin := onXLA(t)
		stats := keepIn(t, plugin, dir)
		fmt.Printf("bits %x\n", mustRun(t, b, 3))
		counts(t, "next process", stats(), 1, 0, 0, 0)
		return
	}
	b, plugin := onXLA(t)
	dir := t.TempDir()
	keepIn(t, plugin, dir)
	want := fmt.Sprintf("bits %x\n", mustRun(t, b, 3))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNextProcessLoads$")
	cmd.Env = append(os.Environ(), folderOfParent+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("next process: %v\n%s\nwant %s", err, out, want)
	}
}

// TestManyCompileAtOnce has goroutines ask for the same few programs before any of them is kept.
func TestManyCompileAtOnce(t *testing.T) {
	b, plugin := onXLA(t)
	stats := keepIn(t, plugin, t.TempDir())
	want := make([][]uint32, 3)
	for i := range want {
		want[i] = mustRun(t, b, float64(10+i))
	}
	dir := t.TempDir()
	again := keepIn(t, plugin, dir)
	var group sync.WaitGroup
	for i := range 24 {
		group.Go(func() {
			got, err := run(b, float64(10+i%3))
			if err != nil || !slices.Equal(got, want[i%3]) {
				t.Errorf("program %d: %x, %v; want %x", i%3, got, err, want[i%3])
			}
		})
	}
	group.Wait()
	counts(t, "first folder", stats(), 0, 3, 0, 0)
	s := again()
	if s.Loaded+s.Compiled != 24 || s.Compiled < 3 || s.Refused+s.NotKept != 0 || len(entries(t, dir)) != 3 {
		t.Errorf("second folder: %+v, files %v", s, entries(t, dir))
	}
}

func TestProgramsRunThoughTheyCannotBeKept(t *testing.T) {
	b, plugin := onXLA(t)
	want := mustRun(t, b, 5)
	for _, c := range []struct {
		claim  string
		limit  int64
		spoil  func(dir string) error
		reason string
	}{
		{"too large", 100, func(string) error { return nil }, "may have 100"},
		{"the folder is gone", plenty, os.RemoveAll, "no such file"},
	} {
		dir := t.TempDir()
		stats, err := Keep(plugin, dir, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.spoil(dir); err != nil {
			t.Fatal(err)
		}
		if got := mustRun(t, b, 5); !slices.Equal(got, want) {
			t.Errorf("%s: got %x, want %x", c.claim, got, want)
		}
		s := stats()
		counts(t, c.claim, s, 0, 1, 0, 1)
		if s.Reason == nil || !strings.Contains(s.Reason.Error(), c.reason) {
			t.Errorf("%s: reason %v, want one with %q", c.claim, s.Reason, c.reason)
		}
	}
}

// TestReplacedPluginKeepsNothing has another file in the place of the one that was loaded: what the loaded one compiles
// must not be found by who loads the other.
func TestReplacedPluginKeepsNothing(t *testing.T) {
	_, path := onXLA(t)
	dir := t.TempDir()
	link, other := filepath.Join(dir, "plugin.so"), filepath.Join(dir, "other.so")
	if err := errors.Join(os.Symlink(path, link), os.WriteFile(other, []byte("newer"), 0o644)); err != nil {
		t.Fatal(err)
	}
	b, err := backend.Open(backend.Found{Config: "xla:" + link, Kind: backend.XLACPU, Path: link})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	if _, err := Keep(link, t.TempDir(), plenty); err != nil {
		t.Errorf("through a link: %v", err)
	}
	if err := errors.Join(os.Remove(link), os.Symlink(other, link)); err != nil {
		t.Fatal(err)
	}
	if stats, err := Keep(link, t.TempDir(), plenty); stats != nil || err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("replaced: %v, want an error that says so", err)
	}
}

func TestCompileErrorsAreTheCallers(t *testing.T) {
	_, path := onXLA(t)
	stats := keepIn(t, path, t.TempDir())
	plugin, err := pjrt.GetPlugin(path)
	if err != nil {
		t.Fatal(err)
	}
	client, err := plugin.NewClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Destroy()
	const program = `func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
		%y = stablehlo.custom_call @nobody_has_this(%x) : (tensor<4xf32>) -> tensor<4xf32>
		return %y : tensor<4xf32>
	}`
	if _, err := client.Compile().WithStableHLO([]byte(program)).Done(); err == nil || !strings.Contains(err.Error(), "nobody_has_this") {
		t.Errorf("compiling what calls an unknown function: %v, want the plugin's error", err)
	}
	counts(t, "nothing compiled", stats(), 0, 0, 0, 0)
}

// BenchmarkStart has what a start pays for a small program that is not kept and for one that is.
func BenchmarkStart(b *testing.B) {
	device, plugin := onXLA(b)
	for _, way := range []string{"compile", "load"} {
		b.Run(way, func(b *testing.B) {
			stats := keepIn(b, plugin, b.TempDir())
			for i := 0; b.Loop(); i++ {
				add := 0.5
				if way == "compile" {
					add += float64(i)
				}
				mustRun(b, device, add)
			}
			s := stats()
			b.ReportMetric(float64((s.LoadTime+s.CompileTime).Microseconds())/float64(s.Loaded+s.Compiled), "µs/program")
		})
	}
}
