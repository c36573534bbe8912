package xlaengine

// The scheduler lets every caller of the engine share its passes: one goroutine owns the device and, pass by pass,
// takes in who is waiting, drops who has left, and runs the rows that plan.go puts together. Rows finish by
// themselves. Who may enter is decided by a budget of memory, in the order of arrival.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrBudget is returned when memories and what is asked for are more than the engine's memory budget.
var ErrBudget = errors.New("memory budget exceeded")

// stalled is how long the first in the queue waits while nothing runs that could make room for it.
const stalled = 10 * time.Second

type scheduler struct {
	e      *Engine
	budget int64
	cache  prefixes // the goroutine's own, as active is
	active []*sequence
	passes int64
	last   bool // the last pass took in prompts
	drafts bool // speculative decoding is on
	guess  func(c chain, last int) []int
	costs  stepCosts
	asked  map[step]*atomic.Bool // programs that were asked for beforehand, and whether they are there
	others sync.WaitGroup        // goroutines that compile them
	stats  meter

	mu      sync.Mutex
	queue   []*sequence
	jobs    []func()
	closing bool
	wakes   chan struct{} // holds one when there is something to look at
	ended   chan struct{}
}

func newScheduler(e *Engine) *scheduler {
	s := &scheduler{e: e, budget: e.opts.budget, cache: prefixes{limit: min(e.opts.prefixes, e.opts.budget)}, drafts: e.opts.drafts, guess: draftOf, costs: stepCosts{}, asked: map[step]*atomic.Bool{}, wakes: make(chan struct{}, 1), ended: make(chan struct{})}
	e.dev.freed = s.wake
	go s.run()
	return s
}

func (s *scheduler) wake() {
	select {
	case s.wakes <- struct{}{}:
	default:
	}
}

// submit hands in the sequences of a call and waits for them, passing text on meanwhile. When it returns nothing of
// them is left on the device but the results' memories, and not these either if it returns an error.
func (s *scheduler) submit(ctx context.Context, sequences []*sequence) error {
	c := newCall(ctx, len(sequences))
	for _, q := range sequences {
		q.call, q.ctx = c, c.ctx
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		for _, q := range sequences {
			q.leave()
		}
		return fmt.Errorf("engine %w", ErrClosed)
	}
	s.queue = append(s.queue, sequences...)
	s.mu.Unlock()
	s.wake()
	err := c.listen(s.wake)
	for _, q := range sequences {
		if err != nil {
			q.result.Close()
		}
	}
	return err
}

// leave gives back what the sequence holds.
func (q *sequence) leave() {
	q.drop()
	q.held.Close()
}

// do runs fn on the engine's goroutine, between two passes. fn runs or not, but never after do has returned.
func (s *scheduler) do(ctx context.Context, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var once sync.Once
	done := make(chan error, 1)
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return fmt.Errorf("engine %w", ErrClosed)
	}
	s.jobs = append(s.jobs, func() { once.Do(func() { done <- recovered(fn) }) })
	s.mu.Unlock()
	s.wake()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		cancelled := false
		once.Do(func() { cancelled = true }) // waits for fn if it is running
		if cancelled {
			return context.Cause(ctx)
		}
		return <-done
	}
}

// close lets those finish that are running, turns away those that wait, and returns when the goroutine has ended.
func (s *scheduler) close() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.wake()
	<-s.ended
	s.others.Wait()
}

func (s *scheduler) run() {
	defer close(s.ended)
	var since time.Time // when the queue first stood still
	for {
		closing := s.collect()
		s.admit(closing)
		s.stats.state(len(s.active), s.cache.bytes())
		if len(s.active) > 0 {
			since = time.Time{}
			s.pass()
			continue
		}
		queued := s.queued()
		if closing && queued == 0 {
			for s.cache.evict() {
			}
			return
		}
		if queued == 0 {
			since = time.Time{}
			<-s.wakes
			continue
		}
		if since.IsZero() {
			since = time.Now()
		}
		select {
		case <-s.wakes:
		case <-time.After(time.Until(since.Add(stalled))):
			s.refuseFirst()
			since = time.Time{}
		}
	}
}

func (s *scheduler) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// collect runs the jobs, drops the sequences whose callers have left, and says whether the engine is closing.
func (s *scheduler) collect() (closing bool) {
	s.mu.Lock()
	jobs := s.jobs
	s.jobs = nil
	var left []*sequence
	s.queue = slices.DeleteFunc(s.queue, func(q *sequence) bool {
		gone := q.ctx.Err() != nil
		if gone {
			left = append(left, q)
		}
		return gone
	})
	closing = s.closing
	s.mu.Unlock()
	for _, job := range jobs {
		job()
	}
	for _, q := range left {
		s.end(q)
	}
	for _, q := range slices.Clone(s.active) {
		if q.ctx.Err() != nil {
			s.remove(q)
		}
	}
	return closing
}

// admit lets in those whose turn it is and for whom there is room. Who waits for a prefix that is just being computed
// lets others go first.
func (s *scheduler) admit(closing bool) {
	s.mu.Lock()
	waiting := slices.Clone(s.queue)
	s.mu.Unlock()
	var entered []*sequence
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
		if !s.fits(q) {
			if len(s.active) > 0 {
				break
			}
			continue // nothing runs that could make room: perhaps one further back needs less
		}
		s.enter(q)
		entered = append(entered, q)
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
	capacity := capacityFor(positions)
	return e.slotsBytes(largestOf(capacityClass(capacity)))
}

