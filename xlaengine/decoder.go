package xlaengine

// The decoder as GoMLX graphs: embedding, one layer, final norm, unembedding. A block of layers is compiled once for a
// shape and called for each block with its layers' weights; shapes are [rows·t, dim] throughout, so that the matrix
// products do not care how many rows there are. Attention is in attention.go, products in linear.go. Functions here
// build graphs and panic as GoMLX's do.

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/xlaengine/config"
)

// decoder builds the graphs of one model.
type decoder struct {
	config.Config
	dtype dtypes.DType
	cores int // of the CPU the programs run on; 0 for other devices
	// kernels says whether the programs' CPU has package kernels.
	kernels bool
	// functions are those of the graph that is being built, by name.
	functions map[string]*graph.Function
}

// in returns the decoder for building g.
func (d decoder) in(g *graph.Graph) decoder {
	d.functions = map[string]*graph.Function{}
	return d
}

// step is the shape of one call: rows side by side, each with t new positions over a past of up to slots positions.
type step struct{ rows, t, slots int }

func (s step) String() string { return fmt.Sprintf("%dx%d over %d", s.rows, s.t, s.slots) }

// embed builds ids [n, 1] → x [n, dim].
func (d decoder) embed(n int) func(*graph.Graph) []*graph.Node {
	return func(g *graph.Graph) []*graph.Node {
		win := graph.Parameter(g, "win", shapes.Make(d.dtype, d.Vocab, d.Dim))
		ids := graph.Parameter(g, "ids", shapes.Make(dtypes.Int32, n, 1))
		return []*graph.Node{graph.Gather(win, ids)}
	}
}

// layerWeights are the parameters of one layer, in the order params.go uploads them. Absent ones are nil.
type layerWeights struct {
	attnNorm, qkv, qkvBias, qNorm, kNorm, out, outBias *graph.Node
	mlpNorm, gateUp, gateUpBias, down, downBias        *graph.Node
}

// layerShapes gives the shapes of the weights of a layer; what the architecture lacks is left out.
func (d decoder) layerShapes() []weightShape {
	q, kv := d.Heads*d.HeadDim, d.KVHeads*d.HeadDim
	all := []weightShape{
		{"attnNorm", []int{d.Dim}, true},
		{"qkv", []int{q + 2*kv, d.Dim}, true},
		{"qkvBias", []int{q + 2*kv}, d.QKVBias},
		{"qNorm", []int{d.HeadDim}, d.QKNorm},
		{"kNorm", []int{d.HeadDim}, d.QKNorm},
		{"out", []int{d.Dim, q}, true},
		{"outBias", []int{d.Dim}, d.OutBias},
		{"mlpNorm", []int{d.Dim}, true},
		{"gateUp", []int{2 * d.FFN, d.Dim}, true},
		{"gateUpBias", []int{2 * d.FFN}, d.MLPBias},
		{"down", []int{d.Dim, d.FFN}, true},
		{"downBias", []int{d.Dim}, d.MLPBias},
	}
	present := all[:0]
	for _, w := range all {
		if w.present {
			present = append(present, w)
		}
	}
	return present
}

type weightShape struct {
	name    string
	dims    []int
	present bool
}

func (d decoder) layerParameters(g *graph.Graph, layer int) layerWeights {
	var w layerWeights
	into := map[string]**graph.Node{
		"attnNorm": &w.attnNorm, "qkv": &w.qkv, "qkvBias": &w.qkvBias, "qNorm": &w.qNorm, "kNorm": &w.kNorm,
		"out": &w.out, "outBias": &w.outBias, "mlpNorm": &w.mlpNorm, "gateUp": &w.gateUp, "gateUpBias": &w.gateUpBias,
		"down": &w.down, "downBias": &w.downBias,
	}
	for _, s := range d.layerShapes() {
		*into[s.name] = graph.Parameter(g, fmt.Sprintf("%s%d", s.name, layer), shapes.Make(d.dtype, s.dims...))
	}
	return w
}

