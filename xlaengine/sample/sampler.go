// Sampler is one row's choice of tokens: its random numbers, and the tokens that penalties count. Steps follow one
// another as in transformers: penalties, temperature, top-k, top-p, min-p (llama.cpp has the temperature last, which
// gives top-p other tokens). Choosing the candidates without sorting the vocabulary is in candidates.go.

package sample

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Sampler chooses the tokens of one row. Rows do not share anything, so a row's tokens do not depend on the others.
type Sampler struct {
	params Params
	random *rand.Rand

	prompt map[int]bool
	output map[int]int // how often each token was accepted

	logits     []float32 // room for penalized logits
	candidates []candidate
}

// New returns a sampler for a row. Params that Validate refuses give tokens of no meaning, but do no harm.
func New(params Params) *Sampler {
	return &Sampler{
		params: params,
		random: rand.New(rand.NewPCG(params.Seed, 0x6c6174656e74)),
		prompt: map[int]bool{},
		output: map[int]int{},
	}
}

// Prompt counts the tokens of a prompt for the repetition penalty.
func (s *Sampler) Prompt(ids []int) {
	if !s.params.repeats() {
		return
	}
	for _, id := range ids {
		s.prompt[id] = true
	}
}

// Accept counts a token of the output for all penalties. Next does not do it, so that a token may be refused.
func (s *Sampler) Accept(id int) {
	if s.params.penalizes() {
		s.output[id]++
	}
}

// Next chooses a token by its logits, [vocab], and leaves them as they are. Of equally likely tokens greedy choice
// takes the lowest. A logit of negative infinity bans its token; NaN, positive infinity and no token at all are
// errors.
func (s *Sampler) Next(logits []float32) (int, error) {
	logits = s.penalize(logits)
	best, err := likeliest(logits)
	if err != nil || s.params.Temperature <= 0 || s.params.TopK == 1 {
		return best, err
	}
	from := s.choose(logits, logits[best])
	if len(from) == 0 { // only with params that Validate refuses
		return best, nil
	}
	return s.draw(from), nil
}

// penalize returns logits, or a copy with the penalties applied.
func (s *Sampler) penalize(logits []float32) []float32 {
	if len(s.prompt)+len(s.output) == 0 {
		return logits
	}
	s.logits = append(s.logits[:0], logits...)
	repeated := func(id int) {
		if id < 0 || id >= len(s.logits) || !s.params.repeats() {
			return
		}
		if l := &s.logits[id]; *l > 0 {
			*l /= float32(s.params.RepetitionPenalty)
		} else {
			*l *= float32(s.params.RepetitionPenalty)
		}
	}
	for id := range s.prompt {
		if s.output[id] == 0 {
			repeated(id)
		}
	}
	for id, n := range s.output {
		if id >= 0 && id < len(s.logits) {
			repeated(id)
			s.logits[id] -= float32(float64(n)*s.params.FrequencyPenalty + s.params.PresencePenalty)
		}
	}
	return s.logits
}

// likeliest returns the lowest of the tokens with the highest logit.
func likeliest(logits []float32) (int, error) {
	best, highest := -1, float32(math.Inf(-1))
	for id, l := range logits {
		if l > highest {
			best, highest = id, l
		} else if l != l {
			return 0, fmt.Errorf("sample: the logit of token %d is NaN", id)
		}
	}
	if best < 0 {
		return 0, errors.New("sample: no token has a finite logit")
	}
	if math.IsInf(float64(highest), 1) {
		return 0, fmt.Errorf("sample: the logit of token %d is infinite", best)
	}
	return best, nil
}

// draw chooses one of the candidates in proportion to their weights.
func (s *Sampler) draw(from []candidate) int {
	var total float64
	for _, c := range from {
		total += c.weight
	}
	at := s.random.Float64() * total
	for _, c := range from {
		if at < c.weight {
			return c.id
		}
		at -= c.weight
	}
	return from[len(from)-1].id // rounding
}
