package xlaengine

// What the header of a memory's file says. All of it follows from the engine and from length, digest and origin of the
// memory, so a header is checked by making the one it must be.

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/gomlx/compute/dtypes"
)

// memoryFile is a file as its header describes it.
type memoryFile struct {
	metadata map[string]string
	tensors  []fileTensor // in the order of their bytes: keys and values of each layer, then the SHA-256
}

type fileTensor struct {
	name    string
	DType   string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"` // from the end of the header
}

// memoryFile describes the file of a memory of this engine.
func (e *Engine) memoryFile(length int, made digest, joined bool) memoryFile {
	dtype, size := "F32", int64(4)
	if e.dev.dtype == dtypes.BFloat16 {
		dtype, size = "BF16", 2
	}
	f := memoryFile{metadata: map[string]string{
		"format":   memoryFormat,
		"version":  memoryVersion,
		"model":    e.digest,
		"digest":   hex.EncodeToString(made[:]),
		"joined":   strconv.FormatBool(joined),
		"length":   strconv.Itoa(length),
		"layers":   strconv.Itoa(e.dec.Layers),
		"kv_heads": strconv.Itoa(e.dec.KVHeads),
		"head_dim": strconv.Itoa(e.dec.HeadDim),
		"dtype":    dtype,
	}}
	at := int64(0)
	add := func(name, dtype string, size int64, shape ...int) {
		f.tensors = append(f.tensors, fileTensor{name, dtype, shape, [2]int64{at, at + size}})
		at += size
	}
	kv, hd := e.dec.KVHeads, e.dec.HeadDim
	size *= int64(kv) * int64(hd) * int64(length)
	for layer := range e.dec.Layers {
		add(fmt.Sprintf("layer.%d.keys", layer), dtype, size, kv, hd, length)
		add(fmt.Sprintf("layer.%d.values", layer), dtype, size, kv, length, hd)
	}
	add("sha256", "U8", int64(len(made)), len(made))
	return f
}

// halved says whether numbers are bfloat16.
func (f memoryFile) halved() bool { return f.metadata["dtype"] == "BF16" }

// header returns the first bytes of the file: the length of the JSON in eight bytes, and the JSON, filled up with
// spaces so that tensors begin at a multiple of eight.
func (f memoryFile) header() ([]byte, error) {
	entries := map[string]any{"__metadata__": f.metadata}
	for _, t := range f.tensors {
		entries[t.name] = t
	}
	text, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	text = append(text, bytes.Repeat([]byte(" "), -len(text)&7)...)
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), nil
}

// same says what in a header's metadata and entries is not as it must be for this file.
func (f memoryFile) same(metadata map[string]string, entries map[string]json.RawMessage) error {
	if got, want := metadata["model"], f.metadata["model"]; got != want {
		return fmt.Errorf("it was made with weights %.12s…, this engine has %.12s…; open the model it was made with", got, want)
	}
	if got, want := metadata["dtype"], f.metadata["dtype"]; got != want {
		return fmt.Errorf("its numbers are %s, this engine's are %s; open the model with WithBFloat16(%t)", got, want, !f.halved())
	}
	for _, key := range slices.Sorted(maps.Keys(f.metadata)) {
		if got, want := metadata[key], f.metadata[key]; got != want {
			return fmt.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for _, want := range f.tensors {
		got := fileTensor{name: want.name}
		if err := json.Unmarshal(entries[want.name], &got); err != nil {
			return fmt.Errorf("tensor %s: missing or not as safetensors has it", want.name)
		}
		if got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) || got.Offsets != want.Offsets {
			return fmt.Errorf("tensor %s: %s %v at bytes %v, want %s %v at %v",
				want.name, got.DType, got.Shape, got.Offsets, want.DType, want.Shape, want.Offsets)
		}
	}
	if n := len(entries) - 1; n != len(f.tensors) {
		return fmt.Errorf("the header has %d tensors, want %d", n, len(f.tensors))
	}
	return nil
}
