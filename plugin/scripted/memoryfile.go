package scripted

// Memories in files, in the form that stores want: a safetensors file with the text as its one tensor.

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/latentchain/latentchain/plugin"
)

var _ plugin.Loader = (*Engine)(nil)

type header struct {
	Text struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets []int  `json:"data_offsets"`
	} `json:"text"`
}

// Save writes the memory; it is a plugin.Saver.
func (m *memory) Save(ctx context.Context, w io.Writer) error {
	if m.closed.Load() {
		return errors.New("scripted: save a memory that is closed")
	}
	var h header
	h.Text.DType, h.Text.Shape, h.Text.Offsets = "U8", []int{len(m.text)}, []int{0, len(m.text)}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	if _, err := w.Write(append(file, m.text...)); err != nil {
		return err
	}
	return ctx.Err()
}

// LoadMemory reads a memory that another Engine may have saved.
func (e *Engine) LoadMemory(ctx context.Context, r io.Reader) (plugin.Memory, error) {
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, fmt.Errorf("scripted: load: %w", err)
	}
	const most = 4096
	text := make([]byte, min(binary.LittleEndian.Uint64(size[:]), most))
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("scripted: load: %w", err)
	}
	var h header
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("scripted: load: %w", err)
	}
	seen, err := io.ReadAll(r)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	if len(h.Text.Shape) != 1 || h.Text.Shape[0] != len(seen) {
		return nil, fmt.Errorf("scripted: load: %d bytes of text, the header says %v", len(seen), h.Text.Shape)
	}
	return e.newMemory(string(seen)), nil
}
