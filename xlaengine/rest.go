package xlaengine

// Memories at rest: with WithIdleMemory the positions of finished rows are packed into fewer bits and their slots given
// up. Slots at rest are read and never written: whoever goes on from them copies them to new ones.

import (
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/latentchain/latentchain/xlaengine/pack"
)

func (s *slots) resting() bool { return s.packed != nil }

// rest puts packed slots in the place of the row's own.
func (r *row) rest(format pack.Format) error {
	s := r.slots
	next := &slots{dev: s.dev, dec: s.dec, capacity: r.length, used: r.length, packed: make([]pack.Layer, s.dec.Layers)}
	var layers errgroup.Group
	layers.SetLimit(max(1, s.dec.cores))
	for layer := range next.packed {
		layers.Go(func() error {
			keys, err := s.dev.floats(s.keys[layer])
			if err != nil {
				return err
			}
			values, err := s.dev.floats(s.values[layer])
			if err != nil {
				return err
			}
			next.packed[layer], err = pack.Pack(format, keys, values, s.dec.KVHeads, s.dec.HeadDim, s.capacity, r.length)
			return err
		})
	}
	if err := layers.Wait(); err != nil {
		return fmt.Errorf("pack memory: %w", err)
	}
	next.holders.Store(1)
	next.dev.remember(next)
	next.dev.cacheBytes.Add(next.bytes())
	r.drop()
	r.slots = next
	return nil
}

// unpacked returns the first n positions of a layer, as read does.
func (s *slots) unpacked(layer, n int) (keys, values []float32, err error) {
	kv, hd := s.dec.KVHeads, s.dec.HeadDim
	keys, values = make([]float32, kv*hd*s.used), make([]float32, kv*s.used*hd)
	if err := s.packed[layer].Unpack(keys, values, s.used); err != nil || n == s.used {
		return keys, values, err
	}
	for i := range kv * hd {
		copy(keys[i*n:(i+1)*n], keys[i*s.used:])
	}
	for h := range kv {
		copy(values[h*n*hd:(h+1)*n*hd], values[h*s.used*hd:])
	}
	return keys[:kv*hd*n], values[:kv*hd*n], nil
}
