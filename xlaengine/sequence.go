package xlaengine

// A sequence is one row's way through the engine: it waits, takes in its prompt, thinks or answers, and leaves. A call
// is what a caller waits for: one sequence or several, of which either all succeed or none does.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

type sequence struct {
	row
	call    *call
	held    *Memory   // what it starts from
	prompt  int       // tokens
	final   int       // positions it may come to
	reserve int64     // bytes of memory set aside for it while it runs
	stuck   time.Time // since when callers have held too much for it; zero if they never did
	turn    int64     // the pass it was last part of
	cached  int       // positions it did not have to compute

	pool []float64 // if not nil: the sum of its prompt's hidden states

	think  *thinking // one of the two
	decode *decoding

	entered  time.Time // when it was handed in, when it was let in, when its prompt was in
	admitted time.Time
	ready    time.Time
	compiled int64 // device.compiled when it was let in
	result   *Memory
	usage    Usage
	times    Times
}

// prefilling says whether so much of the prompt is left that it goes in by chunks.
func (s *sequence) prefilling() bool { return chunkFor(len(s.pending), maxChunk) > 1 }

// newSequence starts from a share of m. Its prompt, which must fit the context, may begin with what other prompts had
// before it; up to more positions follow it.
func (e *Engine) newSequence(m *Memory, prompt []int, more int) (*sequence, error) {
	final := m.length + len(prompt)
	final += min(more, e.dec.Context-final)
	if need := e.reserveFor(final); need > e.opts.budget {
		return nil, fmt.Errorf("%w: %d positions need %d MB of %d MB; use fewer tokens or raise it with WithMemoryBudget", ErrBudget, final, need>>20, e.opts.budget>>20)
	}
	held, err := e.share(m)
	if err != nil {
		return nil, err
	}
	s := &sequence{held: held, prompt: len(prompt), final: final, entered: time.Now()}
	s.slots, s.length, s.pending, s.cached = held.slots, m.length, prompt, m.length
	if s.slots != nil && !s.slots.hold() {
		held.Close()
		return nil, ErrClosed
	}
	s.chain = m.chain.owned(len(prompt)).withTokens(prompt...)
	return s, nil
}

// startFrom moves the start to n positions that were computed before.
func (s *sequence) startFrom(r *run, n int) {
	if !r.slots.hold() {
		return
	}
	s.drop()
	s.slots, s.pending, s.length, s.cached = r.slots, s.pending[n-s.length:], n, n
}

// known is the chain of the positions that stay, for others to hold: of a draft's it is not known yet.
func (s *sequence) known() chain { return slices.Clip(s.chain[:min(s.length, len(s.chain))]) }

// finish makes a memory of the row.
func (s *sequence) finish(e *Engine) {
	s.publish(s.length)
	s.yield()
	s.result = &Memory{engine: e, slots: s.slots, length: s.length, chain: s.known(), joined: s.held.joined}
	s.slots, s.made = nil, false
	now := time.Now()
	s.times.Wait, s.times.Prefill = s.admitted.Sub(s.entered), s.ready.Sub(s.admitted)
	if s.think != nil {
		s.times.Latent = now.Sub(s.ready)
	} else {
		s.times.Decode = now.Sub(s.ready)
	}
	s.times.Compile = time.Duration(e.dev.compiled.Load() - s.compiled)
	s.usage.PromptTokens, s.usage.CachedTokens, s.usage.MemoryBytes = s.prompt, s.cached, s.result.Bytes()
}

// call is what a caller waits for.
type call struct {
	ctx    context.Context // ends with the caller's, and when one of its sequences fails
	cancel context.CancelCauseFunc
	caller context.Context
	left   int           // sequences still on their way; the engine's goroutine's
	done   chan struct{} // closed when none is left

	mu   sync.Mutex
	news []func() error // for the caller's goroutine to run, so that a slow listener holds up nobody else
	some chan struct{}  // holds one when there are some
}

func newCall(ctx context.Context, sequences int) *call {
	c := &call{caller: ctx, left: sequences, done: make(chan struct{}), some: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// tell has the caller's goroutine run news, such as passing on text.
func (c *call) tell(news func() error) {
	c.mu.Lock()
	c.news = append(c.news, news)
	c.mu.Unlock()
	select {
	case c.some <- struct{}{}:
	default:
	}
}

// listen runs the news until the call is done, in the caller's goroutine. An error among them ends the call. However it
// returns, also when a listener panics or ends the goroutine, the call is done then.
func (c *call) listen(wake func()) (err error) {
	defer func() {
		c.cancel(nil)
		wake()
		<-c.done
	}()
	for {
		select {
		case <-c.some:
			c.hear()
		case <-c.ctx.Done():
			return c.cause()
		case <-c.done:
			c.hear()
			return c.cause()
		}
	}
}

// cause says why the call ended, nil if nothing was wrong. What a caller's context says of itself is part of it.
func (c *call) cause() error { return cause(c.ctx, c.caller) }

// cause is that of ctx; if it is that of caller, which ctx comes from, it is caller's error too.
func cause(ctx, caller context.Context) error {
	why := context.Cause(ctx)
	if err := caller.Err(); err != nil && why == context.Cause(caller) && !errors.Is(why, err) {
		return fmt.Errorf("%w: %w", err, why)
	}
	return why
}

func (c *call) hear() {
	c.mu.Lock()
	news := c.news
	c.news = nil
	c.mu.Unlock()
	for _, one := range news {
		if c.ctx.Err() != nil {
			return
		}
		if err := one(); err != nil {
			c.cancel(err)
		}
	}
}
