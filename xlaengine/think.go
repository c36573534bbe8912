package xlaengine

// Think: an agent reads its prompt over the memory it was handed and goes on in latent steps.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gomlx/compute"
)

// ThinkRequest is one row of thinking.
type ThinkRequest struct {
	Memory   *Memory  // what was handed over; stays the caller's and stays valid
	Prompt   []int    // token ids, at least one
	Steps    int      // latent steps; 0 still takes in the prompt
	Operator Operator // nil means Linear
	Trace    bool     // keep hidden states and thoughts in the result
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

// ThinkBatch takes in each row's prompt over its memory and appends its latent steps, all rows side by side. A row
// gives what it gives alone. Either all rows succeed or none does. A cancelled ctx ends it before the next block of
// layers; the memories of the requests stay as they are.
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
	var results []Thinking
	for from := 0; from < len(reqs); from += maxRows {
		group, err := e.thinkGroup(ctx, reqs[from:min(from+maxRows, len(reqs))])
		if err != nil {
			for _, r := range results {
				r.Memory.Close()
			}
			return nil, fmt.Errorf("think: %w", err)
		}
		results = append(results, group...)
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
	if need := m.length + len(prompt) + room; need > e.dec.Context {
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

func (e *Engine) thinkGroup(ctx context.Context, reqs []ThinkRequest) (_ []Thinking, err error) {
	start := time.Now()
	if err := e.lock.lock(ctx); err != nil {
		return nil, err
	}
	defer e.lock.unlock()
	results := make([]Thinking, len(reqs))
	times := Times{Wait: time.Since(start)}
	compiled := e.dev.compiled.Load()

	rows := make([]*row, len(reqs))
	defer func() {
		for _, r := range rows {
			r.drop()
		}
	}()
	for i, req := range reqs {
		if rows[i], err = e.newRow(req.Memory, req.Prompt); err != nil {
			return nil, err
		}
		results[i].Usage.CachedTokens = req.Memory.length
		results[i].Usage.PromptTokens = len(req.Prompt)
	}
	done := timed(&times.Prefill)
	err = e.prefill(ctx, rows)
	done()
	if err != nil {
		return nil, err
	}
	done = timed(&times.Latent)
	err = e.latent(ctx, reqs, rows, results)
	done()
	if err != nil {
		return nil, err
	}
	times.Compile = time.Duration(e.dev.compiled.Load() - compiled)
	for i, r := range rows {
		results[i].Memory = r.finish(e, reqs[i].Memory)
		results[i].Usage.MemoryBytes = results[i].Memory.Bytes()
		results[i].Times = times
		results[i].settle()
	}
	return results, nil
}

// latent runs the rows' steps; rows with fewer of them finish earlier. Rows with the same operator step together.
func (e *Engine) latent(ctx context.Context, reqs []ThinkRequest, rows []*row, results []Thinking) error {
	last := make([][]float32, len(rows))
	for i, r := range rows {
		if reqs[i].Trace {
			results[i].Hidden = append(results[i].Hidden, r.hidden)
		}
	}
	for {
		var active []*row
		var which []int
		for i, r := range rows {
			if results[i].Usage.LatentSteps < reqs[i].Steps && (len(which) == 0 || reqs[i].Operator == reqs[which[0]].Operator) {
				active, which = append(active, r), append(which, i)
			}
		}
		if len(active) == 0 {
			return nil
		}
		x, thoughts, err := e.think(reqs[which[0]].Operator, active)
		if err != nil {
			return err
		}
		if err := e.oneEach(ctx, active, x); err != nil {
			return err
		}
		for k, i := range which {
			res := &results[i]
			res.Usage.LatentSteps++
			rows[i].digest = rows[i].digest.withThought(thoughts[k])
			if last[i] != nil {
				res.Moves = append(res.Moves, cosine(last[i], thoughts[k]))
			}
			last[i] = thoughts[k]
			if reqs[i].Trace {
				res.Thoughts = append(res.Thoughts, thoughts[k])
				res.Hidden = append(res.Hidden, rows[i].hidden)
			}
		}
	}
}

// oneEach passes one new position a row, x [rowsFor, dim], and leaves the hidden states in the rows.
func (e *Engine) oneEach(ctx context.Context, rows []*row, x compute.Buffer) error {
	counts := make([]int, len(rows))
	for i := range counts {
		counts[i] = 1
	}
	y, err := e.pass(ctx, rows, 1, counts, x)
	if err != nil {
		return err
	}
	return e.finalHidden(rows, 1, counts, y)
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
