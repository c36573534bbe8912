package xlaengine

// One pass of new positions through all layers, for rows side by side. Everything here runs on the engine's goroutine.

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute"
)

// feed is what a row takes in in one pass: tokens or one thought [dim]. Hidden states are wanted of the last ones.
type feed struct {
	tokens  []int
	thought []float32
	want    int
}

func (f feed) count() int { return max(len(f.tokens), min(1, len(f.thought))) }

// errAbandoned ends a pass that nobody waits for any more.
var errAbandoned = errors.New("abandoned")

// forward passes feeds through the layers, row i of n·t taking feeds[i]. It leaves the keys and values in the rows'
// slots and the wanted hidden states in the rows.
func (e *Engine) forward(rows []*row, feeds []feed, n, t int) error {
	s, err := e.makeRoom(rows, feeds, n, t)
	if err != nil {
		return err
	}
	x, err := e.input(feeds, s)
	if err != nil {
		return err
	}
	at := wanted(feeds, s)
	if x, err = e.pass(rows, feeds, s, x, at); err != nil {
		return err
	}
	for r, row := range rows {
		row.length += feeds[r].count()
	}
	return e.finalHidden(rows, feeds, s, x, at)
}

// wanted returns the positions in rows·t whose hidden states are wanted, filled up to a bucket.
func wanted(feeds []feed, s step) []int32 {
	var at []int32
	for r, f := range feeds {
		for i := f.count() - f.want; i < f.count(); i++ {
			at = append(at, int32(r*s.t+i))
		}
	}
	return append(at, make([]int32, bucket(finalBuckets, len(at))-len(at))...)
}

// ends says whether the last block of layers gives the hidden states that are wanted, rather than all: of chunks, where
// that saves most of the last layer.
func (s step) ends() bool { return s.t > stepBuckets[len(stepBuckets)-1] }

// input returns the embeddings [rows·t, dim] of feeds; what is padding does not matter.
func (e *Engine) input(feeds []feed, s step) (compute.Buffer, error) {
	dim := e.dec.Dim
	if e.dev.inPlace() {
		table, err := e.dev.floats(e.params.win)
		if err != nil {
			return nil, err
		}
		return e.dev.fill(func(x []float32) error {
			for r, f := range feeds {
				copy(x[r*s.t*dim:], f.thought)
				for i, id := range f.tokens {
					copy(x[(r*s.t+i)*dim:][:dim], table[id*dim:])
				}
			}
			return nil
		}, s.rows*s.t, dim)
	}
	ids := make([]int32, s.rows*s.t)
	thoughts := false
	for r, f := range feeds {
		thoughts = thoughts || f.thought != nil
		for i, id := range f.tokens {
			ids[r*s.t+i] = int32(id)
		}
	}
	x, err := e.embed(ids)
	if err != nil || !thoughts {
		return x, err
	}
	defer e.dev.release(x)
	host, err := e.dev.floats(x)
	if err != nil {
		return nil, err
	}
	for r, f := range feeds {
		copy(host[r*s.t*dim:], f.thought)
	}
	return e.dev.uploadFloats(host, len(ids), dim)
}

