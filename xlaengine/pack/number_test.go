package pack

// Numbers that a person can check by hand: what stays exact, where roundings tie, and what happens at the ends of the
// range.

import (
	"math"
	"strings"
	"testing"
)

var (
	nan       = float32(math.NaN())
	inf       = float32(math.Inf(1))
	minusZero = float32(math.Copysign(0, -1))
)

func TestBFloat16RoundsToNearestEven(t *testing.T) {
	for _, c := range []struct{ in, want float32 }{
		{0, 0},
		{minusZero, minusZero},
		{1, 1},
		{-1, -1},
		{0x1p127, 0x1p127},
		{-0x1p-126, -0x1p-126},
		{0x1p-133, 0x1p-133}, // the smallest there is
		{0x1p-134, 0},        // a tie
		{0x1.8p-133, 0x1p-132},
		{1 + 0x1p-7, 1 + 0x1p-7},
		{1 + 0x1p-8, 1},                    // a tie
		{1 + 0x1.8p-7, 1 + 0x1p-6},         // a tie
		{1 + 0x1p-8 + 0x1p-23, 1 + 0x1p-7}, // just above it
		{-(1 + 0x1p-8), -1},
		{2 - 0x1p-23, 2},
		{0x1.fep127, 0x1.fep127}, // the greatest there is
		{0x1.fefffep127, 0x1.fep127},
		{0x1.ffp127, inf}, // a tie
		{math.MaxFloat32, inf},
		{inf, inf},
		{-inf, -inf},
		{nan, nan},
		{math.Float32frombits(0x7f800001), nan}, // all that says NaN is in the half that goes
		{math.Float32frombits(0xff800001), nan},
		{math.Float32frombits(0xffffffff), nan},
	} {
		// By itself and beside another, as NaN are looked for over a whole row.
		for _, row := range [][]float32{{c.in}, {0.5, c.in, 0.5}} {
			got := there(t, BFloat16, row)[len(row)/2]
			if math.Float32bits(got) != math.Float32bits(c.want) && !(got != got && c.want != c.want) {
				t.Errorf("%x (bits %x) becomes %x, want %x", c.in, math.Float32bits(c.in), got, c.want)
			}
			if c.in != c.in && math.Signbit(float64(c.in)) != math.Signbit(float64(got)) {
				t.Errorf("NaN with bits %x changes its sign", math.Float32bits(c.in))
			}
		}
	}
}

func TestFloat32IsACopy(t *testing.T) {
	in := []float32{0, minusZero, 1.1, nan, math.Float32frombits(0x7f800001), inf, math.SmallestNonzeroFloat32}
	for i, got := range there(t, Float32, in) {
		if math.Float32bits(got) != math.Float32bits(in[i]) {
			t.Errorf("%x becomes %x", math.Float32bits(in[i]), math.Float32bits(got))
		}
	}
}

func TestInt8IsExactWhereItCanBe(t *testing.T) {
	var bytes []float32
	for i := range 256 {
		bytes = append(bytes, float32(i))
	}
	for name, row := range map[string][]float32{
		"zeros":                          make([]float32, 64),
		"one number":                     {3.14159},
		"equal numbers":                  {1e-20, 1e-20, 1e-20},
		"equal numbers at the end":       {-limit, -limit},
		"two numbers a power of 2 × 255": {0, 255 * 0x1p-9},
		"powers of two":                  {1, 2, 4, 8, 16, 32, 64, 128, 0, 255},
		"all levels":                     bytes,
		"levels around zero":             {-127, -64, -1, 0, 1, 32, 128},
		"the smallest normal numbers":    {0, 0x1p-126, 0x1p-125, 0x1.8p-120},
	} {
		for i, got := range there(t, Int8, row) {
			if got != row[i] {
				t.Errorf("%s: %g becomes %g", name, row[i], got)
			}
		}
	}
}

func TestInt8StaysNearAtTheEndsOfItsRange(t *testing.T) {
	for name, c := range map[string]struct {
		row  []float32
		most float64 // half a step
	}{
		"the greatest":     {[]float32{-limit, limit, 0x1p125, 1}, 0x1p127 / 255 / 2},
		"below the normal": {[]float32{0, math.SmallestNonzeroFloat32, 0x1p-130, -0x1p-127}, 0x1p-127},
		"far from zero":    {[]float32{1000, 1000.25, 1000.125}, 0.25 / 255 / 2},
		"a tie":            {[]float32{0, 0.5, 1.5, 255}, 0.5},
	} {
		for i, got := range there(t, Int8, c.row) {
			if off := math.Abs(float64(got) - float64(c.row[i])); !(off <= c.most*1.0001+math.Abs(float64(c.row[i]))*0x1p-23) {
				t.Errorf("%s: %g becomes %g, off by %g, want at most %g", name, c.row[i], got, off, c.most)
			}
		}
	}
}

func TestInt8SaysWhatItCanNotHoldAndWhere(t *testing.T) {
	const kv, dim, capacity, n = 2, 3, 100, 90
	for text, bad := range map[string]float32{
		"NaN": nan, "+Inf": inf, "-Inf": -inf, "1e+38": 1e38, "-3.4028235e+38": -math.MaxFloat32,
	} {
		for _, at := range []struct{ head, position, channel int }{{0, 0, 0}, {1, 70, 2}, {0, 89, 1}} {
			for _, of := range []string{"keys", "values"} {
				keys, values := make([]float32, kv*dim*capacity), make([]float32, kv*dim*capacity)
				if of == "keys" {
					keys[(at.head*dim+at.channel)*capacity+at.position] = bad
				} else {
					values[(at.head*capacity+at.position)*dim+at.channel] = bad
				}
				_, err := Pack(Int8, keys, values, kv, dim, capacity, n)
				want := "pack int8: " + of + " of " + where(at.head, at.position, at.channel) + ": the number is " + text + ", want"
				if err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("error %v, want %s", err, want)
				}
			}
		}
	}
}

// there packs a row, as one position's value and as one channel's key, and returns what comes back, which must be the
// same for rows no longer than a run of keys.
func there(t *testing.T, f Format, row []float32) []float32 {
	t.Helper()
	values := make([]float32, len(row))
	l, err := Pack(f, make([]float32, len(row)), row, 1, len(row), 1, 1)
	if err == nil {
		err = l.Unpack(make([]float32, len(row)), values, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(row) > keyRun {
		return values
	}
	keys := make([]float32, len(row))
	if l, err = Pack(f, row, make([]float32, len(row)), 1, 1, len(row), len(row)); err == nil {
		err = l.Unpack(keys, make([]float32, len(row)), len(row))
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if math.Float32bits(keys[i]) != math.Float32bits(values[i]) {
			t.Fatalf("%s: %g comes back as %g from keys, as %g from values", f, row[i], keys[i], values[i])
		}
	}
	return values
}