// block builds len(windows) decoder layers, one after the other:
//
//	x [rows·t, dim], cos and sin [rows·t, head_dim/2], past [rows] int32, then for each layer its weights and for each
//	row its cache of that layer: keys [kv, head_dim, slots] and values [kv, slots, head_dim]   (none when slots = 0)
//	→ x [rows·t, dim], then for each layer new keys [rows, kv, head_dim, t] and new values [rows, kv, t, head_dim]
//
// A new position sees the first past[row] slots of its row's cache and the new positions up to itself, one softmax
// over both; with a window, only the last window positions of those. The caches are read, never written: the
// caller stores the new keys and values. New positions past a row's end are padding: nothing before them sees them.
//
// With picks, block ends the model for as many positions: it takes the final norm [dim] and at [picks, 1] int32, indices
// into rows·t, last, and gives hidden [picks, dim] float32 in the place of x. What the last layer makes of the other
// positions, but for keys and values, is not computed.
func (d decoder) block(s step, windows []int, picks int) func(*graph.Graph) []*graph.Node {
	return func(g *graph.Graph) []*graph.Node {
		d := d.in(g)
		in := layerInput{
			x:    graph.Parameter(g, "x", shapes.Make(d.dtype, s.rows*s.t, d.Dim)),
			cos:  graph.Parameter(g, "cos", shapes.Make(dtypes.Float32, s.rows*s.t, d.HeadDim/2)),
			sin:  graph.Parameter(g, "sin", shapes.Make(dtypes.Float32, s.rows*s.t, d.HeadDim/2)),
			past: graph.Parameter(g, "past", shapes.Make(dtypes.Int32, s.rows)),
		}
		var stored []*graph.Node
		for i, window := range windows {
			w := d.layerParameters(g, i)
			in.keys, in.values = nil, nil
			for r := 0; r < s.rows && s.slots > 0; r++ {
				in.keys = append(in.keys, graph.Parameter(g, fmt.Sprintf("k%d.%d", i, r), shapes.Make(d.dtype, d.KVHeads, d.HeadDim, s.slots)))
				in.values = append(in.values, graph.Parameter(g, fmt.Sprintf("v%d.%d", i, r), shapes.Make(d.dtype, d.KVHeads, s.slots, d.HeadDim)))
			}
			if picks > 0 && i == len(windows)-1 {
				in.finalNorm = graph.Parameter(g, "norm", shapes.Make(d.dtype, d.Dim))
				in.at = graph.Parameter(g, "at", shapes.Make(dtypes.Int32, picks, 1))
			}
			x, k, v := d.layer(s, w, in, window)
			in.x = x
			stored = append(stored, k, v)
		}
		if picks > 0 {
			in.x = graph.ConvertDType(d.norm(in.x, in.finalNorm), dtypes.Float32)
		}
		return append([]*graph.Node{in.x}, stored...)
	}
}

// layerInput is what a layer reads besides its weights; keys and values have one entry a row.
type layerInput struct {
	x, cos, sin, past *graph.Node
	keys, values      []*graph.Node
	finalNorm, at     *graph.Node // nil, or what ends the model
}

func (d decoder) layer(s step, w layerWeights, in layerInput, window int) (x, newKeys, newValues *graph.Node) {
	x = in.x
	h := d.norm(x, w.attnNorm)
	qkv := d.linear(h, w.qkv, w.qkvBias)
	q, kv := d.Heads*d.HeadDim, d.KVHeads*d.HeadDim
	n := s.rows * s.t
	query := graph.MulScalar(d.heads(columns(qkv, 0, q), n, d.Heads, w.qNorm, in), 1/math.Sqrt(float64(d.HeadDim)))
	key := d.heads(columns(qkv, q, q+kv), n, d.KVHeads, w.kNorm, in)
	value := graph.Reshape(columns(qkv, q+kv, q+2*kv), n, d.KVHeads, d.HeadDim)

	var new newPositions
	for r := range s.rows {
		rows := graph.AxisRange(r*s.t, (r+1)*s.t)
		new.keys = append(new.keys, graph.TransposeAllAxes(graph.Slice(key, rows), 1, 2, 0))
		new.values = append(new.values, graph.TransposeAllAxes(graph.Slice(value, rows), 1, 0, 2))
	}
	o := d.attend(s, window, query, new, in)
	if in.at != nil {
		x, o = graph.Gather(x, in.at), graph.Gather(o, in.at)
	}
	x = graph.Add(x, d.linear(o, w.out, w.outBias))

	h = d.norm(x, w.mlpNorm)
	gu := d.linear(h, w.gateUp, w.gateUpBias)
	gate, up := columns(gu, 0, d.FFN), columns(gu, d.FFN, 2*d.FFN)
	x = graph.Add(x, d.linear(graph.Mul(graph.Mul(gate, graph.Sigmoid(gate)), up), w.down, w.downBias))
	return x, graph.Stack(new.keys, 0), graph.Stack(new.values, 0)
}

