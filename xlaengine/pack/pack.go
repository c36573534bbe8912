// A packed layer: the keys and values of one layer of a memory, taken out of their slots into fewer bytes, and put back.
// This file holds the value and the walk over the slots; bfloat16.go and int8.go are the ways to write a number.

// Package pack keeps the keys and values of idle memories small, at the cost of some precision: BFloat16 halves them,
// Int8 brings them to a bit more than a quarter.
package pack

import (
	"fmt"
	"strings"
)

// Format is how packed numbers are written.
type Format int

// What each costs a number, and what is lost of SmolLM2-135M's keys and values: the error's norm in that of the numbers.
const (
	Float32  Format = iota // 4 bytes; a copy, nothing is lost
	BFloat16               // 2 bytes; 0.2 % of both
	Int8                   // 1 byte, and 8 for each run of numbers (int8.go); 0.3 % of keys, 0.6 % of values
)

var formats = []string{"float32", "bfloat16", "int8"}

// String returns the name that Parse reads.
func (f Format) String() string {
	if !f.known() {
		return fmt.Sprintf("Format(%d)", int(f))
	}
	return formats[f]
}

func (f Format) known() bool { return f >= 0 && int(f) < len(formats) }

// Parse returns the format of that name: float32, bfloat16 or int8.
func Parse(name string) (Format, error) {
	for i, known := range formats {
		if name == known {
			return Format(i), nil
		}
	}
	return 0, fmt.Errorf("number format %q: want %s", name, strings.Join(formats, ", "))
}

// Layer is one layer's keys and values, packed. It never changes. The zero Layer has no positions.
type Layer struct {
	format         Format
	kv, headDim, n int
	keys, values   numbers
}

// numbers are packed ones, in the order of the slots without the gaps between rows. What the format doesn't use is nil.
type numbers struct {
	floats []float32
	halves []uint16
	codes  []uint8
	runs   []run
}

// Pack packs the first n positions of keys [kv, head_dim, capacity] and values [kv, capacity, head_dim], which it
// copies. BFloat16 keeps NaN and infinities; Int8 can't, and refuses them with an error that says where they are.
//
// Positions at…at+n-1 are packed from keys[at:] and values[at*headDim:]; what follows the last of them need not be there.
func Pack(f Format, keys, values []float32, kv, headDim, capacity, n int) (Layer, error) {
	l := Layer{format: f, kv: kv, headDim: headDim, n: n}
	if !f.known() {
		return Layer{}, fmt.Errorf("pack: unknown number format %d, want %s", int(f), strings.Join(formats, ", "))
	}
	if err := l.check(keys, values, capacity); err != nil {
		return Layer{}, fmt.Errorf("pack %s: %w", f, err)
	}
	if n == 0 {
		return l, nil
	}
	var bad *unfit
	if l.keys, bad = l.keyRows(capacity).pack(f, keys); bad != nil {
		return Layer{}, bad.error(f, "keys", bad.row/headDim, bad.at, bad.row%headDim)
	}
	if l.values, bad = l.valueRows(capacity).pack(f, values); bad != nil {
		return Layer{}, bad.error(f, "values", bad.row, bad.at/headDim, bad.at%headDim)
	}
	return l, nil
}

// Unpack writes the layer's n positions to the first n of keys [kv, head_dim, capacity] and values [kv, capacity,
// head_dim] and leaves the others as they are; as with Pack, slices that begin later move where they land.
func (l Layer) Unpack(keys, values []float32, capacity int) error {
	if l.n == 0 {
		return nil
	}
	if err := l.check(keys, values, capacity); err != nil {
		return fmt.Errorf("unpack %s: %w", l.format, err)
	}
	l.keyRows(capacity).unpack(l.format, keys, l.keys)
	l.valueRows(capacity).unpack(l.format, values, l.values)
	return nil
}

// Bytes returns the size of the packed numbers and of what their runs share.
func (l Layer) Bytes() int64 { return l.keys.bytes() + l.values.bytes() }