// pass runs x [rows·t, dim] (released here) through the layers, block by block; it ends between two of them when no
// caller waits any more. It returns the last layer's output and leaves the new keys and values in the rows' slots.
func (e *Engine) pass(rows []*row, feeds []feed, s step, x compute.Buffer, at []int32) (compute.Buffer, error) {
	picks, err := e.dev.upload(at, len(at), 1)
	if err != nil {
		e.dev.release(x)
		return nil, err
	}
	defer e.dev.release(picks)
	cos, sin, past, err := e.positions(rows, s)
	if err != nil {
		e.dev.release(x)
		return nil, err
	}
	defer e.dev.release(cos, sin, past)

	var stored [][]compute.Buffer // by block: keys and values of its layers
	defer func() {
		for _, b := range stored {
			e.dev.release(b...)
		}
	}()
	for first := 0; first < e.dec.Layers; first += e.blockLayers {
		if !slices.ContainsFunc(rows, func(r *row) bool { return r.ctx.Err() == nil }) {
			e.dev.release(x)
			return nil, errAbandoned
		}
		last := min(first+e.blockLayers, e.dec.Layers)
		ends := s.ends() && last == e.dec.Layers
		program, err := e.blockProgram(s, first, last, len(at))
		if err != nil {
			e.dev.release(x)
			return nil, err
		}
		inputs := []compute.Buffer{x, cos, sin, past}
		for layer := first; layer < last; layer++ {
			inputs = append(inputs, e.params.layers[layer]...)
			for r := 0; r < s.rows && s.slots > 0; r++ {
				from := rows[min(r, len(rows)-1)].slots // rows added to fill the bucket have no past of their own
				inputs = append(inputs, from.keys[layer], from.values[layer])
			}
		}
		if ends {
			inputs = append(inputs, e.params.norm, picks)
		}
		out, err := e.dev.run(program, inputs, nil)
		e.dev.release(x)
		if err != nil {
			return nil, err
		}
		x = out[0]
		stored = append(stored, out[1:])
	}
	for block, bufs := range stored {
		for i := 0; i < len(bufs); i += 2 {
			layer := block*e.blockLayers + i/2
			for r, row := range rows {
				if err := row.slots.write(layer, bufs[i], bufs[i+1], s.rows, r, s.t, row.length, feeds[r].count()); err != nil {
					e.dev.release(x)
					return nil, err
				}
			}
		}
	}
	return x, nil
}

// blockProgram compiles layers first…last-1 for shape s; blocks of the same make share it.
func (e *Engine) blockProgram(s step, first, last, picks int) (*program, error) {
	if !s.ends() || last < e.dec.Layers {
		picks = 0
	}
	windows := make([]int, 0, last-first)
	for layer := first; layer < last; layer++ {
		windows = append(windows, e.dec.Window(layer))
	}
	return e.dev.program(fmt.Sprintf("layers %v %v, %d picked", windows, s, picks), e.dec.block(s, windows, picks))
}

