package xlaengine

// Memory is what one agent hands to the next: the keys and values of every layer for a run of positions.
// A Memory never changes; Think and Generate make longer ones that share their beginning. This file holds the value
// and its life (share, cut, join, close). How it is laid out on the device is in slots.go, how it is written to disk
// in memoryfile.go.

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
)

// ErrClosed is returned for a memory or an engine that was closed before.
var ErrClosed = errors.New("already closed")

// Memory is a value others can hold; make the first one with Engine.NewMemory. Each Memory is closed once by its
// holder; the device memory goes when the last of those that share it is closed. Safe for parallel use.
type Memory struct {
	engine *Engine
	slots  *slots // nil when empty
	length int
	chain  chain // of its positions
	joined bool
	closed atomic.Bool
}

// Origin says what a memory was made of.
type Origin struct {
	Model  string // digest of the model's weights
	Digest string // chain over every token and thought taken in, in order; equal digests mean equal memories
	Joined bool   // put together from memories made apart, which is not the same as one made in sequence
}

// NewMemory returns an empty memory.
func (e *Engine) NewMemory() *Memory { return &Memory{engine: e} }

// Len returns the number of positions.
func (m *Memory) Len() int { return m.length }

// Bytes returns the size of the positions' keys and values as they are kept.
func (m *Memory) Bytes() int64 {
	if m.slots != nil && m.slots.resting() {
		return m.slots.bytes() * int64(m.length) / int64(m.slots.used)
	}
	return int64(m.engine.dev.dtype.Size()) * int64(m.length) * int64(m.engine.dec.positionFloats())
}

// Origin returns what the memory was made of.
func (m *Memory) Origin() Origin {
	last := m.chain.last()
	return Origin{Model: m.engine.digest, Digest: hex.EncodeToString(last[:]), Joined: m.joined}
}

// Share returns another holder of the same memory, to be closed on its own.
func (m *Memory) Share() (*Memory, error) { return m.Cut(m.length) }

// Cut returns the first n positions, sharing them.
func (m *Memory) Cut(n int) (*Memory, error) {
	if n < 0 || n > m.length {
		return nil, fmt.Errorf("cut memory: %d positions of %d", n, m.length)
	}
	if m.closed.Load() {
		return nil, fmt.Errorf("cut memory: %w", ErrClosed)
	}
	cut := &Memory{engine: m.engine, length: n, chain: m.chain[:n], joined: m.joined}
	if n > 0 {
		if !m.slots.hold() {
			return nil, fmt.Errorf("cut memory: %w", ErrClosed)
		}
		cut.slots = m.slots
	}
	return cut, nil
}

// Close lets go of the memory. Closing twice does nothing.
func (m *Memory) Close() error {
	if m == nil || m.closed.Swap(true) || m.slots == nil {
		return nil
	}
	m.slots.letGo()
	return nil
}

// Join puts memories made apart one after the other: the keys of each are turned to their new positions (RoPE), the
// values stay. Unlike a memory made in sequence, the parts never saw each other.
func (e *Engine) Join(ctx context.Context, parts ...*Memory) (*Memory, error) {
	var joined *Memory
	if err := e.sched.do(ctx, func() (err error) {
		joined, err = e.join(ctx, parts)
		return err
	}); err != nil {
		return nil, fmt.Errorf("join memories: %w", err)
	}
	return joined, nil
}

func (e *Engine) join(ctx context.Context, parts []*Memory) (*Memory, error) {
	joined := &Memory{engine: e, joined: true}
	var whole digest
	var root uint32
	for i, m := range parts {
		held, err := e.share(m)
		if err != nil {
			return nil, fmt.Errorf("number %d: %w", i, err)
		}
		defer held.Close()
		joined.length += m.length
		last := m.chain.last()
		whole = whole.with("join", last[:])
		if m.chain.root() != 0 {
			root = e.roots.Add(1)
		}
	}
	joined.chain = opaque(whole, joined.length, root)
	if joined.length > e.dec.Context {
		return nil, fmt.Errorf("%d positions: %w of %d positions", joined.length, ErrContextFull, e.dec.Context)
	}
	if joined.length == 0 {
		return joined, nil
	}
	s, err := e.newSlots(capacityFor(joined.length))
	if err != nil {
		return nil, err
	}
	at := 0
	for _, m := range parts {
		for layer := 0; layer < e.dec.Layers && m.length > 0; layer++ {
			err := ctx.Err()
			if err == nil {
				err = e.copyLayer(s, m, layer, at)
			}
			if err != nil {
				s.free()
				return nil, err
			}
		}
		at += m.length
	}
	s.used = joined.length
	joined.slots = s
	return joined, nil
}

// copyLayer puts a layer of m at position at of s, its keys turned to their new place.
func (e *Engine) copyLayer(s *slots, m *Memory, layer, at int) error {
	keys, values, err := m.slots.read(layer, m.length)
	if err != nil {
		return err
	}
	e.turn(keys, m.length, at)
	return s.put(layer, keys, values, at, m.length)
}

// turn rotates keys [kv, head_dim, n] on by offset positions: pairs (i, i + head_dim/2) by offset·frequency.
func (e *Engine) turn(keys []float32, n, offset int) {
	half := e.dec.HeadDim / 2
	for h := range e.dec.KVHeads {
		for i, f := range e.invFreq {
			sin, cos := math.Sincos(float64(offset) * float64(f))
			c, s := float32(cos), float32(sin)
			a := keys[(h*e.dec.HeadDim+i)*n:][:n]
			b := keys[(h*e.dec.HeadDim+i+half)*n:][:n]
			for p := range n {
				a[p], b[p] = a[p]*c-b[p]*s, b[p]*c+a[p]*s
			}
		}
	}
}

// share returns a holder of m for the length of a call, or says why m can't be used: whoever else holds m may close
// it meanwhile.
func (e *Engine) share(m *Memory) (*Memory, error) {
	if err := e.check(m); err != nil {
		return nil, err
	}
	return m.Share()
}

// check says why m can't be used by this engine.
func (e *Engine) check(m *Memory) error {
	switch {
	case e.closed.Load():
		return fmt.Errorf("engine %w", ErrClosed)
	case m == nil:
		return errors.New("memory is nil; start with Engine.NewMemory")
	case m.engine != e:
		return errors.New("memory belongs to another engine")
	case m.closed.Load():
		return fmt.Errorf("memory %w", ErrClosed)
	}
	return nil
}

// KeyValue returns the key, turned to its position, and the value [head_dim] of one head at one position.
func (m *Memory) KeyValue(ctx context.Context, layer, head, position int) (key, value []float32, err error) {
	e := m.engine
	held, err := e.share(m)
	if err != nil {
		return nil, nil, fmt.Errorf("read memory: %w", err)
	}
	defer held.Close()
	if layer < 0 || layer >= e.dec.Layers || head < 0 || head >= e.dec.KVHeads || position < 0 || position >= m.length {
		return nil, nil, fmt.Errorf("read memory: layer %d, head %d, position %d of %d layers, %d heads, %d positions",
			layer, head, position, e.dec.Layers, e.dec.KVHeads, m.length)
	}
	keys, values, err := e.layerOf(ctx, held, layer)
	if err != nil {
		return nil, nil, fmt.Errorf("read memory: %w", err)
	}
	hd := e.dec.HeadDim
	for i := range hd {
		key = append(key, keys[(head*hd+i)*m.length+position])
	}
	at := (head*m.length + position) * hd
	return key, values[at : at+hd], nil
}
