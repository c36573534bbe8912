package xlaengine

// What prompts have in common is computed once: the positions of finished prompts and answers are kept for a while, and
// a prompt that begins like one of them starts from there. Only the engine's goroutine uses this.

import "slices"

// prefixes are the runs of positions that are kept, the one used last first, within a limit of bytes.
type prefixes struct {
	limit int64
	runs  []*run
}

// run is a held stretch of slots from position 0 on; its chain has one entry for each position.
type run struct {
	slots *slots
	chain chain
}

// find returns the run that has most of c's beginning, and how much of it; nil if none has any.
func (p *prefixes) find(c chain) (best *run, n int) {
	for _, r := range p.runs {
		if m := r.chain.common(c); m > n {
			best, n = r, m
		}
	}
	if best != nil {
		p.use(best)
	}
	return best, n
}

func (p *prefixes) use(r *run) {
	i := slices.Index(p.runs, r)
	copy(p.runs[1:i+1], p.runs[:i])
	p.runs[0] = r
}

// keep holds the positions of c in s from now on, in the place of runs that are a part of it.
func (p *prefixes) keep(s *slots, c chain) {
	if p.limit <= 0 || len(c) == 0 || s.bytes() > p.limit {
		return
	}
	for _, r := range p.runs {
		if r.chain.common(c) == len(c) {
			return // r has all of c
		}
	}
	if !s.hold() {
		return
	}
	p.runs = slices.DeleteFunc(p.runs, func(r *run) bool {
		part := r.chain.common(c) == len(r.chain)
		if part {
			r.slots.letGo()
		}
		return part
	})
	p.runs = slices.Insert(p.runs, 0, &run{slots: s, chain: c})
	for p.bytes() > p.limit {
		p.evict()
	}
}

// evict lets go of the run used longest ago and says whether there was one.
func (p *prefixes) evict() bool {
	if len(p.runs) == 0 {
		return false
	}
	last := len(p.runs) - 1
	p.runs[last].slots.letGo()
	p.runs[last] = nil
	p.runs = p.runs[:last]
	return true
}

// bytes is what the runs' slots take; slots that several runs share count once.
func (p *prefixes) bytes() int64 {
	var sum int64
	seen := map[*slots]bool{}
	for _, r := range p.runs {
		if !seen[r.slots] {
			seen[r.slots] = true
			sum += r.slots.bytes()
		}
	}
	return sum
}
