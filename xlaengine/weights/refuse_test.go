package weights

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"
	"github.com/latentchain/latentchain/xlaengine/weights/gguftest"
)

func TestOpenFolderNamesTheFault(t *testing.T) {
	file := func(change func(map[string]stored)) string {
		all := smallTensors("F32")
		change(all)
		return string(safetensors(t, all))
	}
	good := file(func(map[string]stored) {})
	const q = "model.layers.1.self_attn.q_proj.weight"
	header := func(h string) string { return string(withHeader(h, make([]byte, 8))) }
	one := func(entry string) string { return header(`{"a": ` + entry + `}`) }
	for _, test := range []struct {
		claim, file, want string
	}{
		{"missing", file(func(m map[string]stored) { delete(m, q) }), "tensor " + q + " is missing"},
		{"several missing", file(func(m map[string]stored) { clear(m) }), "tensor model.embed_tokens.weight is missing (and 19 more)"},
		{"extra", file(func(m map[string]stored) { m["extra.weight"] = m[q] }), "tensor extra.weight is not part of a llama model with this configuration"},
		{"bias the config does not have", file(func(m map[string]stored) { m["model.layers.1.self_attn.q_proj.bias"] = m["model.norm.weight"] }),
			"tensor model.layers.1.self_attn.q_proj.bias is not part"},
		{"shape", file(func(m map[string]stored) { x := m[q]; x.Shape = []int{64, 16}; m[q] = x }), "tensor " + q + ": shape [64 16], want [32 32]"},
		{"type", file(func(m map[string]stored) { x := m[q]; x.DType = "I32"; m[q] = x }), "tensor " + q + ": type I32 is not supported"},
		{"size", file(func(m map[string]stored) { x := m[q]; x.bytes = x.bytes[:64]; m[q] = x }), "tensor " + q + ": F32 [32 32] in 64 bytes, want 4096"},
		{"truncated", good[:len(good)-1], "it is truncated"},
		{"longer", good + "x", "tensors take"},
		{"empty", "", "safetensors header: the file has 0 bytes"},
		{"header longer than the file", "\xff\xff\x00\x00\x00\x00\x00\x00{}", "safetensors header: 65535 bytes long, but the file has 10"},
		{"header absurdly long", "\xff\xff\xff\xff\xff\xff\xff\xff{}", "it is truncated or not a safetensors file"},
		{"header not JSON", header("not JSON"), "safetensors header: not a JSON object"},
		{"header cut", header(`{"a": {`), "safetensors header: a: unexpected EOF"},
		{"text after the header", header(`{} {}`), "safetensors header: text after the JSON object"},
		{"tensor not an object", one(`7`), "safetensors header: a: json: cannot unmarshal number"},
		{"overlap", header(`{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}`), "tensor b: begins at byte 0, want 4: tensors overlap or leave a gap"},
		{"gap", one(`{"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}`), "tensor a: begins at byte 4, want 0"},
		{"backwards", one(`{"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}`), "tensor a: bytes 8 to 4"},
		{"negative place", one(`{"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}`), "tensor a: bytes -4 to 0"},
		{"negative shape", one(`{"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]}`), "tensor a: shape [-1 -2] is impossible"},
		{"shape that overflows", one(`{"dtype": "F32", "shape": [4294967296, 4294967296, 2], "data_offsets": [0, 8]}`), "is impossible"},
		{"twice", header(`{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}`), "tensor a is there twice"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			dir := folder(t, map[string]string{"config.json": smallJSON, "model.safetensors": test.file})
			_, err := Open(dir)
			if err == nil || !strings.HasPrefix(err.Error(), "open small: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestOpenIndexNamesTheFault(t *testing.T) {
	all := smallTensors("F32")
	file := string(safetensors(t, all))
	index := func(change func(map[string]string)) string {
		names := map[string]string{}
		for name := range all {
			names[name] = "a.safetensors"
		}
		change(names)
		text := ""
		for name, file := range names {
			text += fmt.Sprintf(", %q: %q", name, file)
		}
		return `{"weight_map": {` + strings.TrimPrefix(text, ", ") + `}}`
	}
	for _, test := range []struct{ claim, index, want string }{
		{"not JSON", "[", indexFile + ": unexpected end"},
		{"no map", "{}", "weight_map is missing or empty"},
		{"file missing", index(func(m map[string]string) { m["other"] = "b.safetensors" }), "b.safetensors: no such file"},
		{"path", index(func(m map[string]string) { m["model.norm.weight"] = "../b.safetensors" }), `tensor model.norm.weight: "../b.safetensors" is not a file name`},
		{"tensor not in its file", index(func(m map[string]string) { m["other"] = "a.safetensors" }), "tensor other: not in a.safetensors"},
		{"tensor not in the index", index(func(m map[string]string) { delete(m, "model.norm.weight") }), "tensor model.norm.weight: in a.safetensors, but " + indexFile + ` says ""`},
	} {
		t.Run(test.claim, func(t *testing.T) {
			_, err := Open(folder(t, map[string]string{"config.json": smallJSON, "a.safetensors": file, indexFile: test.index}))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestOpenNamesWhatIsNotThere(t *testing.T) {
	text := filepath.Join(folder(t, map[string]string{"model.bin": ""}), "model.bin")
	for _, test := range []struct{ path, want string }{
		{filepath.Join(t.TempDir(), "none"), "no such file"},
		{text, "open model.bin: not a folder and not a .gguf file"},
		{folder(t, nil), "config.json: no such file"},
		{folder(t, map[string]string{"config.json": "{}"}), "open small: config.json: model_type is missing"},
		{folder(t, map[string]string{"config.json": smallJSON}), "no model.safetensors and no " + indexFile},
	} {
		if _, err := Open(test.path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestHarmlessExtrasAreIgnored(t *testing.T) {
	all := smallTensors("F32")
	all["lm_head.weight"] = all["model.embed_tokens.weight"]
	all["model.layers.0.self_attn.rotary_emb.inv_freq"] = all["model.norm.weight"]
	m, err := Open(folder(t, map[string]string{"config.json": smallJSON, "model.safetensors": string(safetensors(t, all))}))
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	m, err = Open(gguftest.Write(t, "small.gguf", smallKeys, append(smallGGUF(), gguftest.F32("rope_freqs.weight", []float32{1, 1, 1, 1}, 4))...))
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
}

func TestOpenGGUFNamesTheFault(t *testing.T) {
	const q = "blk.1.attn_q.weight"
	write := func(tensors []gguftest.Tensor) string { return gguftest.Write(t, "small.gguf", smallKeys, tensors...) }
	for _, test := range []struct{ claim, path, want string }{
		{"missing", write(without(smallGGUF(), q)), "tensor " + q + " is missing"},
		{"extra", write(append(smallGGUF(), gguftest.F32("blk.1.extra", []float32{1}, 1))), "tensor blk.1.extra is not part of a llama model"},
		{"layer too many", write(append(smallGGUF(), gguftest.F32("blk.2.attn_norm.weight", make([]float32, 32), 32))), "tensor blk.2.attn_norm.weight is not part"},
		{"shape", write(edit(smallGGUF(), q, func(x *gguftest.Tensor) { x.Shape = []int{64, 16} })), "tensor " + q + ": shape [64 16], want [32 32]"},
		{"twice", write(append(smallGGUF(), smallGGUF()[0])), "tensor token_embd.weight: the same as token_embd.weight"},
		{"type", write(edit(smallGGUF(), q, func(x *gguftest.Tensor) { x.Type = gguf.TensorTypeIQ4_XS })), "tensor " + q + ": type IQ4_XS is not supported"},
		{"rows no multiple of a block", write(edit(smallGGUF(), "blk.0.ffn_up.weight", func(x *gguftest.Tensor) { x.Type = gguf.TensorTypeQ4_K })), "tensor blk.0.ffn_up.weight: shape [64 32] in Q4_K, want rows of a multiple of 256"},
		{"no gguf", folder(t, map[string]string{"x.gguf": "GGML"}) + "/x.gguf", `open x.gguf: gguf header: the file begins with "GGML"`},
		{"no gguf in capitals", folder(t, map[string]string{"x.GGUF": "GGML"}) + "/x.GGUF", `open x.GGUF: gguf header: the file begins with "GGML"`},
		{"empty", folder(t, map[string]string{"x.gguf": ""}) + "/x.gguf", "open x.gguf: gguf header: it goes on after the end"},
		{"version", folder(t, map[string]string{"x.gguf": "GGUF\x09\x00\x00\x00"}) + "/x.gguf", "version 9 is not supported"},
		{"absurd count", folder(t, map[string]string{"x.gguf": "GGUF\x03\x00\x00\x00\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}) + "/x.gguf", "it goes on after the end"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			_, err := Open(test.path)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// However short a file is cut, it is refused.
func TestTruncatedFilesAreRefused(t *testing.T) {
	whole := gguftest.Bytes(t, smallKeys, smallGGUF()...)
	dir := folder(t, map[string]string{"x.gguf": string(whole), "config.json": smallJSON, "model.safetensors": string(safetensors(t, smallTensors("BF16")))})
	for _, file := range []string{"x.gguf", "model.safetensors"} {
		path, opened := filepath.Join(dir, file), filepath.Join(dir, file)
		if file == "model.safetensors" {
			opened = dir
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		for size := info.Size() - 1; size >= 0; size -= 1 + size/97 {
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			if m, err := Open(opened); err == nil {
				m.Close()
				t.Errorf("%s: opened with %d of %d bytes", file, size, info.Size())
			}
		}
	}
}

func FuzzSafetensorsHeader(f *testing.F) {
	f.Add([]byte(`{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}`), int64(8))
	f.Add([]byte(`{"a": {"dtype": "BF16", "shape": [], "data_offsets": [0, 2]}, "__metadata__": {}}  `), int64(2))
	f.Add([]byte(`{"a": {"dtype": "?", "shape": [0, 9223372036854775807], "data_offsets": [0, 0]}}`), int64(0))
	f.Fuzz(func(t *testing.T, header []byte, dataSize int64) {
		tensors, err := parseHeader(header, dataSize)
		if err != nil {
			return
		}
		for _, x := range tensors {
			if x.decode != nil && (x.offset < 0 || x.offset+x.bytes() > dataSize) {
				t.Errorf("tensor %q: %d bytes from %d on, of %d", x.name, x.bytes(), x.offset, dataSize)
			}
		}
	})
}

func FuzzGGUF(f *testing.F) {
	f.Add(gguftest.Bytes(f, smallKeys, smallGGUF()[:2]...))
	f.Add(gguftest.Bytes(f, map[string]any{"general.alignment": uint32(1 << 31), "a": []string{"b"}, "c": true}))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "x.gguf")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := Open(path); err == nil {
			for _, name := range m.Names() {
				shape, _ := m.Shape(name)
				_ = m.Read(name, make([]float32, size(shape))) // may find NaN, must not panic
			}
			m.Close()
		}
	})
}