func (p numbers) bytes() int64 {
	return 4*int64(len(p.floats)) + 2*int64(len(p.halves)) + int64(len(p.codes)) + runBytes*int64(len(p.runs))
}

// check says why the slots can't hold the layer. Where it finds nothing, no index into them overflows.
func (l Layer) check(keys, values []float32, capacity int) error {
	switch {
	case l.kv < 1 || l.headDim < 1:
		return fmt.Errorf("%d heads of width %d, want at least 1 of each", l.kv, l.headDim)
	case l.n < 0 || l.n > capacity:
		return fmt.Errorf("%d positions in slots for %d", l.n, capacity)
	case l.n == 0:
		return nil
	}
	if l.kv > len(keys)/l.headDim || !l.keyRows(capacity).fit(keys) {
		return fmt.Errorf("keys have %d numbers, too few for %d positions in [%d, %d, %d]",
			len(keys), l.n, l.kv, l.headDim, capacity)
	}
	if !l.valueRows(capacity).fit(values) {
		return fmt.Errorf("values have %d numbers, too few for %d positions in [%d, %d, %d]",
			len(values), l.n, l.kv, capacity, l.headDim)
	}
	return nil
}

// rows are the numbers of the first n positions in slots: count rows, one every stride numbers, of which the first
// length are meant. Int8 gives each run numbers of a row a step of their own; the row's last run may be shorter.
type rows struct{ count, stride, length, run int }

func (l Layer) keyRows(capacity int) rows {
	return rows{count: l.kv * l.headDim, stride: capacity, length: l.n, run: keyRun}
}

func (l Layer) valueRows(capacity int) rows {
	return rows{count: l.kv, stride: capacity * l.headDim, length: l.n * l.headDim, run: l.headDim}
}

func (r rows) fit(slots []float32) bool {
	return r.length <= len(slots) && (r.count == 1 || r.count-1 <= (len(slots)-r.length)/r.stride)
}

// unfit is a number that the format can't hold, and where in its rows it is.
type unfit struct {
	number  float32
	row, at int
}

func (u unfit) error(f Format, of string, head, position, channel int) error {
	return fmt.Errorf("pack %s: %s of %s: the number is %g, want at most %g in size; pack as %s, which keeps it",
		f, of, where(head, position, channel), u.number, float32(limit), Float32)
}

func where(head, position, channel int) string {
	return fmt.Sprintf("head %d, position %d, channel %d", head, position, channel)
}

// pack packs the rows, or says which number kept it from that.
func (r rows) pack(f Format, slots []float32) (p numbers, bad *unfit) {
	size, runs := r.count*r.length, r.runs()
	switch f {
	case Float32:
		p.floats = make([]float32, size)
	case BFloat16:
		p.halves = make([]uint16, size)
	case Int8:
		p.codes, p.runs = make([]uint8, size), make([]run, r.count*runs)
	}
	for i := range r.count {
		row, at := slots[i*r.stride:][:r.length], i*r.length
		switch f {
		case Float32:
			copy(p.floats[at:], row)
		case BFloat16:
			toBFloat16(p.halves[at:], row)
		case Int8:
			if j := toInt8(p.codes[at:], p.runs[i*runs:], row, r.run); j >= 0 {
				return p, &unfit{row[j], i, j}
			}
		}
	}
	return p, nil
}

func (r rows) unpack(f Format, slots []float32, p numbers) {
	runs := r.runs()
	for i := range r.count {
		row, at := slots[i*r.stride:][:r.length], i*r.length
		switch f {
		case Float32:
			copy(row, p.floats[at:])
		case BFloat16:
			fromBFloat16(row, p.halves[at:])
		case Int8:
			fromInt8(row, p.codes[at:], p.runs[i*runs:], r.run)
		}
	}
}

// runs is how many runs a row has.
func (r rows) runs() int { return (r.length + r.run - 1) / r.run }
