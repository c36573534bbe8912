// Package plugin makes an engine a langchaingo model. LLM answers in text like any other provider; what LLM.Latent
// gives answers in handles, short strings that stand for a working memory. Where a prompt holds a handle, the memory
// comes before the prompt. This file makes and closes models; one call is in generate.go, what it may ask in
// request.go, messages.go and tools.go, its answer in speak.go, handles in handle.go and store.go, and what is needed of
// an engine in generator.go.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tmc/langchaingo/callbacks"
	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
)

// LLM is a llms.Model, safe for parallel use. Those made from one another by Latent and Text share engine and store.
type LLM struct {
	CallbacksHandler callbacks.Handler // may be nil

	*shared
	latent *latent // nil: answers in text
	scope  string  // of the handles it makes and takes
}

var (
	_ llms.Model          = (*LLM)(nil)
	_ llms.ReasoningModel = (*LLM)(nil)
)

type shared struct {
	generator Generator
	store     Store
	foreign   bool // handles of other processes are taken
	maxTokens int
	close     func() error // closes what New opened

	toolsOnce    sync.Once
	toolTemplate bool // see knowsTools

	alphabetOnce sync.Once
	letters      *alphabet // see alphabet
}

// latent is how an LLM thinks whose answers are handles.
type latent struct {
	steps    int
	thoughts xlaengine.Operator
	onStep   func(step int) // may be nil
}

// New returns a model that answers in text. Without options it opens xlaengine.DefaultModel, which fetches what is
// missing; an app that wants progress or a context for that opens the engine itself and passes WithEngine.
func New(opts ...Option) (*LLM, error) {
	o := options{maxTokens: xlaengine.DefaultMaxTokens}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	s, err := o.open()
	if err != nil {
		return nil, fmt.Errorf("latentchain: %w", err)
	}
	return &LLM{CallbacksHandler: o.callbacks, shared: s, scope: o.scope}, nil
}

func (o options) open() (*shared, error) {
	if o.maxTokens < 1 {
		return nil, fmt.Errorf("at most %d tokens; want 1 or more", o.maxTokens)
	}
	if o.store != nil && o.budget != nil {
		return nil, errors.New("WithStore and WithMemoryBudget exclude each other: a store has its budget")
	}
	s := &shared{generator: o.generator, store: o.store, maxTokens: o.maxTokens, foreign: o.foreign}
	var err error
	if s.store == nil {
		budget := int64(DefaultMemoryBudget)
		if o.budget != nil {
			budget = *o.budget
		}
		own, err := NewStore(budget)
		if err != nil {
			return nil, err
		}
		s.store = own
	}
	var engine *xlaengine.Engine
	switch given := o.generatorGiven; {
	case given && s.generator == nil:
		return nil, errors.New("the engine is nil")
	case given && (o.model != "" || o.engine != nil):
		return nil, errors.New("WithModel and WithEngineOptions are for opening an engine, but one was given")
	case !given:
		if engine, err = xlaengine.Open(context.Background(), o.model, o.engine...); err != nil {
			return nil, err
		}
		s.generator = onXLA{engine}
	}
	s.close = func() (err error) {
		if o.store == nil {
			err = s.store.Close()
		}
		if engine != nil {
			err = errors.Join(err, engine.Close())
		}
		return err
	}
	return s, nil
}

// Latent returns a model on the same engine and store that thinks for that many latent steps and answers in a handle.
// With 0 steps it still hands over what it read; a negative number makes every call fail.
func (l *LLM) Latent(steps int, opts ...LatentOption) *LLM {
	think := &latent{steps: steps}
	for _, opt := range opts {
		if opt != nil {
			opt(think)
		}
	}
	return &LLM{CallbacksHandler: l.CallbacksHandler, shared: l.shared, latent: think, scope: l.scope}
}

// Text returns a model on the same engine and store that answers in text.
func (l *LLM) Text() *LLM {
	return &LLM{CallbacksHandler: l.CallbacksHandler, shared: l.shared, scope: l.scope}
}

// Scoped returns a model on the same engine and store whose handles are good for scope only, and that takes no others:
// one for each user, tenant or conversation, so that a handle that gets from one to another is of no use there.
func (l *LLM) Scoped(scope string) *LLM {
	return &LLM{CallbacksHandler: l.CallbacksHandler, shared: l.shared, latent: l.latent, scope: scope}
}

// Release lets go of the memory behind a handle, as soon as no call uses it any more. For one that is gone already it
// does nothing; a handle that this model's store did not make for this model's scope is an error.
func (l *LLM) Release(handle string) error {
	if l.shared == nil {
		return errNotMade
	}
	if err := l.store.Release(handle, l.scope); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

// Close frees all memories behind handles and, if New opened it, the engine, after the call that is running. It is for
// all models that share them.
func (l *LLM) Close() error {
	if l.shared == nil {
		return nil
	}
	return l.close()
}

// errNotMade is for the zero LLM.
var errNotMade = refused("the model was not made; use plugin.New")
