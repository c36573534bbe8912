// Models in folders: config.json and safetensors, in one file or in shards that an index lists. A safetensors
// file is eight bytes of header length, a JSON header with type, shape and place of every tensor, and the tensors
// without gaps. Nothing in a header is believed before it is checked.

package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/latentchain/latentchain/xlaengine/config"
)

func (m *Model) openFolder() ([]tensor, error) {
	var err error
	if m.Config, err = config.FromFile(m.path); err != nil {
		return nil, err
	}
	shards, index, err := m.shards()
	if err != nil {
		return nil, err
	}
	var found []tensor
	for _, shard := range shards {
		tensors, err := m.openSafetensors(shard)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", shard, err)
		}
		for _, t := range tensors {
			if index != nil && index[t.name] != shard {
				return nil, fmt.Errorf("tensor %s: in %s, but %s says %q", t.name, shard, indexFile, index[t.name])
			}
			delete(index, t.name)
		}
		found = append(found, tensors...)
	}
	if len(index) > 0 {
		name := slices.Sorted(maps.Keys(index))[0]
		return nil, fmt.Errorf("tensor %s: not in %s, where %s has it", name, index[name], indexFile)
	}
	return found, nil
}

const indexFile = "model.safetensors.index.json"

// shards returns the files that hold the weights, and the index from tensor to file if there is one.
func (m *Model) shards() ([]string, map[string]string, error) {
	if _, err := os.Stat(filepath.Join(m.path, "model.safetensors")); err == nil {
		return []string{"model.safetensors"}, nil, nil
	}
	data, err := os.ReadFile(filepath.Join(m.path, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("no model.safetensors and no %s in the folder", indexFile)
	}
	if err != nil {
		return nil, nil, err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	if len(index.WeightMap) == 0 {
		return nil, nil, fmt.Errorf("%s: weight_map is missing or empty", indexFile)
	}
	files := map[string]bool{}
	for name, file := range index.WeightMap {
		if file != filepath.Base(file) || strings.ContainsAny(file, `/\`) || file == ".." {
			return nil, nil, fmt.Errorf("%s: tensor %s: %q is not a file name", indexFile, name, file)
		}
		files[file] = true
	}
	return slices.Sorted(maps.Keys(files)), index.WeightMap, nil
}

func (m *Model) openSafetensors(name string) ([]tensor, error) {
	f, size, err := m.openFile(filepath.Join(m.path, name))
	if err != nil {
		return nil, err
	}
	header, err := readHeader(f, size)
	if err != nil {
		return nil, err
	}
	dataStart := 8 + int64(len(header))
	tensors, err := parseHeader(header, size-dataStart)
	if err != nil {
		return nil, err
	}
	for i := range tensors {
		tensors[i].file = f
		tensors[i].offset += dataStart
	}
	return tensors, nil
}

const maxHeader = 100 << 20 // the limit of the format's reference implementation

func readHeader(f io.ReaderAt, size int64) ([]byte, error) {
	var length [8]byte
	if size < 8 {
		return nil, fmt.Errorf("safetensors header: the file has %d bytes, want 8 or more", size)
	}
	if _, err := f.ReadAt(length[:], 0); err != nil {
		return nil, fmt.Errorf("safetensors header: %w", err)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || n > uint64(size-8) {
		return nil, fmt.Errorf("safetensors header: %d bytes long, but the file has %d; it is truncated or not a safetensors file", n, size)
	}
	header := make([]byte, n)
	if _, err := f.ReadAt(header, 8); err != nil {
		return nil, fmt.Errorf("safetensors header: %w", err)
	}
	return header, nil
}

// parseHeader returns the tensors in the order of their places, which must fill dataSize bytes exactly. Offsets
// count from the end of the header.
func parseHeader(header []byte, dataSize int64) ([]tensor, error) {
	dec := json.NewDecoder(bytes.NewReader(header))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("safetensors header: not a JSON object")
	}
	var tensors []tensor
	seen := map[string]bool{}
	ends := map[string]int64{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("safetensors header: %w", err)
		}
		name := key.(string) // an object's keys are strings, or Token gives an error
		var entry struct {
			DType   string   `json:"dtype"`
			Shape   []int64  `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}
		if name == "__metadata__" {
			err = dec.Decode(new(any))
		} else {
			err = dec.Decode(&entry)
		}
		if err != nil {
			return nil, fmt.Errorf("safetensors header: %s: %w", name, err)
		}
		if seen[name] {
			return nil, fmt.Errorf("safetensors header: tensor %s is there twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			continue
		}
		t := tensor{name: name, canonical: name, format: safetensorsFormat(entry.DType), offset: entry.Offsets[0]}
		if t.shape, err = checkShape(entry.Shape); err != nil {
			return nil, fmt.Errorf("tensor %s: %w", name, err)
		}
		begin, end := entry.Offsets[0], entry.Offsets[1]
		if begin < 0 || end < begin || end > dataSize {
			return nil, fmt.Errorf("tensor %s: bytes %d to %d, but the file has %d; it is truncated or damaged", name, begin, end, dataSize)
		}
		if t.decode != nil && t.bytes() != end-begin {
			return nil, fmt.Errorf("tensor %s: %s %v in %d bytes, want %d", name, t.format.name, t.shape, end-begin, t.bytes())
		}
		ends[name] = end
		tensors = append(tensors, t)
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("safetensors header: %w", err)
	}
	if rest := bytes.TrimLeft(header[dec.InputOffset():], " \t\r\n\x00"); len(rest) > 0 {
		return nil, fmt.Errorf("safetensors header: text after the JSON object")
	}
	slices.SortFunc(tensors, func(a, b tensor) int {
		if a.offset != b.offset {
			return int(max(-1, min(1, a.offset-b.offset)))
		}
		return int(max(-1, min(1, ends[a.name]-ends[b.name]))) // empty tensors first
	})
	var at int64
	for _, t := range tensors {
		if t.offset != at {
			return nil, fmt.Errorf("tensor %s: begins at byte %d, want %d: tensors overlap or leave a gap", t.name, t.offset, at)
		}
		at = ends[t.name]
	}
	if at != dataSize {
		return nil, fmt.Errorf("safetensors header: tensors take %d bytes, but the file has %d", at, dataSize)
	}
	return tensors, nil
}

// checkShape returns shape as ints if it has no negative sizes and its elements can be counted.
func checkShape(shape []int64) ([]int, error) {
	const most = int64(1) << 40
	if len(shape) > 8 {
		return nil, fmt.Errorf("%d dimensions, want 8 or fewer", len(shape))
	}
	n, ints := int64(1), make([]int, len(shape))
	for i, d := range shape {
		if d < 0 || d > most || d > 0 && n > most/d {
			return nil, fmt.Errorf("shape %v is impossible", shape)
		}
		n *= d
		ints[i] = int(d)
	}
	return ints, nil
}

func safetensorsFormat(dtype string) format {
	for _, f := range []format{f32, f16, bf16} {
		if f.name == dtype {
			return f
		}
	}
	return format{name: dtype, block: 1}
}
