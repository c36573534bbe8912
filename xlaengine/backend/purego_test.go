package backend

// That a program on the pure-Go backend comes to its end.

import (
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// TestPureGoDoesNotWaitForItself runs programs of many products side by side, each of which wants workers of its own.
// With ops_parallel they stop after some hundreds, all workers waiting for one.
func TestPureGoDoesNotWaitForItself(t *testing.T) {
	b, err := Open(Found{Config: "go", Kind: PureGo})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- manyProducts(b, 500) }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
		b.Finalize()
	case <-time.After(time.Minute):
		t.Fatal("its workers wait for each other")
	}
}

// manyProducts runs a program of twelve products, that do not need each other, times times.
func manyProducts(b compute.Backend, times int) error {
	exec, err := graph.NewExec(b, func(x *graph.Node) *graph.Node {
		var sum *graph.Node
		for i := range 12 {
			y := graph.AddScalar(graph.IotaFull(x.Graph(), shapes.Make(dtypes.Float32, 2, 16, 384)), float64(i))
			p := graph.ReduceAllSum(graph.Dot(graph.MulScalar(x, float64(i)), y).General([]int{2}, []int{0}, []int{1}, []int{0}))
			if sum == nil {
				sum = p
			} else {
				sum = graph.Add(sum, p)
			}
		}
		return sum
	})
	if err != nil {
		return err
	}
	defer exec.Finalize()
	x := make([][][]float32, 2)
	for i := range x {
		x[i] = make([][]float32, 32)
		for j := range x[i] {
			x[i][j] = make([]float32, 16)
		}
	}
	for range times {
		y, err := exec.Call1(x)
		if err != nil {
			return err
		}
		if err := y.FinalizeAll(); err != nil {
			return err
		}
	}
	return nil
}

func TestPureGoRunsOperationsInOrder(t *testing.T) {
	for config, want := range map[string]string{
		"go": "go:ops_sequential", "go:dependency_order": "go:dependency_order,ops_sequential", "go:ops_parallel": "go:ops_parallel",
	} {
		if got := oneAfterTheOther(Found{Config: config, Kind: PureGo}); got != want {
			t.Errorf("%s: %s, want %s", config, got, want)
		}
	}
	if got := oneAfterTheOther(Found{Config: "xla:/x.so", Kind: XLACPU}); strings.Contains(got, "ops_") {
		t.Errorf("XLA's configuration becomes %s", got)
	}
}
