package pack

// BFloat16 is the upper half of a float32: its range, eight bits of precision.

import "math"

const infinity = 0x7f800000 // the bits; NaN have more, whatever their sign

// toBFloat16 rounds src to nearest, ties to even, into the first of dst. The error is at most 2⁻⁸ of a normal number;
// NaN and infinities stay, and what is nearer to 2¹²⁸ than to any bfloat16 (3.396e38 and more) becomes infinite.
func toBFloat16(dst []uint16, src []float32) {
	dst = dst[:len(src)]
	greatest := uint32(0)
	for i, v := range src {
		bits := math.Float32bits(v)
		greatest = max(greatest, bits<<1)
		dst[i] = uint16((bits + 0x7fff + bits>>16&1) >> 16)
	}
	if greatest > infinity<<1 {
		keepNaN(dst, src)
	}
}

// keepNaN writes the NaN of src again: rounding cut them down to infinities or carried into the sign.
func keepNaN(dst []uint16, src []float32) {
	for i, v := range src {
		if v != v {
			dst[i] = uint16(math.Float32bits(v)>>16) | 0x40
		}
	}
}

func fromBFloat16(dst []float32, src []uint16) {
	src = src[:len(dst)]
	for i, v := range src {
		dst[i] = math.Float32frombits(uint32(v) << 16)
	}
}
