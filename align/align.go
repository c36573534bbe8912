// Alignment is what turns a hidden state into an input embedding: the matrix Wa and the length μ that embeddings
// have. This file finds it, on the processor in float64, once per model; sums.go has the large sums over the
// vocabulary, cachefile.go keeps the result on disk, thought.go is its use on the device.

// Package align maps a model's hidden states to its input embeddings (LatentMAS, arXiv 2511.20639).
package align

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Matrix is a row-major view of float32 numbers, such as an embedding table [vocab, d].
type Matrix struct {
	Rows, Cols int
	Data       []float32
}

// Alignment is fixed for a model and a λ.
type Alignment struct {
	D        int       // width of the hidden state
	Wa       []float32 // [d, d], row-major: an embedding is h·Wa
	MeanNorm float64   // μ, the mean length of Win's rows
	Lambda   float64   // 0: alignment is off, Wa is the identity
	// Cond estimates the condition number of WoutᵀWout + λI in the 1-norm: how many times an error in the
	// embeddings may grow in Wa. Float64 carries 16 digits, so up to 1e9 Wa is right to the last bit of a float32.
	Cond float64
}

// Solve returns Wa [d, d] with h·Wa as close as possible, in the least-squares sense, to the input embedding
// of the token whose output embedding h points to: (WoutᵀWout + λI)⁻¹ WoutᵀWin (arXiv 2511.20639, eq. 3).
// win and wout are [vocab, d]; tied models pass the same matrix twice, which spares half the work. lambda must be
// positive. The sums are float64 whatever the weights are.
func Solve(win, wout Matrix, lambda float64) (*Alignment, error) {
	if !(lambda > 0) || math.IsInf(lambda, 0) {
		return nil, fmt.Errorf("align: lambda is %g, must be positive", lambda)
	}
	if err := check("win", win); err != nil {
		return nil, err
	}
	if err := check("wout", wout); err != nil {
		return nil, err
	}
	if win.Rows != wout.Rows || win.Cols != wout.Cols {
		return nil, fmt.Errorf("align: win is [%d %d] and wout [%d %d], must be of one shape", win.Rows, win.Cols, wout.Rows, wout.Cols)
	}
	gram, cross, err := sums(win, wout)
	if err != nil {
		return nil, fmt.Errorf("align: %w", err)
	}
	d := win.Cols
	system := mat.NewSymDense(d, append([]float64(nil), gram...))
	for i := range d {
		system.SetSym(i, i, system.At(i, i)+lambda)
	}
	var chol mat.Cholesky
	if !chol.Factorize(system) {
		return nil, fmt.Errorf("align: lambda %g is too small for these embeddings: the system is singular", lambda)
	}
	var wa mat.Dense
	var singular mat.Condition
	if err := chol.SolveTo(&wa, mat.NewDense(d, d, cross)); errors.As(err, &singular) {
		return nil, fmt.Errorf("align: lambda %g is too small for these embeddings: condition number %.2g", lambda, float64(singular))
	} else if err != nil {
		return nil, fmt.Errorf("align: %w", err)
	}
	a := &Alignment{D: d, Wa: make([]float32, d*d), MeanNorm: meanNorm(win), Lambda: lambda, Cond: chol.Cond()}
	for i := range a.Wa {
		a.Wa[i] = float32(wa.At(i/d, i%d))
	}
	return a, nil
}

// Identity returns the alignment that is off: hidden states keep their direction and get the length of embeddings.
func Identity(win Matrix) (*Alignment, error) {
	if err := check("win", win); err != nil {
		return nil, err
	}
	mean := meanNorm(win)
	if math.IsNaN(mean) || math.IsInf(mean, 0) {
		return nil, errors.New("align: win holds NaN or infinite values")
	}
	a := &Alignment{D: win.Cols, Wa: make([]float32, win.Cols*win.Cols), MeanNorm: mean, Cond: 1}
	for i := range a.D {
		a.Wa[i*a.D+i] = 1
	}
	return a, nil
}

func check(name string, m Matrix) error {
	if m.Rows < 1 || m.Cols < 1 || m.Cols > 1<<17 || m.Rows > len(m.Data) || len(m.Data) != m.Rows*m.Cols {
		return fmt.Errorf("align: %s is [%d %d] with %d numbers", name, m.Rows, m.Cols, len(m.Data))
	}
	return nil
}

func meanNorm(m Matrix) float64 {
	var sum float64
	for row := range m.Rows {
		var square float64
		for _, v := range m.Data[row*m.Cols : (row+1)*m.Cols] {
			square += float64(v) * float64(v)
		}
		sum += math.Sqrt(square)
	}
	return sum / float64(m.Rows)
}
