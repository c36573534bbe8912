// A writer of small GGUF files, for tests that need one with just these keys and tensors.

// Package gguftest writes small GGUF files for tests.
package gguftest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"
)

// Tensor is one tensor as it is to be stored. Shape is as in Hugging Face's files, outermost first.
type Tensor struct {
	Name  string
	Shape []int
	Type  gguf.TensorType
	Bytes []byte
}

// F32 is a tensor of float32.
func F32(name string, values []float32, shape ...int) Tensor {
	data, _ := binary.Append(nil, binary.LittleEndian, values)
	return Tensor{name, shape, gguf.TensorTypeF32, data}
}

// Bytes returns a GGUF file with the keys in alphabetical order and the tensors in the order given. Values may be
// string, bool, uint32, int32, uint64, float32, []string, []int32 or []uint32.
func Bytes(t testing.TB, keys map[string]any, tensors ...Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) { put(uint64(len(s))); b.WriteString(s) }
	b.WriteString("GGUF")
	put(uint32(3))
	put(uint64(len(tensors)))
	put(uint64(len(keys)))
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		text(key)
		switch v := keys[key].(type) {
		case uint32:
			put(uint32(4))
			put(v)
		case int32:
			put(uint32(5))
			put(v)
		case float32:
			put(uint32(6))
			put(v)
		case bool:
			put(uint32(7))
			put(v)
		case string:
			put(uint32(8))
			text(v)
		case uint64:
			put(uint32(10))
			put(v)
		case []uint32:
			put([]uint32{9, 4})
			put(uint64(len(v)))
			put(v)
		case []int32:
			put([]uint32{9, 5})
			put(uint64(len(v)))
			put(v)
		case []string:
			put([]uint32{9, 8})
			put(uint64(len(v)))
			for _, s := range v {
				text(s)
			}
		default:
			t.Fatal(fmt.Errorf("gguftest: key %s is a %T", key, v))
		}
	}
	var offset uint64
	for _, x := range tensors {
		text(x.Name)
		put(uint32(len(x.Shape)))
		for _, d := range slices.Backward(x.Shape) {
			put(uint64(d))
		}
		put(uint32(x.Type))
		put(offset)
		offset += uint64(padded(len(x.Bytes)))
	}
	pad := func() { b.Write(make([]byte, padded(b.Len())-b.Len())) }
	pad()
	for _, x := range tensors {
		b.Write(x.Bytes)
		pad()
	}
	return b.Bytes()
}

func padded(n int) int { return (n + 31) / 32 * 32 }

// Write writes such a file to a folder of its own and returns its path, which ends with name.
func Write(t testing.TB, name string, keys map[string]any, tensors ...Tensor) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, Bytes(t, keys, tensors...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
