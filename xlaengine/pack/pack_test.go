package pack

// What every format promises: what comes back is near to what went in, only the positions meant are read and written,
// and what can't be packed is refused in words.

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestParseReadsWhatStringWrites(t *testing.T) {
	for f := range Format(len(formats)) {
		if got, err := Parse(f.String()); err != nil || got != f {
			t.Errorf("Parse(%q) = %v, %v", f.String(), got, err)
		}
	}
	for _, name := range []string{"", "fp16", "Int8", "Format(3)"} {
		if _, err := Parse(name); err == nil || !strings.Contains(err.Error(), "want float32, bfloat16, int8") {
			t.Errorf("Parse(%q): error %v does not name the formats", name, err)
		}
	}
	if got := Format(3).String(); got != "Format(3)" {
		t.Errorf("unknown format prints as %q", got)
	}
}

// FuzzWhatComesBackIsNear packs a part of some slots and unpacks it to a part of others. Outside these parts the first
// hold NaN, which would be noticed, and the others must stay as they are.
func FuzzWhatComesBackIsNear(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(64), uint8(200), uint8(10), uint8(5))
	f.Add(uint64(2), uint8(1), uint8(1), uint8(1), uint8(0), uint8(0))
	f.Add(uint64(3), uint8(2), uint8(33), uint8(64), uint8(0), uint8(1))
	f.Add(uint64(4), uint8(2), uint8(16), uint8(65), uint8(7), uint8(0))
	f.Add(uint64(5), uint8(8), uint8(128), uint8(130), uint8(1), uint8(200))
	f.Fuzz(func(t *testing.T, seed uint64, kv, headDim, n, from, to uint8) {
		heads, dim, count := int(kv%16)+1, int(headDim)+1, int(n)+1
		source := newSlots(heads, dim, count+int(from)+int(seed%3), int(from), count)
		source.fill(rand.New(rand.NewPCG(seed, 0)))
		for format := range Format(len(formats)) {
			keys, values := source.part()
			l, err := Pack(format, keys, values, heads, dim, source.capacity, count)
			if err != nil {
				t.Fatal(err)
			}
			target := newSlots(heads, dim, count+int(to)+int(seed%5), int(to), count)
			keys, values = target.part()
			if err := l.Unpack(keys, values, target.capacity); err != nil {
				t.Fatal(err)
			}
			if target.outside() != nil {
				t.Fatalf("%s: number %v, outside the positions, is written", format, target.outside())
			}
			gotK, gotV := target.inside()
			wantK, wantV := source.inside()
			near(t, format, "keys", gotK, wantK, count, keyRun)
			near(t, format, "values", gotV, wantV, dim, dim)
		}
	})
}

// near fails if a number is further away than its format may bring it. Runs end where rows of that length end.
func near(t *testing.T, f Format, what string, got, want []float32, row, run int) {
	t.Helper()
	for i, v := range want {
		var most float64
		switch f {
		case BFloat16:
			most = math.Abs(float64(v)) / 256
		case Int8:
			start := i/row*row + i%row/run*run
			low, high := math.Inf(1), math.Inf(-1)
			for _, w := range want[start:min(start+run, i/row*row+row)] {
				low, high = min(low, float64(w)), max(high, float64(w))
			}
			most = (high-low)/255/2*1.0001 + max(math.Abs(low), math.Abs(high))*0x1p-23
		}
		if !(math.Abs(float64(got[i])-float64(v)) <= most) {
			t.Fatalf("%s: %s: number %d is %g, want %g ± %g", f, what, i, got[i], v, most)
		}
	}
}

func TestBytesCountsNumbersAndRuns(t *testing.T) {
	// 2 heads of width 16 and 65 positions: 2080 keys in 2·16·2 runs, 2080 values in 2·65 runs.
	s := newSlots(2, 16, 100, 0, 65)
	s.fill(rand.New(rand.NewPCG(1, 1)))
	for f, want := range map[Format]int64{Float32: 4 * 4160, BFloat16: 2 * 4160, Int8: 4160 + 8*(64+130)} {
		l, err := Pack(f, s.keys, s.values, 2, 16, 100, 65)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Bytes(); got != want {
			t.Errorf("%s: %d bytes, want %d", f, got, want)
		}
	}
}

