// Config is what the engine must know of a model before it reads a single weight: sizes, positions, and which of
// the Llama family's switches are on. It comes from a config.json (hf.go) or from GGUF metadata (gguf.go); the
// families both may name are in family.go, rotary frequencies in rope.go. This file holds the value and its checks.

// Package config reads and checks model configurations of the Llama family.
package config

import (
	"fmt"
	"math"
)

// Config describes one decoder. A Config that came without an error from this package has passed Check.
type Config struct {
	Architecture string // family name: llama, mistral, qwen2, qwen3

	Vocab   int // rows of the embedding tables
	Dim     int // width of the hidden state
	Layers  int
	Heads   int // query heads
	KVHeads int // key and value heads; divides Heads
	HeadDim int // width of one head; Heads·HeadDim need not equal Dim
	FFN     int // width between the MLP's matrices
	Context int // positions the model was made for

	NormEps     float64
	RopeTheta   float64
	RopeScaling *RopeScaling // nil: none
	RopeFactors []float32    // [head_dim/2], each frequency is divided by its factor (GGUF); nil: none

	SlidingWindow int    // positions a windowed layer sees, its own included; 0: no layer is windowed
	Windowed      []bool // by layer; nil: all layers are, if SlidingWindow is set. Ask Window.

	Tied    bool // the input embedding also unembeds
	QKVBias bool
	OutBias bool // bias on the attention's output projection
	MLPBias bool // bias on gate, up and down
	QKNorm  bool // RMS norm of every query and key head, before the rotation

	BOS int   // -1: none
	EOS []int // any of these ends a text; may be empty
}

// Window returns how many positions layer sees, its own included, or 0 if it sees all: with window w, the query
// at position p attends to the keys at p-w+1 … p.
func (c Config) Window(layer int) int {
	if c.Windowed != nil && (layer < 0 || layer >= len(c.Windowed) || !c.Windowed[layer]) {
		return 0
	}
	return c.SlidingWindow
}

// Check returns an error naming the first field whose value no decoder can have, by the name config.json gives it.
func (c Config) Check() error {
	if _, ok := families[c.Architecture]; !ok {
		return unknownFamily(c.Architecture)
	}
	for _, f := range []struct {
		name       string
		value, max int
	}{
		// The bounds are several times what any published model has; they keep products of two within an int64.
		{"vocab_size", c.Vocab, 1 << 22},
		{"hidden_size", c.Dim, 1 << 17},
		{"num_hidden_layers", c.Layers, 1 << 12},
		{"num_attention_heads", c.Heads, 1 << 12},
		{"num_key_value_heads", c.KVHeads, 1 << 12},
		{"head_dim", c.HeadDim, 1 << 12},
		{"intermediate_size", c.FFN, 1 << 20},
		{"max_position_embeddings", c.Context, 1 << 28},
	} {
		if f.value < 1 || f.value > f.max {
			return fmt.Errorf("%s is %d, want 1 to %d", f.name, f.value, f.max)
		}
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("num_attention_heads is %d, want a multiple of num_key_value_heads %d", c.Heads, c.KVHeads)
	case c.HeadDim%2 != 0:
		return fmt.Errorf("head_dim is %d, want an even number", c.HeadDim)
	case !(c.NormEps > 0 && c.NormEps < 1):
		return fmt.Errorf("rms_norm_eps is %g, want more than 0 and less than 1", c.NormEps)
	case !(c.RopeTheta > 1) || math.IsInf(c.RopeTheta, 0):
		return fmt.Errorf("rope_theta is %g, want more than 1", c.RopeTheta)
	case c.SlidingWindow < 0:
		return fmt.Errorf("sliding_window is %d, want a positive number or null", c.SlidingWindow)
	case c.Windowed != nil && len(c.Windowed) != c.Layers:
		return fmt.Errorf("layer_types has %d entries, want num_hidden_layers %d", len(c.Windowed), c.Layers)
	case c.RopeFactors != nil && len(c.RopeFactors) != c.HeadDim/2:
		return fmt.Errorf("rope factors: %d of them, want half of head_dim %d", len(c.RopeFactors), c.HeadDim)
	}
	for i, f := range c.RopeFactors {
		if !(f > 0) || math.IsInf(float64(f), 0) {
			return fmt.Errorf("rope factors: number %d is %g, want a positive number", i, f)
		}
	}
	for _, id := range append([]int{max(c.BOS, 0)}, c.EOS...) {
		if id < 0 || id >= c.Vocab {
			return fmt.Errorf("bos_token_id or eos_token_id is %d, want a token below vocab_size %d", id, c.Vocab)
		}
	}
	return c.RopeScaling.check()
}
