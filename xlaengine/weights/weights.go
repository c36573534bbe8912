// Model is a model's files, open for reading: its configuration, and its tensors under the names Hugging Face
// gives them, whatever the files call them. All that can be known from the headers is checked by Open; a tensor's
// numbers are read, and checked to be numbers, by Read. Which tensors there must be is in wanted.go, how one is
// stored in tensor.go and formats.go, the two kinds of file in safetensors.go and gguf.go.

// Package weights opens models in Hugging Face folders and GGUF files and reads their tensors as float32.
//
// The safetensors reader is our own: go-huggingface's takes a hub repository instead of a folder, and trusts the
// offsets in the header. GGUF headers are parsed by go-huggingface's gguf package; the tensors are decoded here, a
// part at a time into the caller's memory, because its reader makes a whole tensor of its own first, and looks
// tensors up wrongly in files that are not in the order of their offsets.
package weights

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/go-huggingface/models/gguf"
	"github.com/latentchain/latentchain/xlaengine/config"
)

// Model is an open model. Its methods may be called from several goroutines, Close only after all others returned.
type Model struct {
	Config config.Config

	path    string
	file    *gguf.File // nil for a folder
	names   []string   // as Wanted has them
	tensors map[string]tensor
	closers []io.Closer

	digestLock sync.Mutex
	digest     string
}

// Open opens the model at path: a folder with config.json and safetensors (one file, or shards and their index),
// or a .gguf file. An error names the tensor, field or key that is wrong as the file names it.
func Open(path string) (*Model, error) {
	m := &Model{path: path, tensors: map[string]tensor{}}
	if err := m.open(); err != nil {
		m.Close()
		return nil, fmt.Errorf("open %s: %w", m.name(), err)
	}
	return m, nil
}

// Path returns what Open was given.
func (m *Model) Path() string { return m.path }

// GGUF returns the parsed header of a model that is a GGUF file, which also holds its tokenizer, or nil.
func (m *Model) GGUF() *gguf.File { return m.file }

// Names returns the names of all tensors, embeddings first, then layer by layer.
func (m *Model) Names() []string { return slices.Clone(m.names) }

// Shape returns the shape of a tensor; matrices are [out, in], embeddings [vocab, dim].
func (m *Model) Shape(name string) ([]int, bool) {
	t, ok := m.tensors[name]
	return slices.Clone(t.shape), ok
}

// Read fills dst, which must have the tensor's number of elements, row by row. Rows of attention queries and keys
// are in Hugging Face's order. NaN and infinite values are errors.
func (m *Model) Read(name string, dst []float32) error {
	t, ok := m.tensors[name]
	if !ok {
		return fmt.Errorf("read %s: it has no tensor %s", m.name(), name)
	}
	if err := t.read(dst); err != nil {
		return fmt.Errorf("read %s: tensor %s: %w", m.name(), t.name, err)
	}
	return nil
}

// Close closes the files.
func (m *Model) Close() error {
	var errs []error
	for _, c := range m.closers {
		errs = append(errs, c.Close())
	}
	m.closers = nil
	return errors.Join(errs...)
}

func (m *Model) name() string { return filepath.Base(m.path) }

func (m *Model) open() error {
	info, err := os.Stat(m.path)
	if err != nil {
		return err
	}
	var found []tensor
	switch {
	case info.IsDir():
		found, err = m.openFolder()
	case strings.EqualFold(filepath.Ext(m.path), ".gguf"):
		found, err = m.openGGUF()
	default:
		err = errors.New("not a folder and not a .gguf file")
	}
	if err != nil {
		return err
	}
	return m.match(found)
}

// openFile opens a file that Close will close.
func (m *Model) openFile(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	m.closers = append(m.closers, f)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", filepath.Base(path))
	}
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}