// heads cuts x [n, count·head_dim] into heads [n, count, head_dim], normalised (Qwen3) and turned to their positions.
func (d decoder) heads(x *graph.Node, n, count int, norm *graph.Node, in layerInput) *graph.Node {
	x = graph.Reshape(x, n, count, d.HeadDim)
	if norm != nil {
		x = d.norm(x, norm)
	}
	return rotate(x, in.cos, in.sin)
}

// rotate turns pairs (i, i + head_dim/2) of x [n, heads, head_dim] by the angles of their positions (RoPE, half-split form).
func rotate(x, cos, sin *graph.Node) *graph.Node {
	n, heads, dim := x.Shape().Dimensions[0], x.Shape().Dimensions[1], x.Shape().Dimensions[2]
	half := dim / 2
	wide := func(a *graph.Node) *graph.Node {
		return graph.BroadcastToDims(graph.Reshape(a, n, 1, half), n, heads, half)
	}
	c, s := wide(cos), wide(sin)
	f := graph.ConvertDType(x, dtypes.Float32)
	a := graph.Slice(f, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(0, half))
	b := graph.Slice(f, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(half))
	turned := graph.Concatenate([]*graph.Node{
		graph.Sub(graph.Mul(a, c), graph.Mul(b, s)),
		graph.Add(graph.Mul(b, c), graph.Mul(a, s)),
	}, 2)
	return graph.ConvertDType(turned, x.DType())
}

// final builds x [all, dim], at [n, 1] int32 → hidden [n, dim], float32: the final norm of the positions that at names.
func (d decoder) final(n, all int) func(*graph.Graph) []*graph.Node {
	return func(g *graph.Graph) []*graph.Node {
		norm := graph.Parameter(g, "norm", shapes.Make(d.dtype, d.Dim))
		x := graph.Parameter(g, "x", shapes.Make(d.dtype, all, d.Dim))
		at := graph.Parameter(g, "at", shapes.Make(dtypes.Int32, n, 1))
		h := graph.Gather(x, at)
		return []*graph.Node{graph.ConvertDType(d.norm(h, norm), dtypes.Float32)}
	}
}

// logits builds hidden [rows, dim] float32 → [rows, vocab] float32 over Wout [vocab, dim].
func (d decoder) logits(rows int) func(*graph.Graph) []*graph.Node {
	return func(g *graph.Graph) []*graph.Node {
		d := d.in(g)
		wout := graph.Parameter(g, "wout", shapes.Make(d.dtype, d.Vocab, d.Dim))
		h := graph.Parameter(g, "hidden", shapes.Make(dtypes.Float32, rows, d.Dim))
		return []*graph.Node{d.unembed(h, wout)}
	}
}

func (d decoder) unembed(h, wout *graph.Node) *graph.Node {
	return graph.ConvertDType(d.linear(graph.ConvertDType(h, d.dtype), wout, nil), dtypes.Float32)
}

// norm is RMSNorm over the last axis, in float32: x · rsqrt(mean x² + eps) · w.
func (d decoder) norm(x, w *graph.Node) *graph.Node {
	f := graph.ConvertDType(x, dtypes.Float32)
	mean := graph.ReduceAndKeep(graph.Square(f), graph.ReduceMean, -1)
	y := graph.Mul(f, graph.Rsqrt(graph.AddScalar(mean, d.NormEps)))
	y = graph.Mul(y, graph.ExpandLeftToRank(graph.ConvertDType(w, dtypes.Float32), y.Rank()))
	return graph.ConvertDType(y, x.DType())
}

func columns(x *graph.Node, from, to int) *graph.Node {
	return graph.Slice(x, graph.AxisRange(), graph.AxisRange(from, to))
}