// fits says whether q may enter, having made room for it as far as that is possible.
func (s *scheduler) fits(q *sequence) bool {
	q.reserve = s.e.reserveFor(q.final)
	for s.committed()+q.reserve > s.budget {
		if !s.cache.evict() {
			return false
		}
	}
	return true
}

// committed is what is taken by memories, and set aside for those that run.
func (s *scheduler) committed() int64 {
	bytes := s.e.dev.cacheBytes.Load()
	own := map[*slots]bool{}
	for _, q := range s.active {
		bytes += q.reserve
		if q.slots != nil && q.slots != q.held.slots && !own[q.slots] {
			own[q.slots] = true
			bytes -= q.slots.bytes()
		}
	}
	return bytes
}

// makeSpace lets go of kept prefixes until need() more bytes are within the budget.
func (s *scheduler) makeSpace(need func() int64) error {
	for s.e.dev.cacheBytes.Load()+need() > s.budget {
		if !s.cache.evict() {
			return fmt.Errorf("%w: memories take %d MB of %d MB and %d MB more are needed; close some or raise it with WithMemoryBudget",
				ErrBudget, s.e.dev.cacheBytes.Load()>>20, s.budget>>20, need()>>20)
		}
	}
	return nil
}

// newSlots makes slots within the budget.
func (e *Engine) newSlots(capacity int) (*slots, error) {
	if err := e.sched.makeSpace(func() int64 { return e.slotsBytes(capacity) }); err != nil {
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
	q.admitted = time.Now()
	q.compiled = s.e.dev.compiled.Load()
	q.turn = s.passes
	s.active = append(s.active, q)
}

// refuseFirst ends the first one's wait for room that does not come.
func (s *scheduler) refuseFirst() {
	s.mu.Lock()
	q := s.queue[0]
	s.queue = s.queue[1:]
	s.mu.Unlock()
	q.call.cancel(fmt.Errorf("%w: %d positions need %d MB, memories that are held take %d MB of %d MB; close some or raise it with WithMemoryBudget",
		ErrBudget, q.final, q.reserve>>20, s.committed()>>20, s.budget>>20))
	s.end(q)
}

// remove takes q out of those that run, without a result unless it has finished.
func (s *scheduler) remove(q *sequence) {
	s.active = slices.DeleteFunc(s.active, func(a *sequence) bool { return a == q })
	s.stats.state(len(s.active), s.cache.bytes()) // before its caller, who may ask
	s.end(q)
}

// end gives back what q holds and tells its caller, if it was the last one of the call.
func (s *scheduler) end(q *sequence) {
	q.leave()
	if q.call.left--; q.call.left == 0 {
		close(q.call.done)
	}
}

// pass runs one pass of the rows that are next.
func (s *scheduler) pass() {
	p := plan(s.active, s.last, s.e.chunk)
	s.passes++
	s.last = p.prefill
	for _, q := range p.rows {
		q.turn = s.passes
	}
	err := recovered(func() error {
		if p.prefill {
			return s.prefill(p)
		}
		return s.step(p)
	})
	for _, q := range p.rows {
		switch {
		case err != nil && q.result == nil:
			if !errors.Is(err, errAbandoned) {
				q.call.cancel(err)
			}
			s.remove(q)
		case q.result != nil:
			s.remove(q)
		}
	}
}

// prefill takes in a chunk of each row's prompt.
func (s *scheduler) prefill(p passPlan) error {
	rows, feeds := make([]*row, len(p.rows)), make([]feed, len(p.rows))
	total := 0
	for i, q := range p.rows {
		rows[i] = &q.row
		feeds[i].tokens = q.pending[:min(p.t, len(q.pending))]
		if len(feeds[i].tokens) == len(q.pending) {
			feeds[i].want = 1
		}
		if q.pool != nil {
			feeds[i].want = len(feeds[i].tokens)
		}
		total += len(feeds[i].tokens)
	}
	if err := s.e.forward(rows, feeds, p.n, p.t); err != nil {
		return err
	}
	s.stats.prefilled(total)
	for i, q := range p.rows {
		s.took(q, len(feeds[i].tokens))
	}
	return nil
}

// took notes that n tokens of q's prompt are in.
func (s *scheduler) took(q *sequence, n int) {
	q.pending = q.pending[n:]
	if q.pool != nil {
		for _, h := range q.hidden {
			for i, v := range h {
				q.pool[i] += float64(v)
			}
		}
	}
	if len(q.pending) > 0 {
		return
	}
	q.ready = time.Now()
	if q.think != nil {
		q.think.ready(s, q)
	}
}

// rememberFor keeps what q could start from of a sequence that is running.
func (s *scheduler) rememberFor(q *sequence) {
	best, most := (*sequence)(nil), q.length
	for _, r := range s.cache.runs {
		most = max(most, r.chain.common(q.chain))
	}
	for _, a := range s.active {
		if n := a.known().common(q.chain); n >= most+worthwhile(n) {
			best, most = a, n
		}
	}
	if best != nil {
		s.remember(best)
	}
}

// remember keeps q's positions for others.
func (s *scheduler) remember(q *sequence) {
	known := q.known()
	if len(known) == 0 {
		return
	}
	s.cache.keep(q.slots, known)
	if q.claims {
		q.base = max(q.base, len(known)) // others may read them now
	}
}

// finish makes a result of q, which leaves after this pass.
func (s *scheduler) finish(q *sequence) {
	if format := s.e.opts.idle; format != nil && q.length > 0 {
		if err := q.rest(*format); err != nil {
			q.call.cancel(err)
			return
		}
	}
	if s.cache.limit > 0 {
		s.remember(q)
	}
	q.finish(s.e)
}
