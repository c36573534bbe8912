//go:build cgo && (amd64 || arm64)

package kernels

// The kernels as programs call them, each variant that this processor runs, against sums in float64.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/latentchain/latentchain/xlaengine/backend"
)

// onXLA opens the machine's CPU plugin and has it use the kernels.
func onXLA(t testing.TB) compute.Backend {
	t.Helper()
	found, err := backend.Find(context.Background(), backend.Options{Plugin: "cpu"})
	if err != nil {
		t.Fatal(err)
	}
	if found.Kind != backend.XLACPU {
		t.Skip("there is no XLA here")
	}
	b, err := backend.Open(found)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	if err := Use(found.Path, 3); errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return b
}

// eachVariant runs test with every variant there is for this processor.
func eachVariant(t *testing.T, test func(t *testing.T)) {
	t.Cleanup(func() { choose("") })
	for _, variant := range []string{"avx512", "avx2", "plain"} {
		t.Run(variant, func(t *testing.T) {
			if choose(variant) != variant {
				t.Skip("not on this processor")
			}
			test(t)
		})
	}
}

// array is a tensor of float32.
type array struct {
	dims []int
	data []float32
}

func random(r *rand.Rand, dims ...int) array {
	n := 1
	for _, d := range dims {
		n *= d
	}
	a := array{dims, make([]float32, n)}
	for i := range a.data {
		a.data[i] = float32(r.NormFloat64())
	}
	return a
}

// kernel is a program that calls the kernel of that name, its result [rows, columns].
type kernel struct {
	exec *graph.Exec
}

