package xlaengine

// Parity on the real model. It takes the built-in model, which the first run fetches (about 90 MB), and a minute.

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/hub"
	"github.com/latentchain/latentchain/xlaengine/sample"
)

func TestSmolLM2AgreesWithReference(t *testing.T) {
	if testing.Short() {
		t.Skip("loads a model of 135M parameters four times")
	}
	checkParity(t, "smollm2-135m", 2e-3, func(t *testing.T, opts ...Option) *Engine {
		e, err := Open(context.Background(), hub.PinnedModel, append(opts, WithPrefixCache(0))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		return e
	})
}

// With kernels every sum is taken in the same order whoever shares the pass, in whatever chunks a prompt goes in and
// however much of it was there before: a row alone and the same row among others have the same bits.
func TestSmolLM2GivesTheSameBitsInAnyCompany(t *testing.T) {
	if testing.Short() {
		t.Skip("loads a model of 135M parameters")
	}
	ctx := context.Background()
	e, err := Open(ctx, hub.PinnedModel)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.tolerance(1) > 0 {
		t.Skip("there are no kernels here that do all products")
	}
	thinks, answers := make([]ThinkRequest, 7), make([]GenerateRequest, 7)
	for i := range thinks {
		thinks[i] = ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(3+i*i*4, i), Steps: i, Operator: []Operator{Linear{}, Soft{}}[i%4/3]}
		answers[i] = GenerateRequest{Prompt: tokens(1+i*i*5, 2*i+1), MaxTokens: 6 + i, LogProbs: 2, Logits: true, PastEnd: true,
			Sampling: sample.Params{Temperature: float64(i % 2), Seed: uint64(i)}}
	}
	thoughts, err := e.ThinkBatch(ctx, thinks)
	if err != nil {
		t.Fatal(err)
	}
	for i := range answers {
		defer thoughts[i].Memory.Close()
		answers[i].Memory = thoughts[i].Memory
	}
	together, err := e.GenerateBatch(ctx, answers)
	if err != nil {
		t.Fatal(err)
	}
	cold, err := Open(ctx, hub.PinnedModel, WithPrefixCache(0), WithoutDrafts(), WithChunk(64))
	if err != nil {
		t.Fatal(err)
	}
	defer cold.Close()
	for i, req := range answers {
		defer together[i].Memory.Close()
		thinks[i].Memory = cold.NewMemory()
		req.Memory = think(t, cold, thinks[i]).Memory
		alone := generate(t, cold, req)
		if !slices.Equal(alone.Logits, together[i].Logits) || !reflect.DeepEqual(alone.LogProbs, together[i].LogProbs) {
			t.Errorf("row %d has other bits alone than among others", i)
		}
		for layer := range e.dec.Layers {
			k1, v1 := lastKey(t, cold, alone.Memory, layer)
			k2, v2 := lastKey(t, e, together[i].Memory, layer)
			if !slices.Equal(k1, k2) || !slices.Equal(v1, v2) {
				t.Errorf("row %d, layer %d: other keys and values", i, layer)
			}
		}
	}
}
