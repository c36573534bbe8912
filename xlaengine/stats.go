package xlaengine

// What an engine is doing and has done: Stats is a snapshot for metrics, cheap enough to be taken at every scrape.

import (
	"sync"
	"time"
)

// Stats says how an engine is doing. Totals count from Open on; rates are of the last ten seconds.
type Stats struct {
	Queued int `json:"queued"` // rows that wait to be let in
	Active int `json:"active"` // rows that run

	Passes        int64   `json:"passes"`         // calls of the model
	Fill          float64 `json:"fill"`           // rows in a pass of steps, on average
	PromptTokens  int64   `json:"prompt_tokens"`  // computed
	LatentSteps   int64   `json:"latent_steps"`   //
	Tokens        int64   `json:"tokens"`         // written
	PrefixTokens  int64   `json:"prefix_tokens"`  // found in the prefix cache, not computed
	PrefixHits    int64   `json:"prefix_hits"`    // prompts that found some
	DraftTokens   int64   `json:"draft_tokens"`   // tried in speculative decoding
	DraftAccepted int64   `json:"draft_accepted"` // and found right

	PromptTokensPerSecond float64 `json:"prompt_tokens_s"`
	LatentStepsPerSecond  float64 `json:"latent_steps_s"`
	TokensPerSecond       float64 `json:"tokens_s"`

	CacheBytes  int64 `json:"cache_bytes"`  // keys and values of all memories, those in use and those kept
	PrefixBytes int64 `json:"prefix_bytes"` // of them kept for prompts that begin alike
	BudgetBytes int64 `json:"budget_bytes"`
}

// Stats returns how the engine is doing. To publish it with the standard library's expvar:
//
//	expvar.Publish("latentchain", expvar.Func(func() any { return engine.Stats() }))
func (e *Engine) Stats() Stats {
	s := e.sched.stats.snapshot()
	s.Queued = e.sched.queued()
	s.CacheBytes, s.BudgetBytes = e.dev.cacheBytes.Load(), e.sched.budget
	return s
}

// meter counts. Its zero value is ready.
type meter struct {
	mu       sync.Mutex
	total    Stats
	stepRows int64
	stepPass int64
	seconds  [window]second
}

const window = 10 // seconds that rates look back

// second is what was done in one second of the clock.
type second struct {
	at                      int64
	prompts, steps, written int64
}

func (m *meter) now() *second {
	at := time.Now().Unix()
	s := &m.seconds[at%window]
	if s.at != at {
		*s = second{at: at}
	}
	return s
}

func (m *meter) shared(tokens int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.PrefixHits++
	m.total.PrefixTokens += int64(tokens)
}

func (m *meter) prefilled(tokens int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Passes++
	m.total.PromptTokens += int64(tokens)
	m.now().prompts += int64(tokens)
}

// stepped counts a pass of steps: rows that took in thoughts, and tokens of prompts too short for a chunk.
func (m *meter) stepped(rows, thoughts, prompt int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Passes++
	m.stepPass++
	m.stepRows += int64(rows)
	m.total.LatentSteps += int64(thoughts)
	m.total.PromptTokens += int64(prompt)
	now := m.now()
	now.steps += int64(thoughts)
	now.prompts += int64(prompt)
}

// said counts tokens written, and those of a draft before them.
func (m *meter) said(tokens, drafted, accepted int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Tokens += int64(tokens)
	m.now().written += int64(tokens)
	m.total.DraftTokens += int64(drafted)
	m.total.DraftAccepted += int64(accepted)
}

// state notes what changes between passes.
func (m *meter) state(active int, prefixBytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total.Active, m.total.PrefixBytes = active, prefixBytes
}

func (m *meter) snapshot() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.total
	if m.stepPass > 0 {
		s.Fill = float64(m.stepRows) / float64(m.stepPass)
	}
	now := time.Now().Unix()
	for _, sec := range m.seconds {
		if now-sec.at < window {
			s.PromptTokensPerSecond += float64(sec.prompts) / window
			s.LatentStepsPerSecond += float64(sec.steps) / window
			s.TokensPerSecond += float64(sec.written) / window
		}
	}
	return s
}
