package xlaengine

// Attention as a graph: a kernel's call where there is one, else products, masks and a softmax. It panics as GoMLX does.

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/xlaengine/kernels"
)

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
