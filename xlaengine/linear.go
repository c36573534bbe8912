package xlaengine

// Products with weights as graphs, and how graphs call kernels. They panic as GoMLX does.

import (
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/xlaengine/kernels"
)

// linear is x [n, in] · wᵀ + bias, w [out, in] and bias [out], which may be nil.
func (d decoder) linear(x, w, bias *graph.Node) *graph.Node {
	y := graph.ConvertDType(d.product(x, w), x.DType())
	if bias != nil {
		y = graph.Add(y, graph.ExpandLeftToRank(bias, y.Rank()))
	}
	return y
}

// product is x [n, in] · wᵀ, by a kernel if there is one. With XLA alone on a CPU, few rows are bound by the reading of w;
// it goes fastest with w as the left operand and cut into a batch of shares, which all cores then read at once
// (docs/performance.md).
func (d decoder) product(x, w *graph.Node) *graph.Node {
	n, in, out := x.Shape().Dimensions[0], x.Shape().Dimensions[1], w.Shape().Dimensions[0]
	if d.kernels {
		if y := d.kernel(kernels.Product(n, in, out), []*graph.Node{x, w}, n, out); y != nil {
			return y
		}
	}
	shares := d.shares(n, out)
	if shares == 1 {
		return graph.Dot(x, w).General([]int{1}, nil, []int{1}, nil)
	}
	wide := graph.BroadcastToDims(graph.Reshape(x, 1, n, in), shares, n, in)
	y := graph.Dot(graph.Reshape(w, shares, out/shares, in), wide).General([]int{2}, []int{0}, []int{2}, []int{0})
	return graph.Reshape(graph.TransposeAllAxes(y, 2, 0, 1), n, out) // [shares, out/shares, n] → [n, out]
}

// few is how many rows are bound by the reading of the weights.
const few = 16

// kernel calls the kernel of that name, whose result is [rows, columns] float32; nil if there is none (""). In the graph it
// is a function whose body is never run: NaN, so that it would not go unnoticed. (The body cannot be what the kernel
// computes: go-xla v0.4.1 has no reductions in functions.)
func (d decoder) kernel(name string, inputs []*graph.Node, rows, columns int) *graph.Node {
	if name == "" {
		return nil
	}
	f := d.functions[name]
	if f == nil {
		f = graph.NewFunction(inputs[0].Graph(), name, func(g *graph.Graph) []*graph.Node {
			for i, x := range inputs {
				graph.Parameter(g, fmt.Sprintf("in%d", i), x.Shape())
			}
			return []*graph.Node{graph.BroadcastToDims(graph.Const(g, float32(math.NaN())), rows, columns)}
		})
		d.functions[name] = f
	}
	return f.Call(inputs...)[0]
}

// shares is how many parts a matrix with out rows is cut into for n rows of input; 1 leaves it whole.
func (d decoder) shares(n, out int) int {
	if d.cores <= 1 || n > few {
		return 1
	}
	shares := d.cores
	if n == 1 {
		shares = 2 * d.cores
	}
	for out%shares != 0 {
		shares--
	}
	return shares
}
