package storetest

// Memories that tests put into stores: so many positions, filled with a mark to know them by, and counted.

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/latentchain/latentchain/plugin"
)

// Bytes is the size of a memory that Maker makes: so much that what a file has besides does not matter.
const Bytes = 16 << 10

// Maker makes memories and counts those that are open. The zero value is ready.
type Maker struct {
	open  atomic.Int64
	twice atomic.Bool
}

// New returns a memory of Bytes bytes that are all mark.
func (m *Maker) New(mark byte) *Memory {
	m.open.Add(1)
	return &Memory{maker: m, Mark: mark}
}

// Load reads what Memory.Save wrote.
func (m *Maker) Load(ctx context.Context, r io.Reader) (plugin.Memory, error) {
	file, err := io.ReadAll(r)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	head := header()
	if !bytes.HasPrefix(file, head) || len(file) != len(head)+Bytes {
		return nil, fmt.Errorf("storetest: a file of %d bytes that Save did not write", len(file))
	}
	mark := file[len(head)]
	if bytes.Count(file[len(head):], []byte{mark}) != Bytes {
		return nil, errors.New("storetest: two memories in one file")
	}
	return m.New(mark), nil
}

// Open returns how many memories are not closed, or an error if one was closed twice.
func (m *Maker) Open() (int, error) {
	if m.twice.Load() {
		return 0, errors.New("a memory was closed twice")
	}
	return int(m.open.Load()), nil
}

// Memory is a plugin.Memory and a plugin.Saver.
type Memory struct {
	Mark byte
	// Between, if not nil, is called between the parts that Save writes.
	Between func()

	maker  *Maker
	closed atomic.Bool
}

var _ plugin.Saver = (*Memory)(nil)

func (m *Memory) Len() int     { return Bytes / 8 }
func (m *Memory) Bytes() int64 { return Bytes }

// Close closes the memory.
func (m *Memory) Close() error {
	if m.closed.Swap(true) {
		m.maker.twice.Store(true)
	}
	m.maker.open.Add(-1)
	return nil
}

// Closed says whether the memory was closed.
func (m *Memory) Closed() bool { return m.closed.Load() }

func header() []byte {
	text := fmt.Appendf(nil, `{"mark":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, Bytes, Bytes)
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
}

// Save writes the memory as a safetensors file, in parts.
func (m *Memory) Save(ctx context.Context, w io.Writer) error {
	file := append(header(), bytes.Repeat([]byte{m.Mark}, Bytes)...)
	for len(file) > 0 {
		if m.Closed() {
			return errors.New("storetest: closed while it was saved")
		}
		part := file[:min(len(file), 1000)]
		if _, err := w.Write(part); err != nil {
			return err
		}
		if file = file[len(part):]; m.Between != nil {
			m.Between()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
