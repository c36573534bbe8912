package backend

// This file opens a backend and tries it.

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // registers "go"
	"github.com/gomlx/gomlx/core/graph"
	"k8s.io/klog/v2"
)

// Open loads what Find found. The caller finalizes it. A plugin's own log lines are kept off standard error
// unless TF_CPP_MIN_LOG_LEVEL is set (go-xla sets it to 3 before a plugin is loaded), and so are go-xla's warnings
// about a plugin that does not load: the error says the same.
func Open(f Found) (b compute.Backend, err error) {
	noAutoInstall()
	err = quietly(func() (err error) {
		b, err = compute.NewWithConfig(oneAfterTheOther(f))
		return err
	})
	if err != nil {
		way := "GOMLX_BACKEND=go computes without a plugin, slowly"
		if f.Kind.Accelerator() {
			way = "GOMLX_BACKEND=xla:cpu computes without the GPU"
		}
		return nil, fmt.Errorf("open backend %s: %w; %s", f.Config, err, way)
	}
	if f.Kind == XLACPU {
		batchWorkers()
	}
	return b, nil
}

// oneAfterTheOther is f's configuration, in which the pure-Go backend runs a program's operations in their order. When it
// runs them side by side (compute v0.1.2), all of its workers can end up waiting for a worker, for good; an operation
// that is large is still shared by all cores.
func oneAfterTheOther(f Found) string {
	if f.Kind != PureGo || strings.Contains(f.Config, "ops_") {
		return f.Config
	}
	if !strings.Contains(f.Config, ":") {
		return f.Config + ":ops_sequential"
	}
	return f.Config + ",ops_sequential"
}

// quietly is guard without go-xla's log.
func quietly(fn func() error) error {
	opening.Lock()
	defer opening.Unlock()
	logs := klog.CaptureState()
	defer logs.Restore()
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	return guard(fn)
}

// opening keeps two of them from mixing up the state of the log, which is the program's.
var opening sync.Mutex

// Check runs one small program on the backend's first device, a product of two matrices, and returns a line
// about the backend and how long the program took. It is an error when the product is wrong.
func Check(b compute.Backend) (string, error) {
	if b == nil {
		return "", errors.New("check backend: there is none")
	}
	start := time.Now()
	var got any
	err := guard(func() error {
		program, err := graph.NewExec(b, product)
		if err != nil {
			return err
		}
		defer program.Finalize()
		result, err := program.Call1([][]float32{{1, 2}, {3, 4}}, [][]float32{{5, 6}, {7, 8}})
		if err != nil {
			return err
		}
		defer result.FinalizeAll()
		got = result.Value()
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("check backend %s: %w", b.Name(), err)
	}
	if want := [][]float32{{19, 22}, {43, 50}}; !reflect.DeepEqual(got, want) {
		return "", fmt.Errorf("check backend %s: [[1 2][3 4]]·[[5 6][7 8]] is %v, want %v", b.Name(), got, want)
	}
	return fmt.Sprintf("%s: a 2×2 product compiled and ran in %s", b.Description(), time.Since(start).Round(time.Millisecond)), nil
}

// product is x·y for x [n, k] and y [k, m], written as sums of products: the pure-Go backend's own (compute v0.1.2)
// does pointer arithmetic that the race detector's checks abort on.
func product(x, y *graph.Node) *graph.Node {
	return graph.ReduceSum(graph.Mul(graph.InsertAxes(x, -1), graph.InsertAxes(y, 0)), 1)
}

// guard runs fn and turns GoMLX's panics and its errors of many lines into one error of one line.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = oneLine(fmt.Sprint(p))
		}
	}()
	if err := fn(); err != nil {
		return oneLine(err.Error())
	}
	return nil
}

func oneLine(s string) error { return errors.New(strings.Join(strings.Fields(s), " ")) }
