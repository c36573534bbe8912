package pack

// Int8 writes a number as one of 256 levels that lie evenly between the lowest and the highest of its run. Runs follow
// what numbers have in common: some channels of the keys are far larger than others, and far from zero, at every
// position, so a run of keys is one channel over 64 positions; a run of values is one position over all channels (after
// KIVI, arXiv 2402.02750). On SmolLM2-135M's memories, levels that begin at the lowest number lose a third less of the
// keys and a sixth less of the values than levels symmetric about zero, and runs of keys by channel lose a third of what
// runs by position do.

import "math"

const (
	keyRun   = 64 // positions
	runBytes = 8
	levels   = 256
	// Within ±limit nothing overflows on the way. Keys and values of models are some 10³⁵ times smaller.
	limit = 1 << 126
	// The sum of a small float32 and 2²³ has the nearest integer, ties to even, in its lower bits.
	rounder = 1 << 23
)

// run is what the numbers of a run share: number = low + code·step.
type run struct{ low, step float32 }

// toInt8 writes src to the first of codes, in runs of size numbers. The error is at most half a step. It stops at the
// first number that is NaN, infinite or beyond limit and returns its index, -1 if there is none.
func toInt8(codes []uint8, runs []run, src []float32, size int) (bad int) {
	for i := 0; i*size < len(src); i++ {
		part := src[i*size : min(len(src), (i+1)*size)]
		low, high := extremes(part)
		if !(low >= -limit && high <= limit) {
			return i*size + firstBeyond(part)
		}
		// A step below the normal numbers would have less precision, and an inverse that overflows.
		runs[i] = run{low, max((high-low)/(levels-1), 0x1p-126)}
		runs[i].encode(codes[i*size:], part)
	}
	return -1
}

// extremes returns the least and the greatest of part; NaN, wherever it is, becomes one of them. It compares the numbers
// as integers of the same order, which is several times as fast as min and max of floats.
func extremes(part []float32) (low, high float32) {
	least, greatest := int32(math.MaxInt32), int32(math.MinInt32)
	for _, v := range part {
		o := ordered(int32(math.Float32bits(v)))
		least, greatest = min(least, o), max(greatest, o)
	}
	return math.Float32frombits(uint32(ordered(least))), math.Float32frombits(uint32(ordered(greatest)))
}

// ordered turns the bits of a float32 into an integer of the same order, and back: of negative numbers it flips all bits
// but the sign.
func ordered(bits int32) int32 { return bits ^ bits>>31&math.MaxInt32 }

func firstBeyond(part []float32) int {
	for i, v := range part {
		if !(v >= -limit && v <= limit) {
			return i
		}
	}
	return -1
}

// encode and decode convert their products, which keeps them from being fused with the sums: the bits are the same on
// every machine.
func (r run) encode(codes []uint8, src []float32) {
	codes = codes[:len(src)]
	low, inverse := r.low, 1/r.step
	for i, v := range src {
		codes[i] = uint8(math.Float32bits(float32((v-low)*inverse) + rounder))
	}
}

func (r run) decode(dst []float32, codes []uint8) {
	codes = codes[:len(dst)]
	for i, code := range codes {
		dst[i] = r.low + float32(float32(code)*r.step)
	}
}

// fromInt8 fills dst.
func fromInt8(dst []float32, codes []uint8, runs []run, size int) {
	for i := 0; i*size < len(dst); i++ {
		runs[i].decode(dst[i*size:min(len(dst), (i+1)*size)], codes[i*size:])
	}
}