// compile compiles what a pass of steps of that shape needs.
func (e *Engine) compile(s step) error {
	for first := 0; first < e.dec.Layers; first += e.blockLayers {
		if _, err := e.blockProgram(s, first, min(first+e.blockLayers, e.dec.Layers), s.rows); err != nil {
			return err
		}
	}
	for n := s.rows; n <= s.rows*s.t; n *= 2 {
		if _, err := e.finalProgram(n, s.rows*s.t); err != nil {
			return err
		}
		if _, err := e.logitsProgram(n); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) finalProgram(n, all int) (*program, error) {
	return e.dev.program(fmt.Sprintf("final %d of %d", n, all), e.dec.final(n, all))
}

func (e *Engine) logitsProgram(n int) (*program, error) {
	return e.dev.program(fmt.Sprintf("logits %d", n), e.dec.logits(n))
}

// makeRoom sees to it that every row owns slots for its new positions and that all rows have the same capacity, and
// returns the shape of the pass. Rows without any past take none along.
func (e *Engine) makeRoom(rows []*row, feeds []feed, n, t int) (step, error) {
	capacity, past := 0, 0
	for r, row := range rows {
		capacity = max(capacity, row.capacityFor(e.needs(row, feeds[r].count(), t)))
		past = max(past, row.length)
	}
	for _, row := range rows {
		if err := row.own(e, capacity); err != nil {
			return step{}, err
		}
	}
	if past == 0 {
		capacity = 0
	}
	return step{rows: n, t: t, slots: capacity}, nil
}

// positions uploads cosines and sines [rows·t, head_dim/2] of the angles at the new positions, and the rows' pasts.
// Angles are products in float32, as in transformers; their cosines are exact.
func (e *Engine) positions(rows []*row, s step) (cos, sin, past compute.Buffer, err error) {
	half := e.dec.HeadDim / 2
	c, sn := make([]float32, s.rows*s.t*half), make([]float32, s.rows*s.t*half)
	lengths := make([]int32, s.rows)
	for r, row := range rows {
		lengths[r] = int32(row.length)
		for i := range s.t {
			at := (r*s.t + i) * half
			for j, f := range e.invFreq {
				angle := float64(float32(row.length+i) * f)
				c[at+j], sn[at+j] = float32(math.Cos(angle)), float32(math.Sin(angle))
			}
		}
	}
	if cos, err = e.dev.upload(c, s.rows*s.t, half); err != nil {
		return nil, nil, nil, err
	}
	if sin, err = e.dev.upload(sn, s.rows*s.t, half); err != nil {
		e.dev.release(cos)
		return nil, nil, nil, err
	}
	if past, err = e.dev.upload(lengths, s.rows); err != nil {
		e.dev.release(cos, sin)
		return nil, nil, nil, err
	}
	return cos, sin, past, nil
}

// embed returns the input embeddings [len(ids), dim] of ids.
func (e *Engine) embed(ids []int32) (compute.Buffer, error) {
	p, err := e.dev.program(fmt.Sprintf("embed %d", len(ids)), e.dec.embed(len(ids)))
	if err != nil {
		return nil, err
	}
	in, err := e.dev.upload(ids, len(ids), 1)
	if err != nil {
		return nil, err
	}
	defer e.dev.release(in)
	out, err := e.dev.run(p, []compute.Buffer{e.params.win, in}, nil)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// finalHidden leaves the hidden states of the positions at in the rows. x, which it releases, has these alone or, of steps,
// all positions, not yet normed.
func (e *Engine) finalHidden(rows []*row, feeds []feed, s step, x compute.Buffer, at []int32) error {
	defer func() { e.dev.release(x) }()
	if !s.ends() {
		p, err := e.finalProgram(len(at), s.rows*s.t)
		if err != nil {
			return err
		}
		index, err := e.dev.upload(at, len(at), 1)
		if err != nil {
			return err
		}
		defer e.dev.release(index)
		out, err := e.dev.run(p, []compute.Buffer{e.params.norm, x, index}, nil)
		if err != nil {
			return err
		}
		e.dev.release(x)
		x = out[0]
	}
	flat, err := e.dev.floats(x)
	if err != nil {
		return err
	}
	for r, f := range feeds {
		rows[r].hidden = make([][]float32, f.want)
		for i := range f.want {
			rows[r].hidden[i] = slices.Clone(flat[:e.dec.Dim])
			flat = flat[e.dec.Dim:]
		}
	}
	return nil
}

// uploadRows uploads hidden states as [rowsFor, dim].
func (e *Engine) uploadRows(hidden [][]float32) (buf compute.Buffer, n int, err error) {
	n = rowsFor(len(hidden))
	h := make([]float32, n*e.dec.Dim)
	for r, v := range hidden {
		copy(h[r*e.dec.Dim:], v)
	}
	buf, err = e.dev.upload(h, n, e.dec.Dim)
	return buf, n, err
}

// logits calls use with the next-token logits [vocab] of each hidden state; they are gone when it returns.
func (e *Engine) logits(hidden [][]float32, use func(i int, logits []float32)) error {
	for from := 0; from < len(hidden); from += maxRows {
		if err := e.logitsOf(hidden[from:min(from+maxRows, len(hidden))], func(i int, logits []float32) { use(from+i, logits) }); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) logitsOf(hidden [][]float32, use func(i int, logits []float32)) error {
	h, n, err := e.uploadRows(hidden)
	if err != nil {
		return err
	}
	defer e.dev.release(h)
	p, err := e.logitsProgram(n)
	if err != nil {
		return err
	}
	out, err := e.dev.run(p, []compute.Buffer{e.params.wout, h}, nil)
	if err != nil {
		return err
	}
	defer e.dev.release(out...)
	flat, err := e.dev.floats(out[0])
	if err != nil {
		return err
	}
	for i := range hidden {
		use(i, flat[i*e.dec.Vocab:][:e.dec.Vocab])
	}
	return nil
}
