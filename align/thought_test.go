package align

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// run runs a graph function on the pure-Go backend and returns its result's rows.
func run(t *testing.T, build func(*graph.Graph) *graph.Node) [][]float32 {
	t.Helper()
	exec, err := graph.NewExec(gobackend.GetBackend(), build)
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call()
	if err != nil {
		t.Fatal(err)
	}
	flat, err := tensors.CopyFlatData[float32](out[0])
	if err != nil {
		t.Fatal(err)
	}
	dims := out[0].Shape().Dimensions
	if len(dims) != 2 {
		t.Fatalf("result is %v, want [batch, d]", dims)
	}
	var rows [][]float32
	for i := range dims[0] {
		rows = append(rows, flat[i*dims[1]:(i+1)*dims[1]])
	}
	return rows
}

func near(t *testing.T, claim string, got, want [][]float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", claim, len(got), len(want))
	}
	for i := range want {
		for j := range want[i] {
			if !(math.Abs(float64(got[i][j]-want[i][j])) <= 1e-6) {
				t.Errorf("%s: got %v, want %v", claim, got, want)
				return
			}
		}
	}
}

func TestLinearByHand(t *testing.T) {
	h := [][]float32{{3, 4}, {0, 0}, {0, 1e-7}}
	quarterTurn := [][]float32{{0, 1}, {-1, 0}}
	for _, test := range []struct {
		claim string
		wa    [][]float32
		want  [][]float32
	}{
		{"aligned and of length 10", quarterTurn, [][]float32{{-8, 6}, {0, 0}, {-1, 0}}},
		{"only of length 10", nil, [][]float32{{6, 8}, {0, 0}, {0, 1}}},
	} {
		for _, mu := range []any{float32(10), []float32{10}} {
			near(t, test.claim, run(t, func(g *graph.Graph) *graph.Node {
				var wa *graph.Node
				if test.wa != nil {
					wa = graph.Const(g, test.wa)
				}
				return Linear(graph.Const(g, h), wa, graph.Const(g, mu))
			}), test.want)
		}
	}
}

func TestSoftByHand(t *testing.T) {
	win := [][]float32{{1, 0}, {0, 1}, {10, 10}, {-1, -1}}
	ln := func(x float64) float32 { return float32(math.Log(x)) }
	for _, test := range []struct {
		claim       string
		logits      [][]float32
		k           int
		temperature float64
		want        [][]float32
	}{
		{"one token is its embedding", [][]float32{{0, 5, 1, 2}, {3, 2, 9, 1}}, 1, 0.6, [][]float32{{0, 1}, {10, 10}}},
		{"weights of two tokens 3 : 1", [][]float32{{ln(3), ln(1), -50, -9}}, 2, 1, [][]float32{{0.75, 0.25}}},
		{"half the temperature squares the odds", [][]float32{{ln(3), ln(1), -50, -9}}, 2, 0.5, [][]float32{{0.9, 0.1}}},
		{"tokens beyond k have no part", [][]float32{{0, 0, -1, -1}}, 2, 0.6, [][]float32{{0.5, 0.5}}},
		{"of equal ones the lower token", [][]float32{{1, 1, 1, 1}}, 2, 0.6, [][]float32{{0.5, 0.5}}},
		{"all tokens", [][]float32{{0, 0, 0, 0}}, 4, 0.6, [][]float32{{2.5, 2.5}}},
		{"banned tokens have no part", [][]float32{{0, float32(math.Inf(-1)), float32(math.Inf(-1)), float32(math.Inf(-1))}}, 3, 0.6, [][]float32{{1, 0}}},
	} {
		near(t, test.claim, run(t, func(g *graph.Graph) *graph.Node {
			return Soft(graph.Const(g, test.logits), graph.Const(g, win), test.k, graph.Const(g, []float32{float32(test.temperature)}))
		}), test.want)
	}
}

// Backends differ in which of the two finds Soft's tokens.
func TestOneByOneEqualsTopK(t *testing.T) {
	x := [][]float32{{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}, {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, {-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, 0}}
	for _, k := range []int{1, 2, 5, 11} {
		find := func(top func(*graph.Node, int, int) (*graph.Node, *graph.Node)) [][]float32 {
			return run(t, func(g *graph.Graph) *graph.Node {
				values, indices := top(graph.Const(g, x), k, -1)
				return graph.Concatenate([]*graph.Node{values, graph.ConvertDType(indices, values.DType())}, -1)
			})
		}
		near(t, "values and places", find(oneByOne), find(graph.TopK))
	}
}

func TestSoftRefuses(t *testing.T) {
	for _, test := range []struct {
		k    int
		want string
	}{
		{0, "align: soft thoughts of 0 tokens, want 1 to 2"},
		{3, "align: soft thoughts of 3 tokens, want 1 to 2"},
	} {
		exec, err := graph.NewExec(gobackend.GetBackend(), func(g *graph.Graph) *graph.Node {
			return Soft(graph.Const(g, [][]float32{{0, 0}}), graph.Const(g, [][]float32{{1}, {1}}), test.k, graph.Const(g, []float32{1}))
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := exec.Call(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
		exec.Finalize()
	}
}
