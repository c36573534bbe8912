package xlaengine

// Memories at rest are smaller and say the same, as far as their format can.

import (
	"context"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/pack"
)

func TestMemoriesAtRestAreSmallerAndSayTheSame(t *testing.T) {
	run := func(opts ...Option) (Generation, *Memory, int64) {
		e := openTiny(t, "tiny-llama3", opts...)
		base := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(100, 1), Steps: 4}).Memory
		second := think(t, e, ThinkRequest{Memory: base, Prompt: tokens(60, 2), Steps: 2}).Memory
		cut, err := second.Cut(150)
		if err != nil {
			t.Fatal(err)
		}
		defer cut.Close()
		joined, err := e.Join(context.Background(), cut, base)
		if err != nil {
			t.Fatal(err)
		}
		defer joined.Close()
		answer := generate(t, e, GenerateRequest{Memory: joined, Prompt: tokens(5, 3), MaxTokens: 4})
		return answer, second, e.dev.cacheBytes.Load()
	}
	want, memory, held := run()
	for _, c := range []struct {
		format    pack.Format
		tolerance float64
		size      float64
	}{{pack.Float32, 0, 1}, {pack.BFloat16, 0.02, 0.51}, {pack.Int8, 0.2, 0.4}} {
		got, small, less := run(WithIdleMemory(c.format))
		same(t, c.format.String()+" logits", want.Logits, got.Logits, c.tolerance)
		if size := float64(small.Bytes()) / float64(memory.Bytes()); size > c.size {
			t.Errorf("%v: a memory takes %.2f of its size, want at most %.2f", c.format, size, c.size)
		}
		if c.format != pack.Float32 && less >= held {
			t.Errorf("%v: all memories take %d bytes, without packing %d", c.format, less, held)
		}
		key, value := lastKey(t, small.engine, small, 1)
		k, v := lastKey(t, memory.engine, memory, 1)
		same(t, c.format.String()+" key", k, key, max(c.tolerance, 1e-6))
		same(t, c.format.String()+" value", v, value, max(c.tolerance, 1e-6))
	}
}

func TestMemoriesAtRestAreGivenBack(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithIdleMemory(pack.BFloat16), WithPrefixCache(1<<20))
	for i := range 3 {
		thought := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(30, i), Steps: 1})
		thought.Memory.Close()
	}
	again := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(30, 2), Steps: 1})
	if again.Usage.CachedTokens != 29 {
		t.Errorf("%d cached tokens of a prompt kept at rest", again.Usage.CachedTokens)
	}
	again.Memory.Close()
	e.Close()
	if bytes := e.dev.cacheBytes.Load(); bytes != 0 || len(e.dev.slots) != 0 {
		t.Errorf("%d bytes and %d slots are left", bytes, len(e.dev.slots))
	}
}
