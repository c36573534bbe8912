package xlaengine

// One step of the rows that think or answer: each takes in one more position, a thought made of its last hidden
// state or a token sampled from it, all in one pass. Prompts of a few tokens go in the same way.

import (
	"sync/atomic"
	"time"
)

// step runs a pass of one position a row, or of a few where drafts are verified.
func (s *scheduler) step(p passPlan) error {
	if err := s.say(p.rows); err != nil {
		return err
	}
	s.imagine(p.rows)
	var going []*sequence
	var rows []*row
	for _, q := range p.rows {
		if q.result == nil && q.call.ctx.Err() == nil {
			going, rows = append(going, q), append(rows, &q.row)
		}
	}
	if len(going) == 0 {
		return nil
	}
	n, t := rowsFor(len(rows)), 1
	feeds := make([]feed, len(going))
	drafts := s.drafted(going, n)
	for i, q := range going {
		feeds[i] = q.next(drafts[i])
		t = max(t, feeds[i].count())
	}
	t = bucket(stepBuckets, t)
	start := time.Now()
	if err := s.e.forward(rows, feeds, n, t); err != nil {
		return err
	}
	s.costs.learn(n, t, time.Since(start).Seconds())
	thoughts, prompt := 0, 0
	for _, q := range going {
		if len(q.pending) > 0 {
			prompt++
		} else if q.think != nil {
			thoughts++
		}
	}
	s.stats.stepped(len(going), thoughts, prompt)
	for i, q := range going {
		switch {
		case len(q.pending) > 0:
			s.took(q, 1)
		case q.think != nil:
			q.think.took(s, q)
		default:
			q.decode.took(feeds[i])
		}
	}
	return nil
}

// next is what the sequence takes in next; of a draft it wants all hidden states.
func (q *sequence) next(draft []int) feed {
	switch {
	case len(q.pending) > 0:
		return feed{tokens: q.pending[:1], want: 1}
	case q.think != nil:
		return feed{thought: q.think.thought, want: 1}
	default:
		return feed{tokens: append([]int{q.decode.last()}, draft...), want: 1 + len(draft)}
	}
}

// drafted returns for each row the tokens that may follow its last one; none where passing them along is not likely to
// pay for all the rows of the pass.
func (s *scheduler) drafted(rows []*sequence, n int) [][]int {
	drafts := make([][]int, len(rows))
	const most = 16 // positions in a pass: more of them cost as much as passes of their own
	if !s.drafts || n*(1+draftTokens) > most {
		return drafts
	}
	saved := 0.0
	for i, q := range rows {
		if q.decode == nil || len(q.pending) > 0 {
			continue
		}
		d := &q.decode.drafter
		draft := s.guess(q.chain, q.decode.last())
		if len(d.draft) == 0 {
			d.draft = draft
		}
		room := q.decode.req.MaxTokens - len(q.decode.result.Tokens) - 1
		draft = draft[:max(0, min(len(draft), room))]
		if len(draft) > 0 && d.known && q.class(1+len(draft)) == q.class(1) { // no slots for others that they may not need
			drafts[i] = draft
			saved += d.yield
		}
	}
	capacity := 0
	for i, q := range rows {
		capacity = max(capacity, q.capacityFor(s.e.needs(&q.row, 1+len(drafts[i]), 1+draftTokens)))
	}
	if saved <= s.costs.extra(n, 1+draftTokens)*float64(len(rows)) || !s.compiles(step{rows: n, t: 1 + draftTokens, slots: capacity}) {
		clear(drafts)
	}
	return drafts
}

// compiles says whether the programs for passes of that shape are there. If not it sees to it that they will be, beside
// the passes that go on meanwhile.
func (s *scheduler) compiles(shape step) bool {
	if done, asked := s.asked[shape]; asked {
		return done.Load()
	}
	done := new(atomic.Bool)
	s.asked[shape] = done
	s.others.Go(func() { done.Store(s.e.compile(shape) == nil) })
	return false
}

// say samples the next tokens of those that answer, and finishes those that have said all.
func (s *scheduler) say(all []*sequence) error {
	var who []*sequence
	var hidden [][]float32
	for _, q := range all {
		if q.decode != nil && len(q.pending) == 0 {
			for range q.hidden {
				who = append(who, q)
			}
			hidden = append(hidden, q.hidden...)
		}
	}
	if len(hidden) == 0 {
		return nil
	}
	if err := s.e.logits(hidden, func(i int, logits []float32) {
		if q := who[i]; !q.decode.ended {
			if err := recovered(func() error { q.decode.take(s.e, q, logits); return nil }); err != nil {
				q.decode.err = err // a constraint is the caller's own, and takes nobody else along
			}
		}
	}); err != nil {
		return err
	}
	for i, q := range who {
		if i > 0 && who[i-1] == q {
			continue
		}
		q.decode.settle(s, q)
	}
	return nil
}

// imagine makes the next thoughts of those that think, those with the same operator side by side.
func (s *scheduler) imagine(all []*sequence) {
	by := map[Operator][]*sequence{}
	for _, q := range all {
		if q.think != nil && len(q.pending) == 0 {
			by[q.think.req.Operator] = append(by[q.think.req.Operator], q)
		}
	}
	for op, rows := range by {
		hidden := make([][]float32, len(rows))
		for i, q := range rows {
			hidden[i] = q.hidden[0]
		}
		thoughts, err := s.e.thoughts(op, hidden)
		for i, q := range rows {
			if err != nil {
				q.call.cancel(err)
				continue
			}
			q.think.thought = thoughts[i]
		}
	}
}
