// Package chains makes teams of agents: roles on one model, one after the other, that hand over their working memory
// (or, as the baseline, their texts) until the last one answers. Teams are chains of langchaingo. This file holds
// Sequential, the team itself; one run of it is in run.go, roles and their prompts in role.go, and what a run tells in
// result.go.
package chains

import (
	"context"
	"errors"
	"fmt"

	"github.com/tmc/langchaingo/callbacks"
	lcchains "github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/memory"
	"github.com/tmc/langchaingo/schema"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
)

// Sequential is a team whose agents work one after the other. It is safe for parallel use.
type Sequential struct {
	// CallbacksHandler is told of the chain's calls by langchaingo's Call, Run and Predict; may be nil. What the agents
	// do is told to the model's own handler.
	CallbacksHandler callbacks.Handler

	llm      *plugin.LLM
	agents   []agent
	mode     Mode
	limit    int
	sampling []llms.CallOption
	progress func(Event)
}

// agent is a role ready to work.
type agent struct {
	role     Role
	steps    int
	thoughts xlaengine.Operator
	system   prompt
	task     prompt
}

var (
	_ lcchains.Chain         = (*Sequential)(nil)
	_ callbacks.HandlerHaver = (*Sequential)(nil)
)

// Mode is how agents tell each other what they found.
type Mode string

const (
	Latent Mode = "latent" // they hand over their working memory; only the last one writes
	Text   Mode = "text"   // each writes, and reads what those before it wrote
)

// DefaultSteps is how many latent steps an agent takes before it hands over.
const DefaultSteps = 8

// Option changes a team.
type Option func(*settings)

type settings struct {
	mode     Mode
	steps    int
	thoughts xlaengine.Operator
	limit    int
	sampling []llms.CallOption
	progress func(Event)
}

// WithMode sets how agents hand over (default Latent).
func WithMode(m Mode) Option { return func(s *settings) { s.mode = m } }

// WithSteps sets the latent steps of roles that don't say it themselves (default DefaultSteps). With 0 they still
// hand over what they read.
func WithSteps(n int) Option { return func(s *settings) { s.steps = n } }

// WithThoughts sets how hidden states become thoughts, for roles that don't say it themselves (default
// xlaengine.Linear).
func WithThoughts(op xlaengine.Operator) Option { return func(s *settings) { s.thoughts = op } }

// WithMaxTokens caps the text of each agent (default: the model's own cap).
func WithMaxTokens(n int) Option { return func(s *settings) { s.limit = n } }

// WithSampling sets how agents that write choose their words; without it they always take the likeliest.
func WithSampling(opts ...llms.CallOption) Option {
	return func(s *settings) { s.sampling = append(s.sampling, opts...) }
}

// WithProgress has report called, in the goroutine of the run, while agents work. Runs side by side call it side by side.
func WithProgress(report func(Event)) Option { return func(s *settings) { s.progress = report } }

// NewSequential returns a team of the roles, in their order. The last one answers in text whatever the mode. The model
// stays the caller's to close; it makes no difference whether it answers in text or handles by itself.
func NewSequential(llm *plugin.LLM, roles []Role, opts ...Option) (*Sequential, error) {
	s, err := newSequential(llm, roles, opts)
	if err != nil {
		return nil, fmt.Errorf("team: %w", err)
	}
	return s, nil
}

// NewSingle returns one agent with the last of the default roles, for comparison.
func NewSingle(llm *plugin.LLM, opts ...Option) (*Sequential, error) {
	roles := DefaultRoles()
	return NewSequential(llm, roles[len(roles)-1:], opts...)
}

func newSequential(llm *plugin.LLM, roles []Role, opts []Option) (*Sequential, error) {
	o := settings{mode: Latent, steps: DefaultSteps}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	switch {
	case llm == nil:
		return nil, errors.New("the model is nil; make one with plugin.New")
	case len(roles) == 0:
		return nil, errors.New("no roles; want at least one, as DefaultRoles has them")
	case o.mode != Latent && o.mode != Text:
		return nil, fmt.Errorf("mode %q; want %q or %q", o.mode, Latent, Text)
	case o.steps < 0:
		return nil, fmt.Errorf("%d latent steps; want 0 or more", o.steps)
	case o.limit < 0:
		return nil, fmt.Errorf("at most %d tokens; want 1 or more", o.limit)
	}
	s := &Sequential{llm: llm, mode: o.mode, limit: o.limit, sampling: o.sampling, progress: o.progress}
	for i, role := range roles {
		a, err := role.agent(o)
		if err != nil {
			return nil, fmt.Errorf("role %d (%s): %w", i+1, role.Name, err)
		}
		s.agents = append(s.agents, a)
	}
	return s, nil
}

// The keys of a chain's inputs and outputs.
const (
	QuestionKey = "question"
	AnswerKey   = "answer"
)

// Call runs the team on inputs["question"], a string, and returns {"answer": …}. Options go to the agents as in Run.
func (s *Sequential) Call(ctx context.Context, inputs map[string]any, options ...lcchains.ChainCallOption) (map[string]any, error) {
	question, ok := inputs[QuestionKey].(string)
	if !ok {
		return nil, fmt.Errorf("%w: %s is a %T, want a string", lcchains.ErrInvalidInputValues, QuestionKey, inputs[QuestionKey])
	}
	result, err := s.Run(ctx, question, lcchains.GetLLMCallOptions(options...)...)
	if err != nil {
		return nil, err
	}
	return map[string]any{AnswerKey: result.Answer}, nil
}

// GetMemory returns a memory that holds nothing: each call is a question of its own.
func (s *Sequential) GetMemory() schema.Memory { return memory.NewSimple() }

// GetInputKeys returns "question".
func (s *Sequential) GetInputKeys() []string { return []string{QuestionKey} }

// GetOutputKeys returns "answer".
func (s *Sequential) GetOutputKeys() []string { return []string{AnswerKey} }

// GetCallbackHandler returns CallbacksHandler.
func (s *Sequential) GetCallbackHandler() callbacks.Handler { return s.CallbacksHandler }
