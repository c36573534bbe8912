package xlaengine

// Memories in files: Save writes one, LoadMemory reads it into an engine of the same model. A file is in the
// safetensors format, so that other tools can read it: a header with where the memory comes from (__metadata__), then
// for each layer "layer.N.keys" [kv, head_dim, n] and "layer.N.values" [kv, n, head_dim], then "sha256", 32 bytes, the
// hash of everything before it. The hash guards against damage, not against forgery: whoever can write a file can
// write its hash too, so load only files you would trust as you trust the prompt. The header is in memoryfileheader.go.

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/latentchain/latentchain/xlaengine/weights"
)

const (
	memoryFormat  = "latentchain memory"
	memoryVersion = "1"
	filePart      = 64 << 10 // bytes written or read in one go; a cancelled context is noticed between them
)

// Save writes the memory to w, layer by layer. The engine is free for others while w takes its time, and the memory
// may be closed meanwhile. On an error, what w got so far is no memory file.
func (m *Memory) Save(ctx context.Context, w io.Writer) error {
	if err := m.save(ctx, w); err != nil {
		return fmt.Errorf("save memory: %w", err)
	}
	return nil
}

func (m *Memory) save(ctx context.Context, w io.Writer) error {
	if m == nil || m.engine == nil {
		return errors.New("memory is nil; start with Engine.NewMemory")
	}
	e := m.engine
	if err := e.check(m); err != nil {
		return err
	}
	held, err := m.Share()
	if err != nil {
		return err
	}
	defer held.Close()
	file := e.memoryFile(m.length, m.chain.last(), m.joined)
	header, err := file.header()
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	if _, err := out.Write(header); err != nil {
		return err
	}
	for layer := range e.dec.Layers {
		keys, values, err := e.layerOf(ctx, held, layer)
		if err != nil {
			return err
		}
		for _, floats := range [][]float32{keys, values} {
			if err := writeFloats(ctx, out, floats, file.halved()); err != nil {
				return err
			}
		}
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// layerOf copies a layer of m to the host. Positions of a memory never change, so the engine may work in between.
func (e *Engine) layerOf(ctx context.Context, m *Memory, layer int) (keys, values []float32, err error) {
	if m.length == 0 {
		return nil, nil, ctx.Err()
	}
	err = e.sched.do(ctx, func() (err error) {
		keys, values, err = m.slots.read(layer, m.length)
		return err
	})
	return keys, values, err
}

func writeFloats(ctx context.Context, w io.Writer, floats []float32, halved bool) error {
	part := make([]byte, 0, filePart)
	for run := range slices.Chunk(floats, filePart/4) {
		if err := ctx.Err(); err != nil {
			return err
		}
		part = part[:0]
		for _, v := range run {
			if bits := math.Float32bits(v); halved {
				part = binary.LittleEndian.AppendUint16(part, uint16(bits>>16)) // exact: the device's numbers are bfloat16
			} else {
				part = binary.LittleEndian.AppendUint32(part, bits)
			}
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// LoadMemory reads a memory that Save wrote, to the end of r. It is refused if it is damaged, of other weights or of
// another number type than this engine's, or longer than the context; nothing in it is believed unchecked. The caller
// closes the memory.
func (e *Engine) LoadMemory(ctx context.Context, r io.Reader) (*Memory, error) {
	m, err := e.loadMemory(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("load memory: %w", err)
	}
	return m, nil
}

func (e *Engine) loadMemory(ctx context.Context, r io.Reader) (*Memory, error) {
	if e.closed.Load() {
		return nil, fmt.Errorf("engine %w", ErrClosed)
	}
	sum := sha256.New()
	in := io.TeeReader(r, sum)
	header, err := readMemoryHeader(in, e.dec.Layers)
	if err != nil {
		return nil, err
	}
	m, file, err := e.memoryFrom(header)
	if err != nil {
		return nil, err
	}
	for layer := range e.dec.Layers {
		var both [2][]float32
		for i, t := range file.tensors[2*layer : 2*layer+2] {
			if both[i], err = readFloats(ctx, in, t, file.halved()); err != nil {
				m.Close()
				return nil, err
			}
		}
		if err := e.putLayer(ctx, m, layer, both[0], both[1]); err != nil {
			m.Close()
			return nil, err
		}
	}
	if err := checkEnd(r, sum.Sum(nil)); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// readMemoryHeader returns the JSON of the header, at most as much of it as a file of so many layers has.
func readMemoryHeader(r io.Reader, layers int) ([]byte, error) {
	var size [8]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, ended("its header", err)
	}
	most := uint64(4096 + 512*layers)
	n := binary.LittleEndian.Uint64(size[:])
	if n > most {
		return nil, fmt.Errorf("the header has %d bytes, want at most %d; it is no memory file of this model", n, most)
	}
	header := make([]byte, n)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, ended("its header", err)
	}
	return header, nil
}

// memoryFrom makes a memory without slots of what the header says, and the file it must then be.
func (e *Engine) memoryFrom(header []byte) (*Memory, memoryFile, error) {
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(header, &entries); err != nil {
		return nil, memoryFile{}, fmt.Errorf("the header is not JSON: %w", err)
	}
	var meta map[string]string
	if err := json.Unmarshal(entries["__metadata__"], &meta); err != nil || meta["format"] != memoryFormat {
		return nil, memoryFile{}, errors.New("it is no memory file; want one that Memory.Save wrote")
	}
	if v := meta["version"]; v != memoryVersion {
		return nil, memoryFile{}, fmt.Errorf("it is of version %q, this program reads version %s", v, memoryVersion)
	}
	m := &Memory{engine: e, joined: meta["joined"] == "true"}
	id, err := hex.DecodeString(meta["digest"])
	if err != nil || len(id) != len(digest{}) {
		return nil, memoryFile{}, fmt.Errorf("its digest is %q, want %d hexadecimal digits", meta["digest"], 2*len(digest{}))
	}
	if m.length, err = strconv.Atoi(meta["length"]); err != nil || m.length < 0 {
		return nil, memoryFile{}, fmt.Errorf("its length is %q, want a number of positions", meta["length"])
	}
	if m.length > e.dec.Context {
		return nil, memoryFile{}, fmt.Errorf("%d positions: %w of %d positions", m.length, ErrContextFull, e.dec.Context)
	}
	m.chain = opaque(digest(id), m.length, e.roots.Add(1))
	file := e.memoryFile(m.length, digest(id), m.joined)
	if err := file.same(meta, entries); err != nil {
		return nil, memoryFile{}, err
	}
	return m, file, nil
}

// readFloats reads t. What it allocates grows with what r gives, not with what the header says r will give.
func readFloats(ctx context.Context, r io.Reader, t fileTensor, halved bool) ([]float32, error) {
	var floats []float32
	part := make([]byte, filePart)
	for left := t.Offsets[1] - t.Offsets[0]; left > 0; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part = part[:min(left, filePart)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, ended("tensor "+t.name, err)
		}
		left -= int64(len(part))
		if halved {
			for b := range slices.Chunk(part, 2) {
				floats = append(floats, math.Float32frombits(uint32(binary.LittleEndian.Uint16(b))<<16))
			}
		} else {
			for b := range slices.Chunk(part, 4) {
				floats = append(floats, math.Float32frombits(binary.LittleEndian.Uint32(b)))
			}
		}
	}
	return floats, weights.CheckFinite(t.name, floats)
}

// putLayer brings a layer to the device. The first one makes the slots, so that a header alone can't have them made.
func (e *Engine) putLayer(ctx context.Context, m *Memory, layer int, keys, values []float32) error {
	if m.length == 0 {
		return ctx.Err()
	}
	return e.sched.do(ctx, func() (err error) {
		if m.slots == nil {
			if m.slots, err = e.newSlots(capacityFor(m.length)); err != nil {
				return err
			}
			m.slots.used = m.length
		}
		return m.slots.put(layer, keys, values, 0, m.length)
	})
}

// checkEnd reads the hash, which must be sum, and the end of the file.
func checkEnd(r io.Reader, sum []byte) error {
	said := make([]byte, len(sum))
	if _, err := io.ReadFull(r, said); err != nil {
		return ended("its SHA-256", err)
	}
	if !bytes.Equal(said, sum) {
		return fmt.Errorf("the SHA-256 is %x, the file says %x; it is damaged, save the memory again", sum, said)
	}
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return errors.New("there are bytes after the end; it is damaged, save the memory again")
	case err != io.EOF:
		return err
	}
	return nil
}

// ended says where a file stopped short; other errors are the reader's own.
func ended(where string, err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the file ends in %s; it is truncated, save the memory again", where)
	}
	return fmt.Errorf("read %s: %w", where, err)
}
