package pack

// How fast a layer is packed and unpacked, in bytes of float32 keys and values a second.

import (
	"math/rand/v2"
	"testing"
)

// A layer of a model of some eight billion parameters, with the memory of one agent.
const benchKV, benchDim, benchN, benchCapacity = 8, 128, 700, 768

func BenchmarkPack(b *testing.B) {
	keys, values := benchSlots()
	for f := range formats {
		b.Run(formats[f], func(b *testing.B) {
			b.SetBytes(2 * 4 * benchKV * benchDim * benchN)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Pack(Format(f), keys, values, benchKV, benchDim, benchCapacity, benchN); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnpack(b *testing.B) {
	keys, values := benchSlots()
	for f := range formats {
		b.Run(formats[f], func(b *testing.B) {
			l, err := Pack(Format(f), keys, values, benchKV, benchDim, benchCapacity, benchN)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(2 * 4 * benchKV * benchDim * benchN)
			for b.Loop() {
				if err := l.Unpack(keys, values, benchCapacity); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchSlots() (keys, values []float32) {
	random := rand.New(rand.NewPCG(1, 2))
	keys, values = make([]float32, benchKV*benchDim*benchCapacity), make([]float32, benchKV*benchDim*benchCapacity)
	for i := range keys {
		keys[i], values[i] = float32(random.NormFloat64()), float32(random.NormFloat64())
	}
	return keys, values
}
