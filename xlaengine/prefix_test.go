package xlaengine

// A prompt that begins like one before it gives the same as if it had been computed.

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"testing"
)

func TestSharedPrefixesChangeNothing(t *testing.T) {
	with, without := openTiny(t, "tiny-llama3", WithPrefixCache(64<<20)), openTiny(t, "tiny-llama3")
	system := tokens(90, 1)
	run := func(e *Engine, seed int) (Generation, Thinking) {
		thought := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: slices.Concat(system, tokens(10, seed)), Steps: 3})
		return generate(t, e, GenerateRequest{Memory: thought.Memory, Prompt: slices.Concat(tokens(40, 7), tokens(5, seed)), MaxTokens: 6}), thought
	}
	for seed := range 3 {
		a, thoughtA := run(with, seed)
		b, thoughtB := run(without, seed)
		same(t, "logits", b.Logits, a.Logits, with.tolerance(1e-4))
		if !slices.Equal(a.Tokens, b.Tokens) {
			t.Errorf("tokens %v, without shared prefixes %v", a.Tokens, b.Tokens)
		}
		if cached := thoughtA.Usage.CachedTokens; (seed > 0) != (cached >= len(system)) {
			t.Errorf("run %d: %d cached tokens", seed, cached)
		}
		if thoughtB.Usage.CachedTokens != 0 || b.Usage.CachedTokens != 103 {
			t.Errorf("without sharing: usage %+v and %+v", thoughtB.Usage, b.Usage)
		}
		same(t, "hidden", thoughtB.Hidden[3], thoughtA.Hidden[3], with.tolerance(1e-4))
	}
	// the same prompt again, over a memory with thoughts in it
	base := think(t, with, ThinkRequest{Memory: with.NewMemory(), Prompt: tokens(20, 3), Steps: 4}).Memory
	first := generate(t, with, GenerateRequest{Memory: base, Prompt: tokens(50, 8), MaxTokens: 3})
	again := generate(t, with, GenerateRequest{Memory: base, Prompt: tokens(50, 8), MaxTokens: 3})
	if first.Usage.CachedTokens != base.Len() || again.Usage.CachedTokens != base.Len()+49 || !slices.Equal(first.Tokens, again.Tokens) {
		t.Errorf("over thoughts: %+v %v, then %+v %v", first.Usage, first.Tokens, again.Usage, again.Tokens)
	}
	if hits := with.Stats().PrefixHits; hits < 3 {
		t.Errorf("%d hits in the metrics", hits)
	}
}

func TestAPrefixIsComputedOnceForManyAtOnce(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPrefixCache(64<<20))
	system := tokens(400, 1)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			res, err := e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: slices.Concat(system, tokens(20, i))})
			if err != nil {
				t.Error(err)
				return
			}
			res.Memory.Close()
		})
	}
	group.Wait()
	if computed := e.Stats().PromptTokens; computed > 400+8*30 {
		t.Errorf("%d tokens were computed for 8 prompts of which 400 are the same", computed)
	}
}

func TestKeptPrefixesStayWithinTheirLimit(t *testing.T) {
	probe := openTiny(t, "tiny-qwen3")
	limit := 3 * probe.slotsBytes(capacityFor(1))
	e := openTiny(t, "tiny-qwen3", WithPrefixCache(limit))
	for i := range 10 {
		res, err := e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(60, i)})
		if err != nil {
			t.Fatal(err)
		}
		res.Memory.Close()
		if bytes := e.Stats().CacheBytes; bytes > limit+probe.slotsBytes(capacityFor(1)) {
			t.Fatalf("%d bytes are kept, the limit is %d", bytes, limit)
		}
	}
	res, err := e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(60, 9)})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Memory.Close()
	if res.Usage.CachedTokens != 59 {
		t.Errorf("the last prompt again: %d cached tokens, want 59", res.Usage.CachedTokens)
	}
	first, err := e.Think(context.Background(), ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(60, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Memory.Close()
	if first.Usage.CachedTokens != 0 {
		t.Errorf("the first prompt again: %d cached tokens, it should have gone", first.Usage.CachedTokens)
	}
}

func TestACancelledRunSpoilsNoSharedPrefix(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPrefixCache(64<<20))
	want := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(60, 1), MaxTokens: 5})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := e.Generate(ctx, GenerateRequest{Memory: want.Memory, Prompt: tokens(30, 2), MaxTokens: 1500, PastEnd: true,
		OnText: func(string) error { cancel(); return nil }})
	if err == nil {
		t.Fatal("it was not cancelled")
	}
	cold := openTiny(t, "tiny-qwen3")
	coldBase := generate(t, cold, GenerateRequest{Memory: cold.NewMemory(), Prompt: tokens(60, 1), MaxTokens: 5})
	for _, seed := range []int{3, 2} { // another one goes on where the cancelled one did, then the same one again
		prompt := tokens(30, seed)
		a := generate(t, e, GenerateRequest{Memory: want.Memory, Prompt: prompt, MaxTokens: 5})
		b := generate(t, cold, GenerateRequest{Memory: coldBase.Memory, Prompt: prompt, MaxTokens: 5})
		same(t, "logits", b.Logits, a.Logits, e.tolerance(1e-4))
	}
}

