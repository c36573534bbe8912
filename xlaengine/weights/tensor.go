// One tensor as it lies in a file, and its way into float32: read a part, decode it, look for NaN, go on. No
// buffer grows with the tensor, so a model is read in little more than the memory of its float32 weights.

package weights

import (
	"fmt"
	"io"
	"math"
	"sync"
)

type tensor struct {
	name      string // in the file, for errors
	canonical string // as transformers has it
	shape     []int
	format
	file    io.ReaderAt
	offset  int64 // of the first byte in file
	headDim int   // set where rows are interleaved by head: see deinterleave
}

func (t *tensor) elements() int {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return n
}

func (t *tensor) bytes() int64 { return int64(t.elements()/t.block) * int64(t.blockBytes) }

const partElements = 1 << 15 // a multiple of every format's block; 128 KiB as float32

var partBuffers = sync.Pool{New: func() any { b := make([]byte, 4*partElements); return &b }}

func (t *tensor) read(dst []float32) error {
	if len(dst) != t.elements() {
		return fmt.Errorf("room for %d elements, want %d", len(dst), t.elements())
	}
	buf := partBuffers.Get().(*[]byte)
	defer partBuffers.Put(buf)
	offset := t.offset
	for at := 0; at < len(dst); at += partElements {
		part := dst[at:min(at+partElements, len(dst))]
		src := (*buf)[:len(part)/t.block*t.blockBytes]
		if _, err := t.file.ReadAt(src, offset); err != nil {
			return fmt.Errorf("file is truncated: %w", err)
		}
		offset += int64(len(src))
		t.decode(part, src)
		if i := notFinite(part); i >= 0 {
			return notFiniteError(at+i, part[i])
		}
	}
	if t.headDim > 0 {
		deinterleave(dst, t.headDim, t.elements()/t.shape[0])
	}
	return nil
}

// CheckFinite returns an error naming the tensor and the element if any of v is NaN or infinite.
func CheckFinite(name string, v []float32) error {
	if i := notFinite(v); i >= 0 {
		return fmt.Errorf("tensor %s: %w", name, notFiniteError(i, v[i]))
	}
	return nil
}

func notFiniteError(i int, v float32) error {
	return fmt.Errorf("element %d is %v; the file is damaged or the model was saved broken", i, v)
}

// notFinite returns the index of the first NaN or infinity, or -1. Those, and only those, have all exponent bits
// set, so that adding one to the exponent carries into the sign.
func notFinite(v []float32) int {
	const exponent, one = 0x7f800000, 0x00800000
	var carry uint32
	for _, x := range v {
		carry |= (math.Float32bits(x) & exponent) + one
	}
	if carry>>31 == 0 {
		return -1
	}
	for i, x := range v {
		if math.Float32bits(x)&exponent == exponent {
			return i
		}
	}
	return -1
}

// deinterleave reorders the rows (of width numbers each) of every head from pairs, 0 half 1 half+1 …, to halves,
// 0 1 … half half+1 …. It undoes what llama.cpp's converter does to queries and keys of llama models.
func deinterleave(v []float32, headDim, width int) {
	head := make([]float32, headDim*width)
	half := headDim / 2
	for ; len(v) >= len(head); v = v[len(head):] {
		copy(head, v)
		for i := range half {
			copy(v[i*width:(i+1)*width], head[2*i*width:])
			copy(v[(half+i)*width:(half+i+1)*width], head[(2*i+1)*width:])
		}
	}
}
