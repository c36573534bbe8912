package xlaengine

// The decoder as GoMLX graphs: embedding, one layer, final norm, unembedding. A block of layers is compiled once for a
// shape and called for each block with its layers' weights; shapes are [rows·t, dim] throughout, so that the
// matrix products do not care how many rows there are. Functions here build graphs and panic as GoMLX's do.

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/xlaengine/config"
	"github.com/latentchain/latentchain/xlaengine/kernels"
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

// newPositions are those of a pass, by row: keys [kv, head_dim, t] and values [kv, t, head_dim].
type newPositions struct{ keys, values []*graph.Node }

// attend is the attention of all rows, [rows·t, heads·head_dim]: queries [rows·t, heads, head_dim] over the caches and the
// new positions.
func (d decoder) attend(s step, window int, query *graph.Node, new newPositions, in layerInput) *graph.Node {
	if d.kernels {
		inputs := []*graph.Node{query, in.past}
		for r := range new.keys {
			inputs = append(inputs, new.keys[r], new.values[r])
		}
		for r := range in.keys {
			inputs = append(inputs, in.keys[r], in.values[r])
		}
		if o := d.kernel(kernels.Attention(s.rows, s.t, d.Heads, d.KVHeads, d.HeadDim, s.slots, window), inputs, s.rows*s.t, d.Heads*d.HeadDim); o != nil {
			return o
		}
	}
	var outs []*graph.Node
	for r := range s.rows {
		a := attention{
			decoder: d, t: s.t, window: window, q: graph.Slice(query, graph.AxisRange(r*s.t, (r+1)*s.t)),
			k: new.keys[r], v: new.values[r],
		}
		if s.slots > 0 {
			a.pastK, a.pastV, a.past = in.keys[r], in.values[r], graph.Slice(in.past, graph.AxisRange(r, r+1))
		}
		outs = append(outs, a.build())
	}
	return graph.Concatenate(outs, 0)
}

// attention is the attention of one row: q [t, heads, head_dim] over its past and its new keys and values.
type attention struct {
	decoder
	t, window    int
	q            *graph.Node // [t, heads, head_dim], already scaled
	k, v         *graph.Node // [kv, head_dim, t], [kv, t, head_dim]
	pastK, pastV *graph.Node // [kv, head_dim, slots], [kv, slots, head_dim]; nil when there is no past
	past         *graph.Node // [1] int32: positions of the past that count
}

// queryBlock is how many queries are worked on together: their scores stay in the cores' caches, and keys that none
// of them may see are left out.
const queryBlock = 64

// build returns [t, heads·head_dim].
func (a attention) build() *graph.Node {
	var blocks []*graph.Node
	for from := 0; from < a.t; from += queryBlock {
		blocks = append(blocks, a.block(from, min(from+queryBlock, a.t)))
	}
	return graph.Concatenate(blocks, 0)
}

// block is the attention of queries [from, to): one softmax over past and new keys, divided out at the end.
func (a attention) block(from, to int) *graph.Node {
	n, group := to-from, a.Heads/a.KVHeads
	// [n, kv, group, hd] → [kv, group·n, hd]: all queries that share a key head in one product.
	q := graph.Reshape(graph.Slice(a.q, graph.AxisRange(from, to)), n, a.KVHeads, group, a.HeadDim)
	q = graph.Reshape(graph.TransposeAllAxes(q, 1, 2, 0, 3), a.KVHeads, group*n, a.HeadDim)

	parts := []scored{a.own(q, from, to)}
	if a.pastK != nil {
		parts = append(parts, a.before(q, from, to))
	}
	top := graph.ReduceAndKeep(parts[0].scores, graph.ReduceMax, -1)
	for _, p := range parts[1:] {
		top = graph.Max(top, graph.ReduceAndKeep(p.scores, graph.ReduceMax, -1))
	}
	var sum, o *graph.Node
	for _, p := range parts {
		weight := graph.Exp(graph.Sub(p.scores, top))
		s := graph.ReduceAndKeep(weight, graph.ReduceSum, -1)
		y := graph.Dot(graph.ConvertDType(weight, a.dtype), p.values).General([]int{2}, []int{0}, []int{1}, []int{0})
		y = graph.ConvertDType(y, dtypes.Float32)
		if sum == nil {
			sum, o = s, y
		} else {
			sum, o = graph.Add(sum, s), graph.Add(o, y)
		}
	}
	o = graph.Reshape(graph.Div(o, sum), a.KVHeads, group, n, a.HeadDim)
	o = graph.Reshape(graph.TransposeAllAxes(o, 2, 0, 1, 3), n, a.Heads*a.HeadDim)
	return graph.ConvertDType(o, a.dtype)
}

