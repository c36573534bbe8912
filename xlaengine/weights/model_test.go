// The model these tests open: two layers, small enough to write in every form and to break in every place.

package weights

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/config"
	"github.com/latentchain/latentchain/xlaengine/weights/gguftest"
)

var small = config.Config{
	Architecture: "llama", Vocab: 40, Dim: 32, Layers: 2, Heads: 4, KVHeads: 2, HeadDim: 8, FFN: 64, Context: 64,
	NormEps: 1e-5, RopeTheta: 10000, Tied: true, BOS: -1,
}

const smallJSON = `{"model_type": "llama", "vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
	"num_key_value_heads": 2, "intermediate_size": 64, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": true}`

// stored is a tensor in a safetensors file.
type stored struct {
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
	bytes   []byte
}

// value is element i of a tensor of the small model: a number all float formats hold exactly.
func value(name string, i int) float32 { return float32((len(name)*31+i*7)%255-127) / 64 }

func values(name string, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = value(name, i)
	}
	return v
}

// smallTensors are all tensors of the small model with weights of the type given.
func smallTensors(dtype string) map[string]stored {
	all := map[string]stored{}
	for _, spec := range Wanted(small) {
		var data []byte
		for _, v := range values(spec.Name, size(spec.Shape)) {
			bits := math.Float32bits(v)
			switch dtype {
			case "F32":
				data = binary.LittleEndian.AppendUint32(data, bits)
			case "BF16":
				data = binary.LittleEndian.AppendUint16(data, uint16(bits>>16))
			case "F16":
				data = binary.LittleEndian.AppendUint16(data, toHalf(v))
			}
		}
		all[spec.Name] = stored{DType: dtype, Shape: spec.Shape, bytes: data}
	}
	return all
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// toHalf is exact for value's numbers: zero, or 2^-6 to 2 in steps a half-precision number has.
func toHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	if v == 0 {
		return 0
	}
	return uint16(bits>>16&0x8000 | (bits>>23&255-112)<<10 | bits>>13&0x3ff)
}

// safetensors lays tensors out by name and returns the file.
func safetensors(t testing.TB, tensors map[string]stored) []byte {
	t.Helper()
	header, data := map[string]any{"__metadata__": map[string]string{"format": "pt"}}, []byte(nil)
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		x := tensors[name]
		x.Offsets = [2]int64{int64(len(data)), int64(len(data) + len(x.bytes))}
		header[name] = x
		data = append(data, x.bytes...)
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return withHeader(string(text), data)
}

func withHeader(header string, data []byte) []byte {
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(file, header...), data...)
}

// folder writes files, by name, to a folder called small.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func smallFolder(t testing.TB, dtype string) string {
	t.Helper()
	return folder(t, map[string]string{"config.json": smallJSON, "model.safetensors": string(safetensors(t, smallTensors(dtype)))})
}

var smallKeys = map[string]any{
	"general.architecture": "llama", "llama.embedding_length": uint32(32), "llama.block_count": uint32(2),
	"llama.attention.head_count": uint32(4), "llama.attention.head_count_kv": uint32(2), "llama.feed_forward_length": uint32(64),
	"llama.context_length": uint32(64), "llama.attention.layer_norm_rms_epsilon": float32(1e-5),
	"tokenizer.ggml.tokens": []string{"a", "b"},
}

// smallGGUF returns the same model's tensors as a converter would write them, rows of q and k in pairs.
func smallGGUF() []gguftest.Tensor {
	var all []gguftest.Tensor
	for _, spec := range Wanted(small) {
		v := values(spec.Name, size(spec.Shape))
		name := rename(spec.Name, "model.layers.", "blk.", 0, 1)
		if rotated.MatchString(spec.Name) {
			v = interleave(v, small.HeadDim, spec.Shape[1])
		}
		all = append(all, gguftest.F32(name, v, spec.Shape...))
	}
	return all
}

// interleave is the converter's side of deinterleave, written by index as the definition has it:
// row 2i+s of a head in GGUF is row s·half+i of the head in Hugging Face's file.
func interleave(v []float32, headDim, width int) []float32 {
	out := make([]float32, len(v))
	for row := range len(v) / width {
		head, in := row/headDim, row%headDim
		from := head*headDim + in%2*headDim/2 + in/2
		copy(out[row*width:(row+1)*width], v[from*width:])
	}
	return out
}

func edit(tensors []gguftest.Tensor, name string, change func(*gguftest.Tensor)) []gguftest.Tensor {
	tensors = slices.Clone(tensors)
	for i := range tensors {
		if tensors[i].Name == name {
			change(&tensors[i])
			return tensors
		}
	}
	panic(fmt.Sprintf("no tensor %s", name))
}

func without(tensors []gguftest.Tensor, name string) []gguftest.Tensor {
	return slices.DeleteFunc(slices.Clone(tensors), func(x gguftest.Tensor) bool { return x.Name == name })
}
