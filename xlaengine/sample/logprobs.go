// How likely tokens were, for callers that ask.

package sample

import (
	"fmt"
	"math"
	"slices"
)

// LogProb is a token and the natural logarithm of its probability.
type LogProb struct {
	ID      int
	LogProb float64
}

// LogProbs returns the log-probability of token id under logits, [vocab], as they come from the model, and those of
// the n likeliest tokens, likeliest first.
func LogProbs(logits []float32, id, n int) (LogProb, []LogProb, error) {
	if id < 0 || id >= len(logits) {
		return LogProb{}, nil, fmt.Errorf("sample: token %d of %d", id, len(logits))
	}
	if n < 0 {
		return LogProb{}, nil, fmt.Errorf("sample: the %d likeliest tokens", n)
	}
	best, err := likeliest(logits)
	if err != nil {
		return LogProb{}, nil, err
	}
	var sum float64
	for _, l := range logits {
		sum += math.Exp(float64(l - logits[best]))
	}
	norm := float64(logits[best]) + math.Log(sum)
	list := make([]LogProb, 0, min(n, len(logits)))
	if n > 0 {
		for _, c := range top(nil, logits, n) {
			list = append(list, LogProb{c.id, c.weight - norm})
		}
	}
	slices.SortFunc(list, func(a, b LogProb) int {
		if before(candidate{a.ID, a.LogProb}, candidate{b.ID, b.LogProb}) {
			return -1
		}
		return 1
	})
	return LogProb{id, float64(logits[id]) - norm}, list, nil
}
