package xlaengine

// Think: an agent reads its prompt over the memory it was handed and goes on in latent steps.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// ThinkRequest is one row of thinking.
type ThinkRequest struct {
	Memory   *Memory  // what was handed over; stays the caller's and stays valid
	Prompt   []int    // token ids, at least one
	Steps    int      // latent steps; 0 still takes in the prompt
	Operator Operator // nil means Linear
	Trace    bool     // keep hidden states and thoughts in the result

	OnStep func(step int) // called after each step, from 1 on, in the caller's goroutine
}

// Thinking is what a row of thinking gave.
type Thinking struct {
	Memory *Memory // Memory of the request, prompt and thoughts; the caller closes it
	Usage  Usage
	Times  Times

	// SettledAt is the first step whose thought was the same as the one before it, as far as a cosine of 0.995 or
	// more tells, and stayed so to the end; 0 if thoughts kept moving.
	SettledAt int
	// Moves has the cosine of each thought with the one before it, from the second step on.
	Moves []float64

	Hidden   [][]float32 // with Trace: the last hidden state after the prompt and after each step, [steps+1][dim]
	Thoughts [][]float32 // with Trace: the embeddings fed back, [steps][dim]
}

// Think runs one request; see ThinkBatch.
func (e *Engine) Think(ctx context.Context, req ThinkRequest) (Thinking, error) {
	all, err := e.ThinkBatch(ctx, []ThinkRequest{req})
	if err != nil {
		return Thinking{}, err
	}
	return all[0], nil
}

// ThinkBatch takes in each row's prompt over its memory and appends its latent steps, side by side with the other rows
// and with whoever else calls the engine. A row gives what it gives alone. Either all rows succeed or none does. A
// cancelled ctx ends it before the next pass, or block of layers where nobody else takes part in the pass; the memories
// of the requests stay as they are. When memories take all of the engine's budget it waits for its turn.
func (e *Engine) ThinkBatch(ctx context.Context, reqs []ThinkRequest) ([]Thinking, error) {
	reqs = slices.Clone(reqs)
	for i := range reqs {
		if reqs[i].Operator == nil {
			reqs[i].Operator = Linear{}
		}
		if err := e.checkThink(reqs[i]); err != nil {
			return nil, rowError("think", i, len(reqs), err)
		}
	}
	if slices.ContainsFunc(reqs, func(r ThinkRequest) bool { return r.Operator.aligned() }) {
		if err := e.align(); err != nil {
			return nil, fmt.Errorf("think: %w", err)
		}
	}
	results := make([]Thinking, len(reqs))
	sequences := make([]*sequence, 0, len(reqs))
	for i, req := range reqs {
		q, err := e.newSequence(req.Memory, req.Prompt, req.Steps)
		if err != nil {
			for _, q := range sequences {
				q.leave()
			}
			return nil, rowError("think", i, len(reqs), err)
		}
		q.think = &thinking{req: req, result: &results[i]}
		sequences = append(sequences, q)
	}
	if err := e.sched.submit(ctx, sequences); err != nil {
		return nil, fmt.Errorf("think: %w", err)
	}
	for i, q := range sequences {
		results[i].Memory, results[i].Usage, results[i].Times = q.result, q.usage, q.times
		results[i].settle()
	}
	return results, nil
}

func (e *Engine) checkThink(req ThinkRequest) error {
	if req.Steps < 0 {
		return fmt.Errorf("%d latent steps; want 0 or more", req.Steps)
	}
	if err := req.Operator.check(e.dec.Vocab); err != nil {
		return err
	}
	return e.checkPrompt(req.Memory, req.Prompt, req.Steps)
}

// ErrContextFull is returned when memory, prompt and what is to follow are more than the model's context holds.
var ErrContextFull = errors.New("does not fit the model's context")

// checkPrompt says why prompt can't be taken in over m with at least room more positions after it.
func (e *Engine) checkPrompt(m *Memory, prompt []int, room int) error {
	if err := e.check(m); err != nil {
		return err
	}
	if len(prompt) == 0 {
		return errors.New("the prompt is empty")
	}
	for _, id := range prompt {
		if id < 0 || id >= e.dec.Vocab {
			return fmt.Errorf("token %d is not in the model's vocabulary of %d", id, e.dec.Vocab)
		}
	}
	if room > e.dec.Context-m.length-len(prompt) {
		return fmt.Errorf("%d positions in memory, %d prompt tokens and %d to follow: %w of %d positions; shorten the question or use fewer steps",
			m.length, len(prompt), room, ErrContextFull, e.dec.Context)
	}
	return nil
}

func rowError(doing string, i, rows int, err error) error {
	if rows == 1 {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: row %d: %w", doing, i, err)
}

// thinking is what a sequence does that thinks.
type thinking struct {
	req     ThinkRequest
	result  *Thinking
	thought []float32 // fed back in the next pass
	last    []float32 // the one before
	steps   int
}

// ready notes that the prompt is in.
func (t *thinking) ready(s *scheduler, q *sequence) {
	if t.req.Trace {
		t.result.Hidden = append(t.result.Hidden, q.hidden[0])
	}
	if t.steps == t.req.Steps {
		s.finish(q)
	}
}

// took notes that the thought is in.
func (t *thinking) took(s *scheduler, q *sequence) {
	t.steps++
	q.usage.LatentSteps++
	q.chain = q.chain.withThought(t.thought)
	if t.last != nil {
		t.result.Moves = append(t.result.Moves, cosine(t.last, t.thought))
	}
	t.last = t.thought
	if t.req.Trace {
		t.result.Thoughts = append(t.result.Thoughts, t.thought)
	}
	if on, step := t.req.OnStep, t.steps; on != nil {
		q.call.tell(func() error { on(step); return nil })
	}
	t.ready(s, q)
}

// settled is the cosine from which on two thoughts count as the same.
const settled = 0.995

func (t *Thinking) settle() {
	for i := len(t.Moves) - 1; i >= 0 && t.Moves[i] >= settled; i-- {
		t.SettledAt = i + 2 // Moves[0] belongs to step 2
	}
}

func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
	}
	return dot / math.Sqrt(max(aa*bb, math.SmallestNonzeroFloat64))
}
