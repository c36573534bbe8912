package xlaengine

// The device: compiled programs and buffers on one GoMLX backend. This file is the border where GoMLX's panics
// become errors; nothing here knows what a decoder is.

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/latentchain/latentchain/xlaengine/backend"
)

// device owns a backend, the programs compiled for it and the type its numbers have.
type device struct {
	backend compute.Backend
	dtype   dtypes.DType // of weights, activations and caches: Float32 or BFloat16
	shared  bool         // host memory is device memory: buffers are read and written in place

	mu       sync.Mutex
	programs map[string]*program
	slots    map[*slots]bool // those not yet freed
	live     atomic.Int64    // buffers made and not yet released
	// cacheBytes is what all slots take.
	cacheBytes atomic.Int64
	freed      func()       // called when slots are freed, from any goroutine
	compiled   atomic.Int64 // nanoseconds spent compiling, summed over programs
}

func newDevice(backend compute.Backend, dtype dtypes.DType) *device {
	return &device{backend: backend, dtype: dtype, shared: backend.HasSharedBuffers(), programs: make(map[string]*program), slots: make(map[*slots]bool)}
}

// program is a compiled graph. Calls are made one at a time by the engine.
type program struct {
	name  string
	ready chan struct{}
	graph *graph.Graph
	err   error
}

// program returns the compiled form of build, compiling it if this name is new. Several goroutines may compile
// different programs at once; those who ask for the same one wait for it.
func (d *device) program(name string, build func(g *graph.Graph) []*graph.Node) (*program, error) {
	d.mu.Lock()
	p, found := d.programs[name]
	if !found {
		p = &program{name: name, ready: make(chan struct{})}
		d.programs[name] = p
	}
	d.mu.Unlock()
	if found {
		<-p.ready
		return p, p.err
	}
	defer func() {
		if p.err != nil { // the next one who asks may have more memory
			d.mu.Lock()
			if d.programs[name] == p {
				delete(d.programs, name)
			}
			d.mu.Unlock()
		}
		close(p.ready)
	}()
	start := time.Now()
	p.err = guard("compile "+name, func() error {
		g := graph.NewGraph(d.backend, name)
		if err := g.Compile(build(g)...); err != nil {
			return err
		}
		p.graph = g
		return nil
	})
	backend.ReleaseUnused() // compilers need much for a moment
	d.compiled.Add(int64(time.Since(start)))
	return p, p.err
}

