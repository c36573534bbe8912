package xlaengine

// One pass of new positions through all layers, for rows side by side. A row is one agent's run through the engine:
// it starts from a memory, takes in prompt tokens or thoughts, and its slots grow. Everything here runs under the
// engine's lock; a cancelled context is noticed between passes and between blocks of layers.

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gomlx/compute"
)

// row is a working memory under construction.
type row struct {
	slots   *slots // nil while empty
	length  int    // positions in slots that are this row's
	claims  bool   // slots were taken over as they are and this row claimed more of them, from base on
	base    int    // slots.used before that, to give back on failure
	pending []int  // prompt tokens not yet taken in
	hidden  []float32
	digest  digest
}

// newRow starts from m, holding its slots.
func (e *Engine) newRow(m *Memory, prompt []int) (*row, error) {
	held, err := e.share(m)
	if err != nil {
		return nil, err
	}
	return &row{slots: held.slots, length: m.length, pending: prompt, digest: m.digest.withTokens(prompt)}, nil
}

// finish turns the row into a memory that goes on from m.
func (r *row) finish(e *Engine, m *Memory) *Memory {
	done := &Memory{engine: e, slots: r.slots, length: r.length, digest: r.digest, joined: m.joined}
	r.slots, r.claims = nil, false
	return done
}

// pass runs x [rows·t, dim] (released here) through the layers. Row i has counts[i] new positions, the rest of its t
// are padding. It returns the last layer's output and leaves the new keys and values in the rows' slots.
func (e *Engine) pass(ctx context.Context, rows []*row, t int, counts []int, x compute.Buffer) (compute.Buffer, error) {
	n := rowsFor(len(rows))
	s, err := e.makeRoom(rows, n, t, counts)
	if err != nil {
		e.dev.release(x)
		return nil, err
	}
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
		if err := ctx.Err(); err != nil {
			e.dev.release(x)
			return nil, err
		}
		last := min(first+e.blockLayers, e.dec.Layers)
		program, err := e.blockProgram(s, first, last)
		if err != nil {
			e.dev.release(x)
			return nil, err
		}
		inputs := []compute.Buffer{x, cos, sin, past}
		for layer := first; layer < last; layer++ {
			inputs = append(inputs, e.params.layers[layer]...)
			for r := 0; r < n && s.slots > 0; r++ {
				from := rows[min(r, len(rows)-1)].slots // rows added to fill the bucket have no past of their own
				inputs = append(inputs, from.keys[layer], from.values[layer])
			}
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
				if counts[r] == 0 {
					continue
				}
				if err := row.slots.write(layer, bufs[i], bufs[i+1], n, r, t, row.length, counts[r]); err != nil {
					e.dev.release(x)
					return nil, err
				}
			}
		}
	}
	for r, row := range rows {
		row.length += counts[r]
	}
	return x, nil
}

// blockProgram compiles layers first…last-1 for shape s; blocks of the same make share it.
func (e *Engine) blockProgram(s step, first, last int) (*program, error) {
	windows := make([]int, 0, last-first)
	for layer := first; layer < last; layer++ {
		windows = append(windows, e.dec.Window(layer))
	}
	return e.dev.program(fmt.Sprintf("layers %v %v", windows, s), e.dec.block(s, windows))
}

// makeRoom sees to it that every row owns slots for its new positions and that all rows have the same capacity, and
// returns the shape of the pass. Rows without any past take none along.
func (e *Engine) makeRoom(rows []*row, n, t int, counts []int) (step, error) {
	capacity, past := 0, 0
	for r, row := range rows {
		need := row.length + counts[r]
		if !e.dev.inPlace() {
			need = row.length + t // padding is stored too
		}
		capacity = max(capacity, capacityFor(need))
		if row.slots != nil {
			capacity = max(capacity, row.slots.capacity)
		}
		past = max(past, row.length)
	}
	for r, row := range rows {
		if err := row.own(e, capacity, counts[r]); err != nil {
			return step{}, err
		}
	}
	if past == 0 {
		capacity = 0
	}
	return step{rows: n, t: t, slots: capacity}, nil
}

// own claims count more positions, moving to slots of the given capacity if the present ones are smaller or another
// memory already goes on from here in them.
func (r *row) own(e *Engine, capacity, count int) error {
	if r.slots == nil || r.slots.capacity < capacity || r.slots.used != r.length {
		next, err := r.moved(e, capacity)
		if err != nil {
			return err
		}
		r.drop()
		r.slots = next
	} else if !r.claims {
		r.claims, r.base = true, r.slots.used
	}
	r.slots.used = r.length + count
	return nil
}

