package xlaengine

// Slots are where keys and values live: for each layer keys [kv, head_dim, capacity] and values [kv, capacity,
// head_dim], slot i holding position i. Where host and device share memory, new positions are written in place, so
// that a cache is never copied as it grows within its capacity; elsewhere a small program writes them on the device.

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/xlaengine/pack"
)

// slots is shared by the memories that begin alike. Positions below used never change; one row at a time may write past
// them, if it has all of them, others must copy (as with append on a Go slice). used and writer are the engine's
// goroutine's.
type slots struct {
	dev      *device
	dec      decoder
	capacity int
	used     int
	writer   *row // that goes on from used; nil for none
	holders  atomic.Int32
	freed    sync.Once
	keys     []compute.Buffer // by layer
	values   []compute.Buffer
	hostK    [][]float32 // views of the same, when shared
	hostV    [][]float32
	dropped  int          // layers given up already
	packed   []pack.Layer // instead of all that, of slots at rest (rest.go)
}

// inPlace says whether the host may write the device's caches.
func (d *device) inPlace() bool { return d.shared && d.isFloat32() }

func newSlots(d *device, dec decoder, capacity int) (*slots, error) {
	s := emptySlots(d, dec, capacity)
	for range dec.Layers {
		if err := s.addLayer(); err != nil {
			s.free()
			return nil, err
		}
	}
	return s, nil
}

// emptySlots has no layers yet.
func emptySlots(d *device, dec decoder, capacity int) *slots {
	s := &slots{dev: d, dec: dec, capacity: capacity}
	s.holders.Store(1)
	d.remember(s)
	return s
}

func (s *slots) addLayer() error {
	kv, hd := s.dec.KVHeads, s.dec.HeadDim
	k, hostK, err := s.buffer(kv, hd, s.capacity)
	if err != nil {
		return err
	}
	v, hostV, err := s.buffer(kv, s.capacity, hd)
	if err != nil {
		s.dev.release(k)
		return err
	}
	s.keys, s.values = append(s.keys, k), append(s.values, v)
	s.hostK, s.hostV = append(s.hostK, hostK), append(s.hostV, hostV)
	s.dev.cacheBytes.Add(s.layerBytes())
	return nil
}

func (s *slots) buffer(dims ...int) (buf compute.Buffer, host []float32, err error) {
	if s.dev.inPlace() {
		buf, host, err = s.dev.alloc(dims...)
	} else {
		buf, err = s.dev.uploadFloats(make([]float32, product(dims)), dims...)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("memory of %d positions: %w", s.capacity, err)
	}
	return buf, host, nil
}

// slotsBytes is the size of slots of that capacity.
func (e *Engine) slotsBytes(capacity int) int64 {
	return int64(e.dev.dtype.Size()) * int64(capacity) * int64(e.dec.positionFloats())
}

func (s *slots) layerBytes() int64 {
	return int64(s.dev.dtype.Size()) * int64(s.capacity) * int64(s.dec.positionFloats()/s.dec.Layers)
}

func (s *slots) bytes() int64 {
	if s.resting() {
		var sum int64
		for _, l := range s.packed {
			sum += l.Bytes()
		}
		return sum
	}
	return s.layerBytes() * int64(s.dec.Layers)
}

// positionFloats is how many numbers one position has over all layers.
func (d decoder) positionFloats() int { return 2 * d.Layers * d.KVHeads * d.HeadDim }