func TestPackAllocatesOnceByKindAndUnpackNothing(t *testing.T) {
	s := newSlots(2, 16, 300, 0, 300)
	s.fill(rand.New(rand.NewPCG(1, 1)))
	for f, want := range map[Format]float64{Float32: 2, BFloat16: 2, Int8: 4} {
		var l Layer
		if got := testing.AllocsPerRun(10, func() { l, _ = Pack(f, s.keys, s.values, 2, 16, 300, 300) }); got != want {
			t.Errorf("Pack to %s allocates %g times, want %g", f, got, want)
		}
		if got := testing.AllocsPerRun(10, func() { _ = l.Unpack(s.keys, s.values, 300) }); got != 0 {
			t.Errorf("Unpack from %s allocates %g times", f, got)
		}
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	const huge = math.MaxInt
	for _, c := range []struct {
		format                               Format
		keys, values, kv, dim, capacity, len int
		want                                 string
	}{
		{Float32, 24, 24, 0, 3, 4, 4, "pack float32: 0 heads of width 3, want at least 1 of each"},
		{Float32, 24, 24, 2, -1, 4, 4, "pack float32: 2 heads of width -1, want at least 1 of each"},
		{BFloat16, 24, 24, 2, 3, 4, 5, "pack bfloat16: 5 positions in slots for 4"},
		{BFloat16, 24, 24, 2, 3, 4, -1, "pack bfloat16: -1 positions in slots for 4"},
		{Int8, 23, 24, 2, 3, 4, 4, "pack int8: keys have 23 numbers, too few for 4 positions in [2, 3, 4]"},
		{Int8, 24, 23, 2, 3, 4, 4, "pack int8: values have 23 numbers, too few for 4 positions in [2, 4, 3]"},
		{Format(9), 24, 24, 2, 3, 4, 4, "pack: unknown number format 9, want float32, bfloat16, int8"},
		{Int8, 24, 24, huge, huge, huge, huge, "keys have 24 numbers"},
		{Int8, 24, 24, huge, 1, 4, 4, "keys have 24 numbers"},
		{Int8, 24, 24, 1, huge, 4, 4, "keys have 24 numbers"},
		{Int8, 24, 24, 4, huge/2 + 1, 4, 4, "keys have 24 numbers"}, // the product is 0
		{Int8, 24, 24, 2, 1, huge, 4, "keys have 24 numbers"},
		{Int8, 24, 24, 1, 1, huge, huge, "keys have 24 numbers"},
		{Int8, 24, 0, 1, 1, huge, 24, "values have 0 numbers"},
	} {
		_, err := Pack(c.format, make([]float32, c.keys), make([]float32, c.values), c.kv, c.dim, c.capacity, c.len)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	l, err := Pack(Int8, make([]float32, 24), make([]float32, 24), 2, 3, 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	for capacity, want := range map[int]string{
		3: "unpack int8: 4 positions in slots for 3",
		5: "unpack int8: keys have 24 numbers, too few for 4 positions in [2, 3, 5]",
	} {
		if err := l.Unpack(make([]float32, 24), make([]float32, 24), capacity); err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestNoPositionsTakeNothing(t *testing.T) {
	for f := range Format(len(formats)) {
		l, err := Pack(f, nil, nil, 2, 3, 4, 0)
		if err != nil || l.Bytes() != 0 || l.Unpack(nil, nil, 0) != nil {
			t.Errorf("%s: %d bytes, %v", f, l.Bytes(), err)
		}
	}
	if err := (Layer{}).Unpack(nil, nil, 0); err != nil {
		t.Error(err)
	}
}

// slots hold NaN, but for n positions from at on once filled.
type slots struct {
	kv, dim, capacity, at, n int
	keys, values             []float32
}

func newSlots(kv, dim, capacity, at, n int) slots {
	s := slots{kv, dim, capacity, at, n, make([]float32, kv*dim*capacity), make([]float32, kv*capacity*dim)}
	for i := range s.keys {
		s.keys[i], s.values[i] = float32(math.NaN()), float32(math.NaN())
	}
	return s
}

// part returns what begins with the first position and ends with the last.
func (s slots) part() (keys, values []float32) {
	last := s.capacity - s.at - s.n
	return s.keys[s.at : len(s.keys)-last], s.values[s.at*s.dim : len(s.values)-last*s.dim]
}

// each calls do with the indices of each position's numbers in keys and in values.
func (s slots) each(do func(key, value int)) {
	for head := range s.kv {
		for channel := range s.dim {
			for p := s.at; p < s.at+s.n; p++ {
				do((head*s.dim+channel)*s.capacity+p, (head*s.capacity+p)*s.dim+channel)
			}
		}
	}
}

// fill gives channels sizes and middles of their own, as those of keys have.
func (s slots) fill(random *rand.Rand) {
	size, middle := make([]float64, s.dim), make([]float64, s.dim)
	for i := range size {
		size[i], middle[i] = math.Exp(3*random.NormFloat64()), random.NormFloat64()*float64(random.IntN(3))
	}
	s.each(func(key, value int) {
		channel := value % s.dim
		s.keys[key] = float32(size[channel] * (middle[channel] + random.NormFloat64()))
		s.values[value] = float32(random.NormFloat64())
	})
}

// inside returns the positions' keys [kv, head_dim, n] and values [kv, n, head_dim].
func (s slots) inside() (keys, values []float32) {
	for i := range s.kv * s.dim {
		keys = append(keys, s.keys[i*s.capacity+s.at:][:s.n]...)
	}
	for head := range s.kv {
		values = append(values, s.values[(head*s.capacity+s.at)*s.dim:][:s.n*s.dim]...)
	}
	return keys, values
}

// outside returns a number that is no NaN any more and no position's.
func (s slots) outside() []float32 {
	keys, values := make([]bool, len(s.keys)), make([]bool, len(s.values))
	s.each(func(key, value int) { keys[key], values[value] = true, true })
	for i := range s.keys {
		if !keys[i] && s.keys[i] == s.keys[i] {
			return s.keys[i : i+1]
		}
		if !values[i] && s.values[i] == s.values[i] {
			return s.values[i : i+1]
		}
	}
	return nil
}
