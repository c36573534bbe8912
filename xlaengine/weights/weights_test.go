package weights

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"
	"github.com/latentchain/latentchain/xlaengine/weights/gguftest"
)

const models = "../../testdata/models/"

// Every form a model may come in gives the same numbers.
func TestAllFormsReadTheSame(t *testing.T) {
	shards := func(t *testing.T) string {
		files := map[string]string{"config.json": smallJSON}
		one, two, index := map[string]stored{}, map[string]stored{}, `{"weight_map": {"x": "x"`
		for i, spec := range Wanted(small) {
			x := smallTensors("F32")[spec.Name]
			file := "a.safetensors"
			if i%2 == 0 {
				file, one[spec.Name] = "b.safetensors", x
			} else {
				two[spec.Name] = x
			}
			index += `, "` + spec.Name + `": "` + file + `"`
		}
		files["b.safetensors"], files["a.safetensors"] = string(safetensors(t, one)), string(safetensors(t, two))
		files[indexFile] = strings.Replace(index, `"x": "x", `, "", 1) + "}}"
		return folder(t, files)
	}
	for form, path := range map[string]string{
		"one file":  smallFolder(t, "F32"),
		"f16":       smallFolder(t, "F16"),
		"bf16":      smallFolder(t, "BF16"),
		"shards":    shards(t),
		"gguf":      gguftest.Write(t, "small.gguf", smallKeys, smallGGUF()...),
		"gguf, f16": gguftest.Write(t, "small.gguf", smallKeys, asF16(smallGGUF())...),
		// Places in the file need not be in the order of the list.
		"gguf, shuffled": gguftest.Write(t, "small.gguf", smallKeys, smallGGUF()...),
	} {
		t.Run(form, func(t *testing.T) {
			if form == "gguf, shuffled" {
				shuffle(t, path)
			}
			m, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if len(m.Names()) != len(Wanted(small)) {
				t.Errorf("%d tensors, want %d", len(m.Names()), len(Wanted(small)))
			}
			for _, spec := range Wanted(small) {
				shape, ok := m.Shape(spec.Name)
				if !ok || !slices.Equal(shape, spec.Shape) {
					t.Errorf("%s: shape %v, want %v", spec.Name, shape, spec.Shape)
				}
				got, want := make([]float32, size(shape)), values(spec.Name, size(shape))
				if err := m.Read(spec.Name, got); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: got %v…, want %v…", spec.Name, got[:8], want[:8])
				}
			}
		})
	}
}

func asF16(tensors []gguftest.Tensor) []gguftest.Tensor {
	tensors = slices.Clone(tensors)
	for i, x := range tensors {
		var data []byte
		for j := 0; j < len(x.Bytes); j += 4 {
			v := math.Float32frombits(uint32(x.Bytes[j]) | uint32(x.Bytes[j+1])<<8 | uint32(x.Bytes[j+2])<<16 | uint32(x.Bytes[j+3])<<24)
			data = append(data, byte(toHalf(v)), byte(toHalf(v)>>8))
		}
		tensors[i].Type, tensors[i].Bytes = gguf.TensorTypeF16, data
	}
	return tensors
}

