package weights

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/latentchain/latentchain/xlaengine/weights/gguftest"
)

func TestBlocksByHand(t *testing.T) {
	const one, half, two = "\x00\x3c", "\x00\x38", "\x00\x40" // 1, 0.5 and 2 in half precision
	repeat := func(b string, n int) string { return string(bytes.Repeat([]byte(b), n)) }
	for _, test := range []struct {
		format gguf.TensorType
		block  string
		want   map[int]float32
	}{
		{gguf.TensorTypeQ8_0, half + "\x01\xff" + repeat("\x00", 29) + "\x80", map[int]float32{0: 0.5, 1: -0.5, 2: 0, 31: -64}},
		{gguf.TensorTypeQ4_0, half + "\x8f\x07" + repeat("\x88", 14), map[int]float32{0: 3.5, 1: -0.5, 2: 0, 16: 0, 17: -4}},
		{gguf.TensorTypeQ4_1, half + two + "\x1f" + repeat("\x00", 15), map[int]float32{0: 9.5, 1: 2, 16: 2.5, 31: 2}},
		{gguf.TensorTypeQ5_0, one + "\x01\x00\x01\x80" + "\x21" + repeat("\x00", 15), map[int]float32{0: 1, 1: -16, 16: 2, 31: 0}},
		{gguf.TensorTypeQ5_1, one + two + "\x01\x00\x01\x80" + "\x21" + repeat("\x00", 15), map[int]float32{0: 19, 1: 2, 16: 20, 31: 18}},
	} {
		format := ggmlFormats[test.format]
		got := make([]float32, format.block)
		format.decode(got, []byte(test.block))
		for i, want := range test.want {
			if got[i] != want {
				t.Errorf("%s: number %d is %g, want %g", format.name, i, got[i], want)
			}
		}
	}
}

func TestHalfIsExactForAllNumbers(t *testing.T) {
	for h := range 1 << 16 {
		exponent, fraction := h>>10&31, float64(h&1023)
		want := math.Ldexp(1+fraction/1024, exponent-15)
		switch {
		case exponent == 0:
			want = math.Ldexp(fraction, -24)
		case exponent == 31 && fraction == 0:
			want = math.Inf(1)
		case exponent == 31:
			want = math.NaN()
		}
		if h>>15 == 1 {
			want = -want
		}
		got := float64(half(binary.LittleEndian.AppendUint16(nil, uint16(h))))
		if got != want && !(math.IsNaN(got) && math.IsNaN(want)) || math.Signbit(got) != math.Signbit(want) && !math.IsNaN(want) {
			t.Fatalf("%04x is %g, want %g", h, got, want)
		}
	}
}

// Random blocks of each format, in a file, against go-huggingface's decoder, bit by bit.
func TestFormatsEqualGoHuggingface(t *testing.T) {
	scales := map[string][]int{ // where a block has half-precision numbers
		"F16": {0}, "Q8_0": {0}, "Q4_0": {0}, "Q4_1": {0, 2}, "Q5_0": {0}, "Q5_1": {0, 2},
		"Q2_K": {80, 82}, "Q3_K": {108}, "Q4_K": {0, 2}, "Q5_K": {0, 2}, "Q6_K": {208},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for kind, format := range ggmlFormats {
		t.Run(format.name, func(t *testing.T) {
			const n = 3*partElements + 512 // more than one part
			data := make([]byte, n/format.block*format.blockBytes)
			for i := range data {
				data[i] = byte(random.Uint32())
			}
			for block := 0; block < len(data); block += format.blockBytes {
				for _, at := range scales[format.name] {
					data[block+at+1] &= 0xbf // no infinity or NaN
				}
				if format.name == "F32" || format.name == "BF16" {
					data[block+format.blockBytes-1] &= 0xbf
				}
			}
			path := gguftest.Write(t, "x.gguf", nil, gguftest.Tensor{Name: "x", Shape: []int{n / 512, 512}, Type: kind, Bytes: data})
			file, err := gguf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			reader, err := gguf.NewReader(file)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			theirs, err := reader.ReadTensor(nil, "x")
			if err != nil {
				t.Fatal(err)
			}
			var want []float32
			switch format.name {
			case "F16", "BF16": // theirs stay in 16 bits; here the bits are what counts
				theirs.ConstBytes(func(b []byte) { want = make([]float32, n); format.decode(want, b) })
			default:
				want, err = tensors.CopyFlatData[float32](theirs)
				if err != nil {
					t.Fatal(err)
				}
			}
			x, err := ggufTensor(file.TensorInfos[0], int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			x.file = bytes.NewReader(data)
			got := make([]float32, n)
			if err := x.read(got); err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("number %d is %g, want %g", i, got[i], want[i])
				}
			}
		})
	}
}

func TestDeinterleaveUndoesInterleave(t *testing.T) {
	// One head of four rows of one number: pairs (0,2) and (1,3) of halves are neighbours in a GGUF.
	v := []float32{0, 2, 1, 3}
	if deinterleave(v, 4, 1); !slices.Equal(v, []float32{0, 1, 2, 3}) {
		t.Errorf("got %v, want 0 1 2 3", v)
	}
	for _, shape := range [][3]int{{3, 8, 5}, {1, 2, 1}, {2, 64, 7}} {
		heads, headDim, width := shape[0], shape[1], shape[2]
		want := values("x", heads*headDim*width)
		got := interleave(want, headDim, width)
		if deinterleave(got, headDim, width); !slices.Equal(got, want) {
			t.Errorf("%v: rows are not where they were", shape)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, kind := range []gguf.TensorType{gguf.TensorTypeF32, gguf.TensorTypeF16, gguf.TensorTypeBF16, gguf.TensorTypeQ8_0, gguf.TensorTypeQ4_0, gguf.TensorTypeQ4_1, gguf.TensorTypeQ4_K, gguf.TensorTypeQ6_K} {
		format := ggmlFormats[kind]
		b.Run(format.name, func(b *testing.B) {
			dst, src := make([]float32, partElements), make([]byte, partElements/format.block*format.blockBytes)
			b.SetBytes(4 * partElements)
			for b.Loop() {
				format.decode(dst, src)
			}
		})
	}
}
