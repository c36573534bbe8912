package xlaengine

// Who may enter: rows are let in in the order of arrival, as far as the budget of memory goes. For each that runs so much
// is set aside as it may come to need, so that no room is missing half-way. Who would have a prompt computed that is just
// being computed for another waits for that one.

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrBudget is returned when memories and what is asked for are more than the engine's memory budget.
var ErrBudget = errors.New("memory budget exceeded")

// admit lets in those whose turn it is and for whom there is room. Who waits for a prefix that is just being computed
// lets others go first, and so does who would not fit either if all who run had ended: callers hold too much.
func (s *scheduler) admit(closing bool) {
	s.mu.Lock()
	waiting := slices.Clone(s.queue)
	s.mu.Unlock()
	var entered []*sequence // or turned away
	for _, q := range waiting {
		if closing {
			q.call.cancel(fmt.Errorf("engine %w", ErrClosed))
			s.end(q)
			entered = append(entered, q)
			continue
		}
		if len(s.active) >= maxRows {
			break
		}
		if s.comesSoon(q) {
			continue
		}
		if s.fits(q) {
			s.enter(q)
			entered = append(entered, q)
			continue
		}
		if s.e.dev.cacheBytes.Load()-s.heldOnlyBy(s.active)+q.reserve <= s.budget {
			break // there is room when those who run have ended: nobody may take it first
		}
		if q.stuck.IsZero() {
			q.stuck = time.Now()
		}
	}
	if len(entered) == 0 {
		return
	}
	s.mu.Lock()
	s.queue = slices.DeleteFunc(s.queue, func(q *sequence) bool { return slices.Contains(entered, q) })
	s.mu.Unlock()
}

// worthwhile is how many positions a shared prefix must save to be used: less than these are computed faster than others
// are copied.
func worthwhile(n int) int { return max(16, n/64) }

// comesSoon says whether another sequence is computing a prefix that q could start from.
func (s *scheduler) comesSoon(q *sequence) bool {
	if s.cache.limit <= 0 || q.pool != nil {
		return false
	}
	have := q.length
	for _, r := range s.cache.runs {
		have = max(have, r.chain.common(q.chain))
	}
	return slices.ContainsFunc(s.active, func(a *sequence) bool {
		if len(a.pending) == 0 {
			return false
		}
		will := min(a.chain.common(q.chain), q.length+len(q.pending)-1)
		return will-max(have, a.length) >= worthwhile(will)
	})
}

// reserveFor is the memory that a sequence may come to need: rows of a pass have slots of one size.
func (e *Engine) reserveFor(positions int) int64 {
	if !e.dev.inPlace() {
		positions += e.chunk // padding has slots there too
	}
	capacity := capacityFor(positions)
	return e.slotsBytes(largestOf(capacityClass(capacity)))
}

// fits says whether q may enter, having made room for it as far as that is possible.
func (s *scheduler) fits(q *sequence) bool {
	q.reserve = s.e.reserveFor(q.final)
	return s.makeSpace(s.committed, func() int64 { return q.reserve }) == nil
}

// committed is what is taken by memories, and set aside for those that run.
func (s *scheduler) committed() int64 {
	bytes := s.e.dev.cacheBytes.Load()
	for _, q := range s.active {
		bytes += q.reserve
		if q.made {
			bytes -= q.slots.bytes() // is a part of what is set aside
		}
	}
	return bytes
}

// makeSpace lets go of kept prefixes until need() more bytes than are taken are within the budget, or of none if that
// would not be enough.
func (s *scheduler) makeSpace(taken, need func() int64) error {
	for taken()+need() > s.budget {
		if taken()-s.heldOnlyBy(nil)+need() > s.budget || !s.cache.evict() {
			return fmt.Errorf("%w: memories take %d MB of %d MB and %d MB more are needed; close some or raise it with WithMemoryBudget",
				ErrBudget, taken()>>20, s.budget>>20, need()>>20)
		}
	}
	return nil
}

// heldOnlyBy is what memories take that nobody holds but the prefix cache and those rows.
func (s *scheduler) heldOnlyBy(rows []*sequence) (bytes int64) {
	holds := map[*slots]int32{}
	for _, r := range s.cache.runs {
		holds[r.slots]++
	}
	for _, q := range rows {
		holds[q.slots]++
		holds[q.held.slots]++
	}
	delete(holds, nil)
	for slots, n := range holds {
		if slots.holders.Load() == n {
			bytes += slots.bytes()
		}
	}
	return bytes
}

// newSlots makes slots within what the budget leaves beside those that run.
func (e *Engine) newSlots(capacity int) (*slots, error) {
	if err := e.sched.makeSpace(e.sched.committed, func() int64 { return e.slotsBytes(capacity) }); err != nil {
		return nil, err
	}
	return newSlots(e.dev, e.dec, capacity)
}

// enter makes q one of those that run.
func (s *scheduler) enter(q *sequence) {
	if s.cache.limit > 0 && q.pool == nil {
		s.rememberFor(q)
		r, n := s.cache.find(q.chain)
		n = min(n, q.length+len(q.pending)-1) // the last one's hidden state is needed
		if r != nil && n-q.length >= worthwhile(n) {
			s.stats.shared(n - q.length)
			q.startFrom(r, n)
		}
	}
	q.claim()
	q.admitted = time.Now()
	q.compiled = s.e.dev.compiled.Load()
	q.turn = s.passes
	s.active = append(s.active, q)
}

// stalled is how long a row waits for callers to close memories, while nothing runs, until it is turned away; six times as
// long if others run.
const stalled = 10 * time.Second

// refuse ends the wait of the first one who has been stuck for so long. What it held may be room for the others.
func (s *scheduler) refuse(after time.Duration) {
	s.mu.Lock()
	i := slices.IndexFunc(s.queue, func(q *sequence) bool { return !q.stuck.IsZero() && time.Since(q.stuck) > after })
	if i < 0 {
		s.mu.Unlock()
		return
	}
	q := s.queue[i]
	s.queue = slices.Delete(s.queue, i, i+1)
	s.mu.Unlock()
	q.call.cancel(fmt.Errorf("%w: %d positions need %d MB, memories that are held take %d MB of %d MB; close some or raise it with WithMemoryBudget",
		ErrBudget, q.final, q.reserve>>20, s.committed()>>20, s.budget>>20))
	s.end(q)
}