func TestChainsAgreeAsFarAsTheyWentAlike(t *testing.T) {
	a := chain(nil).withTokens(1, 2, 3).withThought([]float32{1, 2}).withTokens(4)
	b := chain(nil).withTokens(1).withTokens(2, 3).withThought([]float32{1, 2}).withTokens(5)
	for _, c := range []struct {
		name string
		a, b chain
		want int
	}{
		{"different ends", a, b, 4},
		{"one is the beginning of the other", a, a[:2], 2},
		{"another thought", a, chain(nil).withTokens(1, 2, 3).withThought([]float32{1, 3}), 3},
		{"a token and a thought", chain(nil).withTokens(0), chain(nil).withThought([]float32{0}), 0},
		{"nothing", nil, a, 0},
		{"only the whole is known", opaque(digest{1}, 5, 0), opaque(digest{2}, 5, 0), 0},
	} {
		if got := c.a.common(c.b); got != c.want {
			t.Errorf("%s: %d in common, want %d", c.name, got, c.want)
		}
	}
}

// A file's digest is its writer's word. Here it is that of a prompt's first token, over other keys and values: nobody
// who has that prompt may be given them.
func TestAMemoryFromAFileIsNobodyElsesPrefix(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPrefixCache(64<<20))
	prompt := tokens(60, 1)
	cold := openTiny(t, "tiny-qwen3")
	want := generate(t, cold, GenerateRequest{Memory: cold.NewMemory(), Prompt: prompt, MaxTokens: 4})
	other := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: []int{7}}).Memory
	genuine := chain(nil).withTokens(prompt[0]).last()
	forged := rehashed(edited(t, saved(t, other), other.Origin().Digest, hex.EncodeToString(genuine[:])))
	planted, err := e.LoadMemory(context.Background(), bytes.NewReader(forged))
	if err != nil {
		t.Fatal(err)
	}
	defer planted.Close()
	joined, err := e.Join(context.Background(), planted)
	if err != nil {
		t.Fatal(err)
	}
	defer joined.Close()
	for _, m := range []*Memory{planted, joined} {
		over := generate(t, e, GenerateRequest{Memory: m, Prompt: prompt[1:], MaxTokens: 4})
		again := generate(t, e, GenerateRequest{Memory: m, Prompt: prompt[1:], MaxTokens: 4})
		if over.Usage.CachedTokens != 1 || again.Usage.CachedTokens < 50 {
			t.Errorf("its own prompt over it: %d and then %d positions were there", over.Usage.CachedTokens, again.Usage.CachedTokens)
		}
	}
	got := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: prompt, MaxTokens: 4})
	if got.Usage.CachedTokens != 0 {
		t.Errorf("the prompt was found in %d positions that somebody made up", got.Usage.CachedTokens)
	}
	same(t, "logits", want.Logits, got.Logits, e.tolerance(1e-5))
}

func TestEmbeddingsLeavePrefixesAlone(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPrefixCache(64<<20))
	think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(60, 1)})
	before := e.Stats().PrefixBytes
	if _, err := e.Embed(context.Background(), [][]int{tokens(50, 2), tokens(40, 3)}); err != nil {
		t.Fatal(err)
	}
	if after := e.Stats().PrefixBytes; after != before {
		t.Errorf("%d bytes of prefixes are kept, %d before", after, before)
	}
}
