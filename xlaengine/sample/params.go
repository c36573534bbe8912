// What a caller may ask of sampling, and which requests make no sense.

// Package sample chooses tokens from logits, on the host, a row at a time.
package sample

import (
	"fmt"
	"math"
)

// Params says how tokens are chosen. The zero value is greedy: always the likeliest token.
type Params struct {
	Temperature float64 // logits are divided by it; 0: greedy
	TopK        int     // only the k likeliest tokens; 0: all
	TopP        float64 // only the likeliest tokens that together have this probability; 0 or 1: all
	MinP        float64 // only tokens at least this times as likely as the likeliest; 0: all

	// RepetitionPenalty divides the positive logits of tokens in prompt and output, and multiplies their negative
	// ones (as transformers and llama.cpp do); 0 or 1: off.
	RepetitionPenalty float64
	// FrequencyPenalty is subtracted from a token's logit for each time it is in the output, PresencePenalty once
	// if it is there at all (as OpenAI does). Prompts do not count.
	FrequencyPenalty, PresencePenalty float64

	Seed uint64 // of the random numbers; equal seeds and logits give equal tokens, 0 is a seed like others
}

// Validate returns an error naming the first field that is out of range.
func (p Params) Validate() error {
	for _, f := range []struct {
		name        string
		value       float64
		least, most float64
	}{
		{"temperature", p.Temperature, 0, 100},
		{"top-k", float64(p.TopK), 0, math.MaxInt32},
		{"top-p", p.TopP, 0, 1},
		{"min-p", p.MinP, 0, 1},
		{"repetition penalty", p.RepetitionPenalty, 0, 100},
		{"frequency penalty", p.FrequencyPenalty, -2, 2},
		{"presence penalty", p.PresencePenalty, -2, 2},
	} {
		if !(f.value >= f.least && f.value <= f.most) {
			return fmt.Errorf("%s is %g, want %g to %g", f.name, f.value, f.least, f.most)
		}
	}
	return nil
}

func (p Params) penalizes() bool {
	return p.repeats() || p.FrequencyPenalty != 0 || p.PresencePenalty != 0
}

func (p Params) repeats() bool { return p.RepetitionPenalty > 0 && p.RepetitionPenalty != 1 }
