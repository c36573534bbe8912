package pack

// What packing loses of real keys and values: those of head 0 of SmolLM2-135M-Instruct's layer 14 at the first 100
// positions of a planner's prompt, in testdata/smollm2-135m-layer14-head0.f32 as little-endian float32, keys [64, 100]
// and then values [100, 64]. They were taken from a file that Memory.Save wrote.

import (
	"encoding/binary"
	"math"
	"os"
	"testing"
)

const realDim, realN = 64, 100

func TestLossOfRealKeysAndValues(t *testing.T) {
	keys, values := realSlots(t)
	for f, most := range map[Format][2]float64{Float32: {0, 0}, BFloat16: {0.0018, 0.0018}, Int8: {0.0030, 0.0065}} {
		lostK, lostV := loss(t, f, keys, values)
		t.Logf("%-8s loses %.5f of keys, %.5f of values", f, lostK, lostV)
		if lostK > most[0] || lostV > most[1] {
			t.Errorf("%s loses %.5f of keys and %.5f of values, want at most %v", f, lostK, lostV, most)
		}
	}
}

// Keys that are laid out as values get a run for each position.
func TestRunsByChannelLoseLessOfKeysThanRunsByPosition(t *testing.T) {
	keys, _ := realSlots(t)
	byPosition := make([]float32, len(keys))
	for i, v := range keys {
		byPosition[i%realN*realDim+i/realN] = v
	}
	channel, position := loss(t, Int8, keys, byPosition)
	t.Logf("runs by channel lose %.5f, by position %.5f", channel, position)
	if channel > position/2 {
		t.Errorf("runs by channel lose %.5f of the keys, runs by position %.5f; want half of it or less", channel, position)
	}
}

// loss returns the norm of the error in that of the numbers, for keys and for values.
func loss(t *testing.T, f Format, keys, values []float32) (ofKeys, ofValues float64) {
	t.Helper()
	l, err := Pack(f, keys, values, 1, realDim, realN, realN)
	if err != nil {
		t.Fatal(err)
	}
	backK, backV := make([]float32, len(keys)), make([]float32, len(values))
	if err := l.Unpack(backK, backV, realN); err != nil {
		t.Fatal(err)
	}
	relative := func(got, want []float32) float64 {
		var off, norm float64
		for i, v := range want {
			off += math.Pow(float64(got[i])-float64(v), 2)
			norm += math.Pow(float64(v), 2)
		}
		return math.Sqrt(off / norm)
	}
	return relative(backK, keys), relative(backV, values)
}

func realSlots(t *testing.T) (keys, values []float32) {
	t.Helper()
	data, err := os.ReadFile("testdata/smollm2-135m-layer14-head0.f32")
	if err != nil {
		t.Fatal(err)
	}
	if len(data) != 2*4*realDim*realN {
		t.Fatalf("%d bytes, want %d", len(data), 2*4*realDim*realN)
	}
	both := make([]float32, 2*realDim*realN)
	for i := range both {
		both[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return both[:realDim*realN], both[realDim*realN:]
}
