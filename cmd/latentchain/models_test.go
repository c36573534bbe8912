package main

// Models for tests: the tiny one, and others made of it that take long or are broken.

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/config"
	"github.com/latentchain/latentchain/xlaengine/weights"
	"github.com/latentchain/latentchain/xlaengine/weights/gguftest"
)

// tiny is the folder of a model with random weights.
func tiny(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "testdata", "models", "tiny-qwen3"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// changedModel is a copy of the tiny model with some fields of its configuration changed.
func changedModel(t *testing.T, fields map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(tiny(t))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	maps.Copy(all, fields)
	if data, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// endlessModel is one whose context does not fill up within a test.
func endlessModel(t *testing.T) string {
	return changedModel(t, map[string]any{"max_position_embeddings": 1 << 21})
}

// largeModel is one that takes a while to load: 16 layers of 16 MB, all zeros, in a file without blocks.
func largeModel(t *testing.T) string {
	dir := changedModel(t, map[string]any{"num_hidden_layers": 16, "layer_types": nil, "intermediate_size": 20000})
	path := filepath.Join(dir, "model.safetensors")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	header, end := map[string]any{}, 0
	for _, spec := range wantedBy(t, dir) {
		size := 4
		for _, n := range spec.Shape {
			size *= n
		}
		header[spec.Name] = map[string]any{"dtype": "F32", "shape": spec.Shape, "data_offsets": []int{end, end + size}}
		end += size
	}
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
	if err := os.WriteFile(path, append(data, text...), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(8+len(text)+end)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantedBy(t *testing.T, dir string) []weights.Spec {
	t.Helper()
	c, err := config.FromFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	return weights.Wanted(c)
}

// truncatedGGUF is the path of a GGUF file that ends in the middle of its tensor.
func truncatedGGUF(t *testing.T) string {
	t.Helper()
	data := gguftest.Bytes(t, map[string]any{
		"general.architecture": "llama", "llama.embedding_length": uint32(8), "llama.block_count": uint32(1),
		"llama.attention.head_count": uint32(2), "llama.feed_forward_length": uint32(16), "llama.context_length": uint32(64),
		"llama.attention.layer_norm_rms_epsilon": float32(1e-5),
	}, gguftest.F32("token_embd.weight", make([]float32, 64), 8, 8))
	path := filepath.Join(t.TempDir(), "small.gguf")
	if err := os.WriteFile(path, data[:len(data)-8], 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
