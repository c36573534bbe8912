package xlaengine

// The scheduler lets every caller of the engine share its passes: one goroutine owns the device and, pass by pass,
// takes in who is waiting, drops who has left, and runs the rows that plan.go puts together. Rows finish by
// themselves. Who may enter is decided in admission.go.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

type scheduler struct {
	e       *Engine
	budget  int64
	cache   prefixes // the goroutine's own, as active is
	active  []*sequence
	passes  int64
	last    bool // the last pass took in prompts
	drafts  bool // speculative decoding is on
	guess   func(c chain, last int) []int
	costs   stepCosts
	asked   map[step]*atomic.Bool // programs that were asked for beforehand, and whether they are there
	others  sync.WaitGroup        // goroutines that compile them
	stats   meter
	stalled time.Duration

	mu      sync.Mutex
	queue   []*sequence
	jobs    []func(alone bool) (done bool)
	closing bool
	wakes   chan struct{} // holds one when there is something to look at
	ended   chan struct{}
}

func newScheduler(e *Engine) *scheduler {
	s := &scheduler{e: e, budget: e.opts.budget, cache: prefixes{limit: min(e.opts.prefixes, e.opts.budget)}, drafts: e.opts.drafts, guess: draftOf, costs: stepCosts{}, stalled: stalled, asked: map[step]*atomic.Bool{}, wakes: make(chan struct{}, 1), ended: make(chan struct{})}
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
	if len(sequences) == 0 {
		return ctx.Err()
	}
	c := newCall(ctx, len(sequences))
	for _, q := range sequences {
		q.call, q.ctx = c, c.ctx
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		c.cancel(nil)
		for _, q := range sequences {
			q.leave()
		}
		return fmt.Errorf("engine %w", ErrClosed)
	}
	s.queue = append(s.queue, sequences...)
	s.mu.Unlock()
	s.wake()
	good := false
	defer func() { // also when a listener panics
		for _, q := range sequences {
			if !good {
				q.result.Close()
			}
		}
	}()
	err := c.listen(s.wake)
	good = err == nil
	return err
}

// leave gives back what the sequence holds.
func (q *sequence) leave() {
	q.drop()
	q.held.Close()
}

// do runs fn on the engine's goroutine, between two passes. fn runs or not, but never after do has returned. Where there
// is no room for what it needs (ErrBudget) it is tried again until the last row has ended; nobody is let in meanwhile.
func (s *scheduler) do(ctx context.Context, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var running sync.Mutex
	gone := false
	done := make(chan error, 1)
	job := func(alone bool) bool {
		running.Lock()
		defer running.Unlock()
		if gone {
			return true
		}
		err := recovered(fn)
		if errors.Is(err, ErrBudget) && !alone {
			return false
		}
		done <- err
		return true
	}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return fmt.Errorf("engine %w", ErrClosed)
	}
	s.jobs = append(s.jobs, job)
	s.mu.Unlock()
	s.wake()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		running.Lock()
		gone = true
		running.Unlock()
		s.wake() // a job that waits for room keeps others out
		select {
		case err := <-done:
			return err
		default:
			return cause(ctx, ctx)
		}
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
	for {
		closing, waiting := s.collect()
		s.refuse(6 * s.stalled) // at the latest, whoever else runs
		if !waiting || closing {
			s.admit(closing)
		}
		s.stats.state(len(s.active), s.cache.bytes())
		if len(s.active) > 0 {
			s.pass()
			continue
		}
		switch queued := s.queued(); {
		case queued > 0: // for memories to be closed
			select {
			case <-s.wakes:
			case <-time.After(s.stalled / 10):
				s.refuse(s.stalled)
			}
		case closing:
			for s.cache.evict() {
			}
			return
		default:
			<-s.wakes
		}
	}
}

func (s *scheduler) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// collect drops the sequences whose callers have left and runs the jobs. It says whether the engine is closing, and
// whether jobs wait for room.
func (s *scheduler) collect() (closing, waiting bool) {
	s.mu.Lock()
	var left []*sequence
	s.queue = slices.DeleteFunc(s.queue, func(q *sequence) bool {
		gone := q.ctx.Err() != nil
		if gone {
			left = append(left, q)
		}
		return gone
	})
	closing = s.closing
	jobs := s.jobs
	s.jobs = nil
	s.mu.Unlock()
	for _, q := range left {
		s.end(q)
	}
	for _, q := range slices.Clone(s.active) {
		if q.ctx.Err() != nil {
			s.remove(q)
		}
	}
	jobs = slices.DeleteFunc(jobs, func(job func(bool) bool) bool { return job(len(s.active) == 0) })
	if len(jobs) > 0 {
		s.mu.Lock()
		s.jobs = append(jobs, s.jobs...)
		s.mu.Unlock()
	}
	return closing, len(jobs) > 0
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
	q.publish(len(known))
}

// finish makes a result of q, which leaves after this pass.
func (s *scheduler) finish(q *sequence) {
	if q.pool != nil { // nobody goes on from an embedding
		q.finish(s.e)
		return
	}
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
