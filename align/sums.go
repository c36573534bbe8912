// The sums over the vocabulary, WoutᵀWout and WoutᵀWin: nearly all of Solve's time. Rows are taken a few hundred at
// a time, turned so that a feature's numbers lie side by side, and multiplied by gonum into a sum for each core. For
// the tied 49152 x 576 of SmolLM2 that takes 1.0 s on two cores; gonum's own parallel product takes 2 to 4.

package align

import (
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
)

const chunkRows = 256 // of the vocabulary

// sums returns WoutᵀWout and WoutᵀWin, [d, d] each, and refuses NaN and infinite values on the way. Where win and
// wout are the same memory, both results are too. The order of addition, and with it the last bits, depends on the
// number of cores.
func sums(win, wout Matrix) (gram, cross []float64, err error) {
	d := win.Cols
	tied := &win.Data[0] == &wout.Data[0]
	parts := make([]sum, workers(d))
	var group errgroup.Group
	for i := range parts {
		group.Go(func() (err error) {
			parts[i], err = sumChunks(win, wout, tied, i, len(parts))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	total := parts[0]
	for _, part := range parts[1:] {
		add(total.gram, part.gram)
		add(total.cross, part.cross)
	}
	for i := range d {
		for j := range i {
			total.gram[i*d+j] = total.gram[j*d+i]
		}
	}
	if tied {
		total.cross = total.gram
	}
	return total.gram, total.cross, nil
}

// workers is the number of cores, or fewer where their sums would take more than half a gigabyte.
func workers(d int) int {
	return max(1, min(runtime.GOMAXPROCS(0), (512<<20)/(2*8*d*d)))
}

// sum is one worker's share; of gram only the upper half is filled, and cross is nil for tied embeddings.
type sum struct{ gram, cross []float64 }

// sumChunks adds up every step-th chunk from first on.
func sumChunks(win, wout Matrix, tied bool, first, step int) (sum, error) {
	d := win.Cols
	s := sum{gram: make([]float64, d*d)}
	gram := blas64.Symmetric{N: d, Stride: d, Data: s.gram, Uplo: blas.Upper}
	out := turned(d)
	var in, cross blas64.General
	if !tied {
		s.cross = make([]float64, d*d)
		in, cross = turned(d), blas64.General{Rows: d, Cols: d, Stride: d, Data: s.cross}
	}
	for row := first * chunkRows; row < win.Rows; row += step * chunkRows {
		if err := fill(out, "wout", wout, row); err != nil {
			return s, err
		}
		blas64.Syrk(blas.NoTrans, 1, out, 1, gram)
		if tied {
			continue
		}
		if err := fill(in, "win", win, row); err != nil {
			return s, err
		}
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, out, in, 1, cross)
	}
	return s, nil
}

// turned is room for a chunk of an embedding table with a feature a row.
func turned(d int) blas64.General {
	return blas64.General{Rows: d, Cols: chunkRows, Stride: chunkRows, Data: make([]float64, d*chunkRows)}
}

// fill takes chunkRows rows of m from row on; past the end of m it takes zeros, which add nothing.
func fill(chunk blas64.General, name string, m Matrix, row int) error {
	n := min(chunkRows, m.Rows-row)
	if n < chunkRows {
		clear(chunk.Data)
	}
	for i := range n {
		for j, v := range m.Data[(row+i)*m.Cols : (row+i+1)*m.Cols] {
			if v-v != 0 { // NaN or infinite
				return fmt.Errorf("%s: row %d, column %d is %v", name, row+i, j, v)
			}
			chunk.Data[j*chunkRows+i] = float64(v)
		}
	}
	return nil
}

func add(to, from []float64) {
	for i, v := range from {
		to[i] += v
	}
}