// shuffle swaps the places of two tensors of the same size: their offsets in the header, and their bytes.
func shuffle(t *testing.T, path string) {
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const a, b = "blk.0.ffn_gate.weight", "blk.1.ffn_up.weight"
	place := func(name string) (bytes, offset []byte) {
		info, _ := f.GetTensorInfo(name)
		at := f.DataOffset() + int64(info.Offset)
		inHeader := strings.Index(string(data), name) + len(name) + 4 + 2*8 + 4
		return data[at : at+info.NumBytes()], data[inHeader : inHeader+8]
	}
	bytesA, offsetA := place(a)
	bytesB, offsetB := place(b)
	for i := range bytesA {
		bytesA[i], bytesB[i] = bytesB[i], bytesA[i]
	}
	for i := range offsetA {
		offsetA[i], offsetB[i] = offsetB[i], offsetA[i]
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTinyModelsOpen(t *testing.T) {
	for _, name := range []string{"tiny-llama3", "tiny-qwen2", "tiny-qwen3"} {
		m, err := Open(models + name)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for _, tensor := range m.Names() {
			shape, _ := m.Shape(tensor)
			if err := m.Read(tensor, make([]float32, size(shape))); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	m, err := Open(smallFolder(t, "F32"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, test := range []struct {
		name string
		room int
		want string
	}{
		{"lm_head.weight", 40 * 32, "read small: it has no tensor lm_head.weight"},
		{"model.norm.weight", 31, "read small: tensor model.norm.weight: room for 31 elements, want 32"},
	} {
		if err := m.Read(test.name, make([]float32, test.room)); err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if err := os.Truncate(filepath.Join(m.Path(), "model.safetensors"), 5000); err != nil {
		t.Fatal(err)
	}
	if err := m.Read("model.norm.weight", make([]float32, 32)); err == nil || !strings.Contains(err.Error(), "file is truncated") {
		t.Errorf("file cut while open: got %v", err)
	}
}

func TestNaNNamesTheTensor(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		tensors := edit(smallGGUF(), "blk.1.ffn_up.weight", func(x *gguftest.Tensor) {
			v := make([]float32, 64*32)
			v[777] = bad
			*x = gguftest.F32(x.Name, v, x.Shape...)
		})
		m, err := Open(gguftest.Write(t, "small.gguf", smallKeys, tensors...))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		err = m.Read("model.layers.1.mlp.up_proj.weight", make([]float32, 64*32))
		if err == nil || !strings.Contains(err.Error(), "read small.gguf: tensor blk.1.ffn_up.weight: element 777 is") {
			t.Errorf("%v: got %v", bad, err)
		}
	}
}

func TestCheckFinite(t *testing.T) {
	v := make([]float32, 1001)
	v[0], v[1], v[2], v[3] = math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.Copysign(0, -1))
	if err := CheckFinite("x", v); err != nil {
		t.Error(err)
	}
	for _, i := range []int{0, 4, 997, 1000} {
		was := v[i]
		v[i] = float32(math.NaN())
		if err := CheckFinite("x", v); err == nil || !strings.Contains(err.Error(), "tensor x: element") {
			t.Errorf("NaN at %d: %v", i, err)
		}
		v[i] = was
	}
}

func TestManyGoroutinesRead(t *testing.T) {
	m, err := Open(gguftest.Write(t, "small.gguf", smallKeys, smallGGUF()...))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var wg sync.WaitGroup
	for range 4 {
		for _, spec := range Wanted(small) {
			wg.Go(func() {
				got := make([]float32, size(spec.Shape))
				if err := m.Read(spec.Name, got); err != nil || !slices.Equal(got, values(spec.Name, len(got))) {
					t.Errorf("%s: %v", spec.Name, err)
				}
			})
		}
	}
	wg.Wait()
}

// An error leaves no file open, or the folder could not be removed on some systems.
func TestFailedOpenClosesItsFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts open files in /proc, which only Linux has")
	}
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	path := gguftest.Write(t, "small.gguf", smallKeys, without(smallGGUF(), "output_norm.weight")...)
	before := open()
	if _, err := Open(path); err == nil {
		t.Error("opened without output_norm.weight")
	}
	if after := open(); after != before {
		t.Errorf("%d files open, %d before", after, before)
	}
}

func BenchmarkRead(b *testing.B) {
	m, err := Open(models + "tiny-llama3")
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	dst := make([]float32, 512*64)
	b.SetBytes(int64(4 * len(dst)))
	for b.Loop() {
		if err := m.Read("model.embed_tokens.weight", dst); err != nil {
			b.Fatal(err)
		}
	}
}