// scored is one run of keys: scores [kv, group·n, keys] float32, masked, and values [kv, keys, hd].
type scored struct{ scores, values *graph.Node }

// own scores the new keys that queries [from, to) may see: those up to each query.
func (a attention) own(q *graph.Node, from, to int) scored {
	first := 0
	if a.window > 0 {
		first = max(0, from-a.window+1)
	}
	keys := graph.AxisRange(first, to)
	s := scored{a.score(q, graph.Slice(a.k, graph.AxisRange(), graph.AxisRange(), keys)), graph.Slice(a.v, graph.AxisRange(), keys)}
	if to-first == 1 {
		return s // a query sees itself
	}
	query, key := a.index(s.scores, to-from, 1), graph.AddScalar(a.index(s.scores, to-from, 2), float64(first-from))
	seen := graph.LessOrEqual(key, query)
	if a.window > 0 {
		seen = graph.LogicalAnd(seen, graph.LessThan(graph.Sub(query, key), graph.Const(q.Graph(), int32(a.window))))
	}
	s.scores = mask(s.scores, seen)
	return s
}

// before scores the past for queries [from, to).
func (a attention) before(q *graph.Node, from, to int) scored {
	s := scored{a.score(q, a.pastK), a.pastV}
	dims := s.scores.Shape().Dimensions
	past := graph.BroadcastToDims(graph.Reshape(a.past, 1, 1, 1), 1, dims[1], dims[2])
	query, key := a.index(s.scores, to-from, 1), a.index(s.scores, to-from, 2)
	seen := graph.LessThan(key, past)
	if a.window > 0 {
		distance := graph.Sub(graph.AddScalar(graph.Add(past, query), float64(from)), key)
		seen = graph.LogicalAnd(seen, graph.LessThan(distance, graph.Const(q.Graph(), int32(a.window))))
	}
	s.scores = mask(s.scores, seen)
	return s
}

func (a attention) score(q, k *graph.Node) *graph.Node {
	return graph.ConvertDType(graph.Dot(q, k).General([]int{2}, []int{0}, []int{1}, []int{0}), dtypes.Float32)
}

// index numbers the queries (axis 1) or the keys (axis 2) of scores [kv, group·n, keys], as [1, group·n, keys].
func (a attention) index(scores *graph.Node, n, axis int) *graph.Node {
	dims := scores.Shape().Dimensions
	i := graph.Iota(scores.Graph(), shapes.Make(dtypes.Int32, dims[1]/n, n, dims[2]), axis)
	return graph.Reshape(i, 1, dims[1], dims[2])
}

// mask hides what is not seen with a score that no softmax notices; finite, so that a row without any past stays
// free of NaN.
func mask(scores, seen *graph.Node) *graph.Node {
	const hidden = -1e30
	return graph.Where(graph.BroadcastToDims(seen, scores.Shape().Dimensions...), scores, graph.AddScalar(graph.ZerosLike(scores), hidden))
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

func columns(x *graph.Node, from, to int) *graph.Node {
	return graph.Slice(x, graph.AxisRange(), graph.AxisRange(from, to))
}