// run executes p. Inputs flagged in donate are released by the call, the others stay the caller's; outputs are the
// caller's to release.
func (d *device) run(p *program, inputs []compute.Buffer, donate []bool) (outputs []compute.Buffer, err error) {
	err = guard("run "+p.name, func() error {
		outputs, err = p.graph.Executable().Execute(inputs, donate, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.live.Add(int64(len(outputs)))
	for _, gone := range donate {
		if gone {
			d.live.Add(-1)
		}
	}
	return outputs, nil
}

// upload copies flat (a slice of float32, int32 or BFloat16) to a new buffer.
func (d *device) upload(flat any, dims ...int) (buf compute.Buffer, err error) {
	err = guard("upload", func() error {
		buf, err = d.backend.BufferFromFlatData(0, flat, shapes.Make(dtypeOf(flat), dims...))
		return err
	})
	if err == nil {
		d.live.Add(1)
	}
	return buf, err
}

func (d *device) isFloat32() bool { return d.dtype == dtypes.Float32 }

func dtypeOf(flat any) dtypes.DType {
	switch flat.(type) {
	case []int32:
		return dtypes.Int32
	case []bfloat16.BFloat16:
		return dtypes.BFloat16
	default:
		return dtypes.Float32
	}
}

// uploadFloats copies values to a new buffer of the device's own type.
func (d *device) uploadFloats(values []float32, dims ...int) (compute.Buffer, error) {
	if d.dtype == dtypes.BFloat16 {
		return d.upload(toBFloat16(values), dims...)
	}
	return d.upload(values, dims...)
}

func toBFloat16(values []float32) []bfloat16.BFloat16 {
	half := make([]bfloat16.BFloat16, len(values))
	for i, v := range values {
		half[i] = bfloat16.FromFloat32(v)
	}
	return half
}

// fill makes a buffer of float values in the device's type, letting write put them in place: straight into device
// memory where host and device share it, else through a host copy.
func (d *device) fill(write func(dst []float32) error, dims ...int) (compute.Buffer, error) {
	if d.shared && d.isFloat32() {
		buf, flat, err := d.alloc(dims...)
		if err != nil {
			return nil, err
		}
		if err := write(flat); err != nil {
			d.release(buf)
			return nil, err
		}
		return buf, nil
	}
	host := make([]float32, product(dims))
	if err := write(host); err != nil {
		return nil, err
	}
	return d.uploadFloats(host, dims...)
}

// alloc makes a zeroed float32 buffer that host and device both see; only for shared devices.
func (d *device) alloc(dims ...int) (buf compute.Buffer, flat []float32, err error) {
	err = guard("allocate", func() error {
		var data any
		buf, data, err = d.backend.NewSharedBuffer(0, shapes.Make(dtypes.Float32, dims...))
		if err != nil {
			return err
		}
		flat = data.([]float32)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%d bytes: %w", 4*product(dims), err)
	}
	if d.backend.Name() == "go" {
		clear(flat) // it hands out memory from a pool; XLA's comes zeroed
	}
	d.live.Add(1)
	return buf, flat, nil
}

// floats returns the values of buf as float32. On a shared float32 device it is a view that lasts as long as buf.
func (d *device) floats(buf compute.Buffer) (values []float32, err error) {
	err = guard("read", func() error {
		shape, err := buf.Shape()
		if err != nil {
			return err
		}
		if shape.DType == dtypes.BFloat16 {
			half := make([]bfloat16.BFloat16, shape.Size())
			if err := buf.ToFlatData(half); err != nil {
				return err
			}
			values = make([]float32, len(half))
			for i, h := range half {
				values[i] = h.Float32()
			}
			return nil
		}
		if d.shared {
			flat, err := buf.Data()
			if err != nil {
				return err
			}
			values = flat.([]float32)
			return nil
		}
		values = make([]float32, shape.Size())
		return buf.ToFlatData(values)
	})
	return values, err
}

// release gives buffers back; nil ones are passed over.
func (d *device) release(bufs ...compute.Buffer) {
	for _, b := range bufs {
		if b == nil {
			continue
		}
		d.live.Add(-1)
		_ = guard("release", b.Finalize)
	}
}

func (d *device) remember(s *slots) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slots[s] = true
}

func (d *device) forget(s *slots) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.slots, s)
}

// close frees what memories still hold, waits for compilations under way and frees programs and backend.
func (d *device) close() {
	d.mu.Lock()
	open := slices.Collect(maps.Keys(d.slots))
	d.mu.Unlock()
	for _, s := range open {
		s.free()
	}
	d.mu.Lock()
	programs := d.programs
	d.programs = map[string]*program{}
	d.mu.Unlock()
	for _, p := range programs {
		<-p.ready
		if p.graph != nil {
			p.graph.Finalize()
		}
	}
	_ = guard("close device", func() error { d.backend.Finalize(); return nil })
}

// guard runs fn and turns a panic inside it into an error that names what was being done.
func guard(doing string, fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if cause, ok := r.(error); ok {
				err = fmt.Errorf("%s: %w", doing, cause)
			} else {
				err = fmt.Errorf("%s: %v\n%s", doing, r, debug.Stack())
			}
		}
	}()
	if err := fn(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// recovered returns fn's error as it is, and a panic inside it as an error.
func recovered(fn func() error) (err error) {
	var result error
	if err := guard("engine", func() error { result = fn(); return nil }); err != nil {
		return err
	}
	return result
}

func product(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}
