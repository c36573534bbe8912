// Which tokens stay in the draw. Vocabularies have up to 150 000 tokens and few of them stay, so nothing here sorts
// anything: the k likeliest are kept in a heap while the logits pass by, and top-p divides the tokens until it knows
// which are in.

package sample

import (
	"container/heap"
	"math"
)

// candidate is a token in the draw. The likeliest token of a row has weight 1.
type candidate struct {
	id     int
	weight float64
}

// choose returns the candidates left by temperature, top-k, top-p and min-p; at least the likeliest token, whose
// logit is highest. The slice is the sampler's until the next call.
func (s *Sampler) choose(logits []float32, highest float32) []candidate {
	p := s.params
	all := s.candidates[:0]
	if p.TopK > 0 && p.TopK < len(logits) {
		all = top(all, logits, p.TopK)
	} else {
		for id, l := range logits {
			all = append(all, candidate{id, float64(l)})
		}
	}
	s.candidates = all
	var total float64
	for i := range all {
		all[i].weight = math.Exp((all[i].weight - float64(highest)) / p.Temperature)
		total += all[i].weight
	}
	least := p.MinP
	narrow := p.TopP > 0 && p.TopP < 1
	if narrow {
		// All tokens below this weight together have less than the part of total that top-p leaves out.
		least = max(least, (1-p.TopP)*total/float64(len(all)))
	}
	kept := all[:0]
	for _, c := range all {
		if c.weight >= least && c.weight > 0 {
			kept = append(kept, c)
		}
	}
	if !narrow {
		return kept
	}
	return kept[:nucleus(kept, p.TopP*total)]
}

// nucleus moves the likeliest of c to its front and returns how many of them it takes to reach the mass. It is
// quickselect: each turn divides what is in doubt by a pivot and goes on in one of the parts.
func nucleus(c []candidate, mass float64) int {
	from, to := 0, len(c) // c[:from] is in, and has less than mass; c[to:] is out
	for from < to {
		pivot := from + (to-from)/2
		c[pivot], c[to-1] = c[to-1], c[pivot]
		at, sum := from, 0.0
		for i := from; i < to-1; i++ {
			if before(c[i], c[to-1]) {
				sum += c[i].weight
				c[i], c[at] = c[at], c[i]
				at++
			}
		}
		c[at], c[to-1] = c[to-1], c[at]
		if sum >= mass {
			to = at
			continue
		}
		mass -= sum + c[at].weight
		from = at + 1
		if mass <= 0 {
			return from
		}
	}
	return from
}

// top appends the k tokens with the highest logits, the lower token where logits are equal. Weights are logits.
func top(to []candidate, logits []float32, k int) []candidate {
	h := leastFirst{to}
	for id, l := range logits {
		c := candidate{id, float64(l)}
		if len(h.heaped) < k {
			heap.Push(&h, c)
		} else if c.weight > h.heaped[0].weight { // not for equal ones, which come later
			h.heaped[0] = c
			heap.Fix(&h, 0)
		}
	}
	return h.heaped
}

// before reports whether a goes before b in order of likelihood.
func before(a, b candidate) bool { return a.weight > b.weight || a.weight == b.weight && a.id < b.id }

// leastFirst is a heap with the least likely token on top.
type leastFirst struct{ heaped []candidate }

func (h *leastFirst) Len() int           { return len(h.heaped) }
func (h *leastFirst) Less(i, j int) bool { return before(h.heaped[j], h.heaped[i]) }
func (h *leastFirst) Swap(i, j int)      { h.heaped[i], h.heaped[j] = h.heaped[j], h.heaped[i] }
func (h *leastFirst) Push(c any)         { h.heaped = append(h.heaped, c.(candidate)) }
func (h *leastFirst) Pop() any {
	h.heaped = h.heaped[:len(h.heaped)-1]
	return nil
}
