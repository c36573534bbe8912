// Writing GGUF files that hold metadata and no tensors, for tests.

package token

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/gomlx/go-huggingface/models/gguf"
)

// entry is one key of the metadata; value is a string, uint32, bool, or a slice of string, int32 or float32.
type entry struct {
	key   string
	value any
}

// encodeGGUF returns a GGUF file (version 3) with entries and no tensors.
func encodeGGUF(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if s, ok := v.(string); ok {
				put2(&b, uint64(len(s)))
				b.WriteString(s)
				continue
			}
			put2(&b, v)
		}
	}
	b.WriteString("GGUF")
	put(uint32(3), uint64(0), uint64(len(entries)))
	const kindUint32, kindInt32, kindFloat32, kindBool, kindString, kindArray = 4, 5, 6, 7, 8, 9
	for _, e := range entries {
		put(e.key)
		switch v := e.value.(type) {
		case string:
			put(uint32(kindString), v)
		case uint32:
			put(uint32(kindUint32), v)
		case bool:
			put(uint32(kindBool), v)
		case []string:
			put(uint32(kindArray), uint32(kindString), uint64(len(v)))
			for _, s := range v {
				put(s)
			}
		case []int32:
			put(uint32(kindArray), uint32(kindInt32), uint64(len(v)), v)
		case []float32:
			put(uint32(kindArray), uint32(kindFloat32), uint64(len(v)), v)
		default:
			t.Fatalf("%s: no way to write %T", e.key, v)
		}
	}
	return b.Bytes()
}

func put2(b *bytes.Buffer, v any) {
	if err := binary.Write(b, binary.LittleEndian, v); err != nil {
		panic(err)
	}
}

// packGGUF writes the tokenizer keys of a GGUF file to a small, compressed one.
func packGGUF(t testing.TB, from, to string) {
	t.Helper()
	f, err := gguf.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	for _, kv := range f.KeyValues {
		if strings.HasPrefix(kv.Key, "tokenizer.") {
			entries = append(entries, entry{kv.Key, kv.Raw()})
		}
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(encodeGGUF(t, entries)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