func (r *row) moved(e *Engine, capacity int) (*slots, error) {
	if r.length == 0 {
		return newSlots(e.dev, e.dec, capacity)
	}
	return r.slots.grown(capacity, r.length)
}

// drop lets go of the slots and gives back what this row claimed in them.
func (r *row) drop() {
	if r == nil || r.slots == nil {
		return
	}
	if r.claims {
		r.slots.used = r.base
	}
	r.slots.letGo()
	r.slots, r.claims = nil, false
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

// prefill takes in the rows' pending tokens chunk by chunk and leaves in each row the hidden state [dim] of its last one.
func (e *Engine) prefill(ctx context.Context, rows []*row) error {
	for {
		var active []*row
		longest := 0
		for _, r := range rows {
			if len(r.pending) > 0 {
				active = append(active, r)
				longest = max(longest, len(r.pending))
			}
		}
		if longest == 0 {
			return nil
		}
		t := chunkFor(longest, e.chunk)
		if err := e.tokens(ctx, active, t); err != nil {
			return err
		}
	}
}

// tokens takes in up to t pending tokens of each row.
func (e *Engine) tokens(ctx context.Context, rows []*row, t int) error {
	n := rowsFor(len(rows))
	ids := make([]int32, n*t)
	counts := make([]int, len(rows))
	for r, row := range rows {
		counts[r] = min(t, len(row.pending))
		for i, id := range row.pending[:counts[r]] {
			ids[r*t+i] = int32(id)
		}
	}
	x, err := e.embed(ids)
	if err != nil {
		return err
	}
	if x, err = e.pass(ctx, rows, t, counts, x); err != nil {
		return err
	}
	for r, row := range rows {
		row.pending = row.pending[counts[r]:]
	}
	return e.finalHidden(rows, t, counts, x)
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

// finalHidden norms the last new position of each row and leaves it in row.hidden. It releases x.
func (e *Engine) finalHidden(rows []*row, t int, counts []int, x compute.Buffer) error {
	defer e.dev.release(x)
	n := rowsFor(len(rows))
	p, err := e.dev.program(fmt.Sprintf("final %dx%d", n, t), e.dec.final(n, t))
	if err != nil {
		return err
	}
	last := make([]int32, n)
	for r := range rows {
		last[r] = int32(r*t + counts[r] - 1)
	}
	index, err := e.dev.upload(last, n, 1)
	if err != nil {
		return err
	}
	defer e.dev.release(index)
	out, err := e.dev.run(p, []compute.Buffer{e.params.norm, x, index}, nil)
	if err != nil {
		return err
	}
	defer e.dev.release(out...)
	hidden, err := e.dev.floats(out[0])
	if err != nil {
		return err
	}
	for r, row := range rows {
		row.hidden = append([]float32(nil), hidden[r*e.dec.Dim:(r+1)*e.dec.Dim]...)
	}
	return nil
}

// hiddenOf uploads the rows' hidden states [rowsFor, dim].
func (e *Engine) hiddenOf(rows []*row) (compute.Buffer, error) {
	n := rowsFor(len(rows))
	h := make([]float32, n*e.dec.Dim)
	for r, row := range rows {
		copy(h[r*e.dec.Dim:], row.hidden)
	}
	return e.dev.upload(h, n, e.dec.Dim)
}

// logits returns next-token logits [len(rows)][vocab].
func (e *Engine) logits(rows []*row) ([][]float32, error) {
	n := rowsFor(len(rows))
	p, err := e.dev.program(fmt.Sprintf("logits %d", n), e.dec.logits(n))
	if err != nil {
		return nil, err
	}
	h, err := e.hiddenOf(rows)
	if err != nil {
		return nil, err
	}
	defer e.dev.release(h)
	out, err := e.dev.run(p, []compute.Buffer{e.params.wout, h}, nil)
	if err != nil {
		return nil, err
	}
	defer e.dev.release(out...)
	flat, err := e.dev.floats(out[0])
	if err != nil {
		return nil, err
	}
	all := make([][]float32, len(rows))
	for r := range rows {
		all[r] = append([]float32(nil), flat[r*e.dec.Vocab:(r+1)*e.dec.Vocab]...)
	}
	return all, nil
}

// timed adds the time until the returned function is called to *to.
func timed(to *time.Duration) func() {
	start := time.Now()
	return func() { *to += time.Since(start) }
}
