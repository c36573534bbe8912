// How numbers are stored: plain floats, and ggml's blocks of small integers with a scale. Each format is a size
// and a function from bytes to float32; ggml's blocks of 256 with scales of their own are in kquants.go. The
// formats are those of ggml's gguf documentation. Products are rounded before they are added (the conversions
// to float32 say so), so that every machine reads the same weights.

package weights

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/go-huggingface/models/gguf"
)

// format is how a run of numbers lies in a file.
type format struct {
	name              string
	block, blockBytes int // elements, and bytes they take
	// decode reads len(dst) elements, a multiple of block, from exactly their bytes. nil: unknown format.
	decode func(dst []float32, src []byte)
}

var (
	f32  = format{"F32", 1, 4, decodeF32}
	f16  = format{"F16", 1, 2, decodeF16}
	bf16 = format{"BF16", 1, 2, decodeBF16}
)

var ggmlFormats = map[gguf.TensorType]format{
	gguf.TensorTypeF32:  f32,
	gguf.TensorTypeF16:  f16,
	gguf.TensorTypeBF16: bf16,
	gguf.TensorTypeQ8_0: {"Q8_0", 32, 34, decodeQ8},
	gguf.TensorTypeQ4_0: {"Q4_0", 32, 18, decodeQ40},
	gguf.TensorTypeQ4_1: {"Q4_1", 32, 20, decodeQ41},
	gguf.TensorTypeQ5_0: {"Q5_0", 32, 22, decodeQ50},
	gguf.TensorTypeQ5_1: {"Q5_1", 32, 24, decodeQ51},
	gguf.TensorTypeQ2_K: {"Q2_K", 256, 84, decodeQ2K},
	gguf.TensorTypeQ3_K: {"Q3_K", 256, 110, decodeQ3K},
	gguf.TensorTypeQ4_K: {"Q4_K", 256, 144, decodeQ4K},
	gguf.TensorTypeQ5_K: {"Q5_K", 256, 176, decodeQ5K},
	gguf.TensorTypeQ6_K: {"Q6_K", 256, 210, decodeQ6K},
}

// supported lists the formats' names.
func supported() string {
	var names []string
	for _, f := range ggmlFormats {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func decodeF32(dst []float32, src []byte) {
	src = src[:4*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

// halves are all half-precision numbers by their bits. Looking one up takes a third of the time of computing it,
// and the rare very small ones take processors a hundred times as long.
var halves = sync.OnceValue(func() *[1 << 16]float32 {
	var all [1 << 16]float32
	var b [2]byte
	for i := range all {
		binary.LittleEndian.PutUint16(b[:], uint16(i))
		all[i] = half(b[:])
	}
	return &all
})

func decodeF16(dst []float32, src []byte) {
	table, src := halves(), src[:2*len(dst)]
	for i := range dst {
		dst[i] = table[binary.LittleEndian.Uint16(src[2*i:])]
	}
}

func decodeBF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
	}
}

// half reads an IEEE half-precision number. Its bits, put where a float32 has them, are the number times 2^-112
// (subnormal ones included), but for infinity and NaN, whose exponent must become all ones.
func half(src []byte) float32 {
	h := uint32(binary.LittleEndian.Uint16(src))
	bits := math.Float32bits(math.Float32frombits(h&0x7fff<<13) * 0x1p112)
	if h&0x7c00 == 0x7c00 {
		bits |= 0x7f800000
	}
	return math.Float32frombits(bits | h&0x8000<<16)
}

// decodeQ8: scale, 32 signed bytes.
func decodeQ8(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[34:] {
		d, q, out := half(src), src[2:34], dst[:32]
		for i := range out {
			out[i] = d * float32(int8(q[i]))
		}
	}
}

// decodeQ40: scale, 16 bytes whose low halves are the first 16 numbers plus 8, high halves the last 16.
func decodeQ40(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[18:] {
		d, q, lo, hi := half(src), src[2:18], dst[:16], dst[16:32]
		for i := range lo {
			lo[i] = d * float32(int32(q[i]&15)-8)
			hi[i] = d * float32(int32(q[i]>>4)-8)
		}
	}
}

// decodeQ41: scale, minimum, halves as in Q4_0 with nothing added.
func decodeQ41(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[20:] {
		d, m, q, lo, hi := half(src), half(src[2:]), src[4:20], dst[:16], dst[16:32]
		for i := range lo {
			lo[i] = float32(d*float32(int32(q[i]&15))) + m
			hi[i] = float32(d*float32(int32(q[i]>>4))) + m
		}
	}
}

// decodeQ50: as Q4_0, with a fifth bit of each number in 4 bytes before the halves, and 16 added.
func decodeQ50(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[22:] {
		d, fifth, q := half(src), binary.LittleEndian.Uint32(src[2:]), src[6:22]
		for i := range 16 {
			dst[i] = d * float32(int32(uint32(q[i]&15)|fifth>>i&1<<4)-16)
			dst[i+16] = d * float32(int32(uint32(q[i]>>4)|fifth>>(i+16)&1<<4)-16)
		}
	}
}

// decodeQ51: as Q4_1, with the fifth bits between minimum and halves.
func decodeQ51(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[24:] {
		d, m, fifth, q := half(src), half(src[2:]), binary.LittleEndian.Uint32(src[4:]), src[8:24]
		for i := range 16 {
			dst[i] = float32(d*float32(uint32(q[i]&15)|fifth>>i&1<<4)) + m
			dst[i+16] = float32(d*float32(uint32(q[i]>>4)|fifth>>(i+16)&1<<4)) + m
		}
	}
}