// hold adds a holder; it fails if the last one has let go already.
func (s *slots) hold() bool {
	for {
		n := s.holders.Load()
		if n == 0 {
			return false
		}
		if s.holders.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// letGo frees the slots when the last holder has let go.
func (s *slots) letGo() {
	if s.holders.Add(-1) == 0 {
		s.free()
	}
}

// free gives the buffers back, once: the engine frees at its end what memories still hold.
func (s *slots) free() {
	s.freed.Do(func() {
		defer s.dev.forget(s) // not before: who closes the device waits for those it knows of
		if s.resting() {
			s.dev.cacheBytes.Add(-s.bytes())
		} else {
			s.dev.cacheBytes.Add(-s.layerBytes() * int64(len(s.keys)-s.dropped))
		}
		s.dev.release(s.keys...)
		s.dev.release(s.values...)
		s.keys, s.values, s.hostK, s.hostV = nil, nil, nil, nil
		if s.dev.freed != nil {
			s.dev.freed()
		}
	})
}

// write stores the first n new positions of row r at positions at…at+n-1. Buffers are as decoder.block gives them:
// newK [rows, kv, head_dim, t], newV [rows, kv, t, head_dim].
func (s *slots) write(layer int, newK, newV compute.Buffer, rows, r, t, at, n int) error {
	if s.hostK[layer] == nil {
		return s.writeOnDevice(layer, newK, newV, rows, r, t, at)
	}
	k, err := s.dev.floats(newK)
	if err != nil {
		return err
	}
	v, err := s.dev.floats(newV)
	if err != nil {
		return err
	}
	kv, hd := s.dec.KVHeads, s.dec.HeadDim
	k, v = k[r*kv*hd*t:(r+1)*kv*hd*t], v[r*kv*hd*t:(r+1)*kv*hd*t]
	for i := range kv * hd {
		copy(s.hostK[layer][i*s.capacity+at:][:n], k[i*t:])
	}
	for h := range kv {
		copy(s.hostV[layer][(h*s.capacity+at)*hd:][:n*hd], v[h*t*hd:])
	}
	return nil
}

// writeOnDevice stores all t positions, padding too: what lies past a memory's end is never read. The capacity
// leaves room for it (see capacityFor).
func (s *slots) writeOnDevice(layer int, newK, newV compute.Buffer, rows, r, t, at int) error {
	kv, hd := s.dec.KVHeads, s.dec.HeadDim
	p, err := s.dev.program(fmt.Sprintf("store %dx%d in %d", rows, t, s.capacity), func(g *graph.Graph) []*graph.Node {
		dtype := s.dev.dtype
		keys := graph.Parameter(g, "keys", shapes.Make(dtype, kv, hd, s.capacity))
		values := graph.Parameter(g, "values", shapes.Make(dtype, kv, s.capacity, hd))
		k := graph.Parameter(g, "k", shapes.Make(dtype, rows, kv, hd, t))
		v := graph.Parameter(g, "v", shapes.Make(dtype, rows, kv, t, hd))
		row := graph.Reshape(graph.Parameter(g, "row", shapes.Make(dtypes.Int32, 1)))
		at := graph.Reshape(graph.Parameter(g, "at", shapes.Make(dtypes.Int32, 1)))
		zero := graph.Const(g, int32(0))
		pick := func(x *graph.Node) *graph.Node {
			dims := x.Shape().Dimensions
			one := graph.DynamicSlice(x, []*graph.Node{row, zero, zero, zero}, []int{1, dims[1], dims[2], dims[3]})
			return graph.Reshape(one, dims[1:]...)
		}
		return []*graph.Node{
			graph.DynamicUpdateSlice(keys, pick(k), []*graph.Node{zero, zero, at}),
			graph.DynamicUpdateSlice(values, pick(v), []*graph.Node{zero, at, zero}),
		}
	})
	if err != nil {
		return err
	}
	row, err := s.dev.upload([]int32{int32(r)}, 1)
	if err != nil {
		return err
	}
	defer s.dev.release(row)
	where, err := s.dev.upload([]int32{int32(at)}, 1)
	if err != nil {
		return err
	}
	defer s.dev.release(where)
	out, err := s.dev.run(p, []compute.Buffer{s.keys[layer], s.values[layer], newK, newV, row, where}, nil)
	if err != nil {
		return err
	}
	s.dev.release(s.keys[layer], s.values[layer])
	s.keys[layer], s.values[layer] = out[0], out[1]
	return nil
}

// grown returns new slots of the given capacity that begin with the first n positions of s. Slots that nobody else holds
// are given up layer by layer as they are copied, so that at no time there are two of them; s is then good for nothing
// but letGo, on an error too.
func (s *slots) grown(capacity, n int) (*slots, error) {
	next := emptySlots(s.dev, s.dec, capacity)
	alone := s.holders.Load() == 1
	for layer := range s.dec.Layers {
		err := next.addLayer()
		if err == nil {
			err = next.copyLayer(layer, s, n)
		}
		if err != nil {
			next.free()
			return nil, fmt.Errorf("copy memory: %w", err)
		}
		if alone && !s.resting() {
			s.dropLayer(layer)
		}
	}
	next.used = n
	return next, nil
}

// copyLayer takes over the first n positions of a layer of from.
func (s *slots) copyLayer(layer int, from *slots, n int) error {
	if from.resting() || from.hostK[layer] == nil || s.hostK[layer] == nil {
		k, v, err := from.read(layer, n)
		if err != nil {
			return err
		}
		return s.put(layer, k, v, 0, n)
	}
	kv, hd := s.dec.KVHeads, s.dec.HeadDim
	for i := range kv * hd {
		copy(s.hostK[layer][i*s.capacity:], from.hostK[layer][i*from.capacity:][:n])
	}
	for h := range kv {
		copy(s.hostV[layer][h*s.capacity*hd:], from.hostV[layer][h*from.capacity*hd:][:n*hd])
	}
	return nil
}

func (s *slots) dropLayer(layer int) {
	s.dev.release(s.keys[layer], s.values[layer])
	s.keys[layer], s.values[layer], s.hostK[layer], s.hostV[layer] = nil, nil, nil, nil
	s.dev.cacheBytes.Add(-s.layerBytes())
	s.dropped++
}

// read returns the first n positions of a layer on the host: keys [kv, head_dim, n], values [kv, n, head_dim].
func (s *slots) read(layer, n int) (keys, values []float32, err error) {
	kv, hd := s.dec.KVHeads, s.dec.HeadDim
	if s.resting() {
		return s.unpacked(layer, n)
	}
	fullK, err := s.dev.floats(s.keys[layer])
	if err != nil {
		return nil, nil, err
	}
	fullV, err := s.dev.floats(s.values[layer])
	if err != nil {
		return nil, nil, err
	}
	keys, values = make([]float32, kv*hd*n), make([]float32, kv*hd*n)
	for i := range kv * hd {
		copy(keys[i*n:(i+1)*n], fullK[i*s.capacity:])
	}
	for h := range kv {
		copy(values[h*n*hd:(h+1)*n*hd], fullV[h*s.capacity*hd:])
	}
	return keys, values, nil
}

// put stores n positions, laid out as read gives them, at positions at…at+n-1.
func (s *slots) put(layer int, keys, values []float32, at, n int) error {
	kv, hd := s.dec.KVHeads, s.dec.HeadDim
	dstK, dstV := s.hostK[layer], s.hostV[layer]
	if dstK == nil {
		var err error
		if dstK, err = s.dev.floats(s.keys[layer]); err != nil {
			return err
		}
		if dstV, err = s.dev.floats(s.values[layer]); err != nil {
			return err
		}
	}
	for i := range kv * hd {
		copy(dstK[i*s.capacity+at:][:n], keys[i*n:])
	}
	for h := range kv {
		copy(dstV[(h*s.capacity+at)*hd:][:n*hd], values[h*n*hd:])
	}
	if s.hostK[layer] != nil {
		return nil
	}
	k, err := s.dev.uploadFloats(dstK, kv, hd, s.capacity)
	if err != nil {
		return err
	}
	v, err := s.dev.uploadFloats(dstV, kv, s.capacity, hd)
	if err != nil {
		s.dev.release(k)
		return err
	}
	s.dev.release(s.keys[layer], s.values[layer])
	s.keys[layer], s.values[layer] = k, v
	return nil
}