func compile(t testing.TB, b compute.Backend, name string, rows, columns int) kernel {
	t.Helper()
	if name == "" {
		t.Fatal("there is no kernel for these sizes")
	}
	exec, err := graph.NewExec(b, func(in []*graph.Node) *graph.Node {
		f := graph.NewFunction(in[0].Graph(), name, func(g *graph.Graph) []*graph.Node {
			for i, x := range in {
				graph.Parameter(g, fmt.Sprint("in", i), x.Shape())
			}
			return []*graph.Node{graph.Zeros(g, shapes.Make(dtypes.Float32, rows, columns))}
		})
		return f.Call(in...)[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(exec.Finalize)
	return kernel{exec}
}

func (k kernel) run(inputs []any) ([]float32, error) {
	out, err := k.exec.Call1(inputs...)
	if err != nil {
		return nil, err
	}
	defer out.FinalizeAll()
	return tensors.CopyFlatData[float32](out)
}

func (k kernel) mustRun(t testing.TB, inputs []any) []float32 {
	t.Helper()
	out, err := k.run(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tensor(a array) *tensors.Tensor { return tensors.FromFlatDataAndDimensions(a.data, a.dims...) }

// close32 fails unless got is within 4e-6 of the largest number of want, which is what float32 loses in a sum.
func close32(t *testing.T, claim string, got []float32, want []float64) {
	t.Helper()
	largest := 0.0
	for _, w := range want {
		largest = max(largest, math.Abs(w))
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= 4e-6*largest) {
			t.Fatalf("%s: number %d is %g, want %g", claim, i, got[i], want[i])
		}
	}
}

func TestProductsAreSums(t *testing.T) {
	b := onXLA(t)
	eachVariant(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, c := range []struct{ n, in, out int }{
			{1, 16, 1}, {1, 576, 960}, {2, 64, 7}, {3, 64, 512}, {4, 160, 49}, {5, 576, 47}, {7, 32, 48}, {8, 1536, 576},
			{13, 64, 50}, {16, 576, 97}, {64, 576, 960}, {100, 160, 64}, {260, 64, 128}, {300, 1536, 96},
		} {
			x, w := random(r, c.n, c.in), random(r, c.out, c.in)
			want := make([]float64, c.n*c.out)
			for i := range c.n {
				for o := range c.out {
					for k := range c.in {
						want[i*c.out+o] += float64(x.data[i*c.in+k]) * float64(w.data[o*c.in+k])
					}
				}
			}
			got := compile(t, b, Product(c.n, c.in, c.out), c.n, c.out).mustRun(t, []any{tensor(x), tensor(w)})
			close32(t, fmt.Sprint(c), got, want)
			for i := 0; i < c.n; i += max(1, c.n/5) {
				alone := compile(t, b, Product(1, c.in, c.out), 1, c.out).mustRun(t, []any{tensor(array{[]int{1, c.in}, x.data[i*c.in:][:c.in]}), tensor(w)})
				if !slices.Equal(alone, got[i*c.out:][:c.out]) {
					t.Errorf("%v: row %d has other bits among others than alone", c, i)
				}
			}
		}
	})
}

// attentionCase is a call of the attention kernel.
type attentionCase struct {
	t, heads, groups, dim, slots, window int
	past                                 []int32
}

func (c attentionCase) name() string {
	return Attention(len(c.past), c.t, c.heads, c.groups, c.dim, c.slots, c.window)
}

// operands are q and, by row, new keys and values and those of the caches, whose unused slots are NaN.
type operands struct {
	q                                array
	newKeys, newValues, keys, values []array
}

func (c attentionCase) random(r *rand.Rand) (o operands) {
	rows := len(c.past)
	o.q = random(r, rows*c.t, c.heads, c.dim)
	for row := range rows {
		o.newKeys, o.newValues = append(o.newKeys, random(r, c.groups, c.dim, c.t)), append(o.newValues, random(r, c.groups, c.t, c.dim))
		if c.slots == 0 {
			continue
		}
		k, v := random(r, c.groups, c.dim, c.slots), random(r, c.groups, c.slots, c.dim)
		for i := range k.data {
			if i%c.slots >= int(c.past[row]) {
				k.data[i] = float32(math.NaN())
			}
			if i/c.dim%c.slots >= int(c.past[row]) {
				v.data[i] = float32(math.NaN())
			}
		}
		o.keys, o.values = append(o.keys, k), append(o.values, v)
	}
	return o
}

// inputs are the operands of rows [from, to).
func (c attentionCase) inputs(o operands, from, to int) []any {
	size := c.t * c.heads * c.dim
	q := array{[]int{(to - from) * c.t, c.heads, c.dim}, o.q.data[from*size : to*size]}
	in := []any{tensor(q), tensors.FromFlatDataAndDimensions(c.past[from:to], to-from)}
	for r := from; r < to; r++ {
		in = append(in, tensor(o.newKeys[r]), tensor(o.newValues[r]))
	}
	for r := from; r < to && c.slots > 0; r++ {
		in = append(in, tensor(o.keys[r]), tensor(o.values[r]))
	}
	return in
}

// want is the attention in float64, a position after the other.
func (c attentionCase) want(o operands) []float64 {
	var out []float64
	for row, past := range c.past {
		for t := range c.t {
			for h := range c.heads {
				g := h / (c.heads / c.groups)
				q := o.q.data[((row*c.t+t)*c.heads+h)*c.dim:][:c.dim]
				last := int(past) + t
				first := 0
				if c.window > 0 {
					first = max(0, last-c.window+1)
				}
				sum, y := 0.0, make([]float64, c.dim)
				for p := first; p <= last; p++ {
					key, value, at, slots := o.newKeys[row], o.newValues[row], p-int(past), c.t
					if p < int(past) {
						key, value, at, slots = o.keys[row], o.values[row], p, c.slots
					}
					score := 0.0
					for d := range c.dim {
						score += float64(q[d]) * float64(key.data[(g*c.dim+d)*slots+at])
					}
					weight := math.Exp(score)
					sum += weight
					for d := range c.dim {
						y[d] += weight * float64(value.data[(g*slots+at)*c.dim+d])
					}
				}
				for d := range y {
					out = append(out, y[d]/sum)
				}
			}
		}
	}
	return out
}

func TestAttentionIsASoftmax(t *testing.T) {
	b := onXLA(t)
	eachVariant(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, c := range []attentionCase{
			{t: 1, heads: 1, groups: 1, dim: 16, past: []int32{0}},
			{t: 1, heads: 9, groups: 3, dim: 64, slots: 384, past: []int32{300}},
			{t: 1, heads: 9, groups: 3, dim: 64, slots: 384, past: []int32{0, 1, 15, 16, 17, 383, 384, 100}},
			{t: 1, heads: 4, groups: 2, dim: 32, slots: 1536, past: []int32{1500, 511, 512, 513}},
			{t: 1, heads: 8, groups: 1, dim: 128, slots: 64, past: []int32{40}},
			{t: 1, heads: 14, groups: 2, dim: 80, slots: 32, past: []int32{31}},
			{t: 1, heads: 2, groups: 2, dim: 512, slots: 32, past: []int32{20}},
			{t: 4, heads: 9, groups: 3, dim: 64, slots: 384, past: []int32{7, 380}},
			{t: 7, heads: 4, groups: 4, dim: 16, slots: 16, past: []int32{9}},
			{t: 16, heads: 4, groups: 2, dim: 16, past: []int32{0, 0}},
			{t: 64, heads: 9, groups: 3, dim: 64, slots: 384, past: []int32{0, 200}},
			{t: 256, heads: 6, groups: 2, dim: 64, slots: 512, past: []int32{130}},
			{t: 1, heads: 4, groups: 2, dim: 16, slots: 64, window: 8, past: []int32{0, 3, 7, 8, 40}},
			{t: 1, heads: 4, groups: 2, dim: 16, slots: 1536, window: 600, past: []int32{1400, 599, 600, 601}},
			{t: 4, heads: 4, groups: 2, dim: 16, slots: 64, window: 3, past: []int32{0, 1, 2, 40}},
			{t: 64, heads: 4, groups: 2, dim: 16, slots: 64, window: 24, past: []int32{0, 10, 60}},
			{t: 64, heads: 2, groups: 1, dim: 16, slots: 64, window: 1, past: []int32{60}},
		} {
			o := c.random(r)
			rows, width := len(c.past), c.heads*c.dim
			got := compile(t, b, c.name(), rows*c.t, width).mustRun(t, c.inputs(o, 0, rows))
			close32(t, fmt.Sprint(c), got, c.want(o))
			one := c
			one.past = c.past[:1]
			for row := range rows {
				alone := compile(t, b, one.name(), c.t, width).mustRun(t, c.inputs(o, row, row+1))
				if !slices.Equal(alone, got[row*c.t*width:][:c.t*width]) {
					t.Errorf("%v: row %d has other bits among others than alone", c, row)
				}
			}
		}
	})
}

// TestPositionsTogetherAreThoseAlone has new positions come at once and one after the other, each with those before it in
// the cache.
func TestPositionsTogetherAreThoseAlone(t *testing.T) {
	b := onXLA(t)
	eachVariant(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, c := range []attentionCase{
			{t: 4, heads: 9, groups: 3, dim: 64, slots: 384, past: []int32{0, 7, 300, 15, 380}},
			{t: 7, heads: 4, groups: 1, dim: 16, slots: 1536, past: []int32{509, 1021, 1200}},
			{t: 4, heads: 4, groups: 2, dim: 16, slots: 64, window: 3, past: []int32{0, 1, 2, 40}},
			{t: 4, heads: 4, groups: 2, dim: 16, slots: 1536, window: 512, past: []int32{1020, 1022, 511}},
			{t: 16, heads: 3, groups: 1, dim: 80, slots: 528, past: []int32{500, 3}},
			{t: 64, heads: 2, groups: 1, dim: 16, slots: 1088, window: 600, past: []int32{1000, 490}},
		} {
			o := c.random(r)
			rows, width := len(c.past), c.heads*c.dim
			together := compile(t, b, c.name(), rows*c.t, width).mustRun(t, c.inputs(o, 0, rows))
			one := c
			one.t = 1
			alone := compile(t, b, one.name(), rows, width)
			for at := range c.t {
				step := operands{keys: o.keys, values: o.values, q: array{[]int{rows, c.heads, c.dim}, nil}}
				one.past = nil
				for row, past := range c.past {
					k, v := array{[]int{c.groups, c.dim, 1}, nil}, array{[]int{c.groups, 1, c.dim}, nil}
					for g := range c.groups {
						for d := range c.dim {
							k.data = append(k.data, o.newKeys[row].data[(g*c.dim+d)*c.t+at])
							v.data = append(v.data, o.newValues[row].data[(g*c.t+at)*c.dim+d])
						}
					}
					step.newKeys, step.newValues = append(step.newKeys, k), append(step.newValues, v)
					step.q.data = append(step.q.data, o.q.data[(row*c.t+at)*width:][:width]...)
					one.past = append(one.past, past+int32(at))
				}
				got := alone.mustRun(t, one.inputs(step, 0, rows))
				for row, past := range one.past {
					if want := together[(row*c.t+at)*width:][:width]; !slices.Equal(got[row*width:][:width], want) {
						t.Errorf("%v: new position %d of row %d has other bits together than alone", c, at, row)
					}
					for g := range c.groups { // it is in the cache from here on
						for d := range c.dim {
							o.keys[row].data[(g*c.dim+d)*c.slots+int(past)] = step.newKeys[row].data[g*c.dim+d]
							o.values[row].data[(g*c.slots+int(past))*c.dim+d] = step.newValues[row].data[g*c.dim+d]
						}
					}
				}
			}
		}
	})
}

// TestProgramsSideBySide has calls meet in the pool, where one has the threads and the others do their work alone.
func TestProgramsSideBySide(t *testing.T) {
	b := onXLA(t)
	r := rand.New(rand.NewPCG(5, 6))
	x, w := random(r, 8, 64), random(r, 960, 64)
	k := compile(t, b, Product(8, 64, 960), 8, 960)
	want := k.mustRun(t, []any{tensor(x), tensor(w)})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			inputs := []any{tensor(x), tensor(w)}
			for range 200 {
				if got, err := k.run(inputs); err != nil || !slices.Equal(got, want) {
					t.Errorf("other numbers than alone (%v)", err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestUseWantsALoadedPlugin(t *testing.T) {
	if err := Use(t.TempDir()+"/plugin.so", 1); err == nil {
		t.Error("a plugin that is not there is used")
	}
}
