// Latent thoughts on the device: the two ways from a last hidden state to the next input embedding. These are
// GoMLX graph functions and panic as those do; what calls them turns panics into errors.

package align

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// Defaults of Soft: how many tokens a thought is made of, and how evenly.
const (
	SoftK           = 10
	SoftTemperature = 0.6
)

// Linear returns the paper's thoughts [batch, d] in float32: e = h·Wa, rescaled to length mu. h [batch, d] is the
// last hidden state after the final norm, wa [d, d], mu one number. A nil wa is the identity. The length of e counts
// as 1e-6 at least, so a hidden state of zeros stays zeros.
func Linear(h, wa, mu *graph.Node) *graph.Node {
	e := graph.ConvertDType(h, dtypes.Float32)
	if wa != nil {
		e = graph.MatMul(e, graph.ConvertDType(wa, dtypes.Float32))
	}
	length := graph.MaxScalar(graph.L2Norm(e, -1), 1e-6) // [batch, 1]
	return graph.Mul(e, graph.Div(graph.Reshape(graph.ConvertDType(mu, dtypes.Float32)), length))
}

// Soft returns soft thoughts [batch, d] in float32 (after Soft Thinking, arXiv 2505.15778): the mixture of the input
// embeddings win [vocab, d] of the k likeliest next tokens, weighted by the softmax of their logits
// [batch, vocab] over temperature, one positive number. Of equal logits the lower token is taken first. There is no
// rescaling.
func Soft(logits, win *graph.Node, k int, temperature *graph.Node) *graph.Node {
	vocab := logits.Shape().Dim(-1)
	if k < 1 || k > vocab {
		exceptions.Panicf("align: soft thoughts of %d tokens, want 1 to %d", k, vocab)
	}
	likeliest := oneByOne
	if logits.Graph().Backend().Name() == "xla" {
		likeliest = graph.TopK
	}
	scores, ids := likeliest(graph.ConvertDType(logits, dtypes.Float32), k, -1)                   // [batch, k]
	weights := graph.Softmax(graph.Div(scores, graph.Reshape(temperature)), -1)                   // [batch, k]
	rows := graph.Gather(win, graph.InsertAxes(ids, -1))                                          // [batch, k, d]
	mixture := graph.Mul(graph.ConvertDType(rows, dtypes.Float32), graph.InsertAxes(weights, -1)) // [batch, k, d]
	return graph.ReduceSum(mixture, 1)
}

// oneByOne does what graph.TopK does by looking k times for the largest of what is left. XLA knows GoMLX's TopK, a
// sort that keeps k, as a selection (0.2 ms for 10 of 49152 on a CPU, this takes 1.4); the pure-Go backend really
// sorts, calling a function for each comparison, which takes minutes where this takes 5 ms.
func oneByOne(x *graph.Node, k int, axis int) (values, indices *graph.Node) {
	index := graph.Iota(x.Graph(), shapes.Make(dtypes.Int32, x.Shape().Dimensions...), axis)
	taken := graph.BroadcastToShape(graph.Infinity(x.Graph(), x.DType(), -1), x.Shape())
	all, at := make([]*graph.Node, k), make([]*graph.Node, k)
	for i := range k {
		all[i] = graph.ReduceAndKeep(x, graph.ReduceMax, axis)
		at[i] = graph.InsertAxes(graph.ArgMax(x, axis, dtypes.Int32), axis)
		x = graph.Where(graph.Equal(index, at[i]), taken, x)
	}
	return graph.Concatenate(all, axis), graph.Concatenate(at, axis)
}
