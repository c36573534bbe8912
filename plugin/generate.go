package plugin

// One call, from messages to an answer in text or in a handle.

import (
	"context"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
)

// Call answers one human message. A latent model returns a handle.
func (l *LLM) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, l, prompt, options...)
}

// GenerateContent answers a conversation. Handles in it are taken out, and the memories they stand for come before it:
// one as it is, several joined in the order they appear, each once; one that another holds already, because that one
// was made over it, is not joined again. Handles that don't stand for a memory are errors.
//
// A latent model answers with a handle, to be released by Release; it never streams. It answers in text all the same
// where the answer will be parsed: when tools, functions, JSON or a schema are asked for, or a stop word holds
// "Observation:", as agents send it. GenerationInfo says so under TextBecause.
//
// What each option does is in docs/langchaingo.md. With JSON mode, a schema or a call that is required, the answer always
// parses and fits, or the call is refused before any token is made. The first answer alone is streamed: chunks don't say
// which they belong to. A callback's error ends the run and is what the call returns, wrapped.
//
// At a temperature above 0 without a seed, or with seed 0, each call draws another seed. Errors are *llms.Error with
// langchaingo's codes where there is one, and wrap those of the engine; a cancelled ctx gives its own error, wrapped.
func (l *LLM) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	if l.CallbacksHandler != nil {
		l.CallbacksHandler.HandleLLMGenerateContentStart(ctx, messages)
	}
	response, err := l.answer(ctx, messages, options)
	if err != nil {
		err = coded(ctx, err)
		if l.CallbacksHandler != nil {
			l.CallbacksHandler.HandleLLMError(ctx, err)
		}
		return nil, err
	}
	if l.CallbacksHandler != nil {
		l.CallbacksHandler.HandleLLMGenerateContentEnd(ctx, response)
	}
	return response, nil
}

func (l *LLM) answer(ctx context.Context, messages []llms.MessageContent, options []llms.CallOption) (_ *llms.ContentResponse, err error) {
	start := time.Now()
	if l.shared == nil {
		return nil, errNotMade
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := l.request(messages, options)
	if err != nil {
		return nil, err
	}
	over, err := l.inherit(ctx, r.handles)
	if err != nil {
		return nil, err
	}
	defer func() {
		if failed := over.giveBack(); err == nil {
			err = failed
		}
	}()
	prompt, opens, err := l.prompt(r)
	if err != nil {
		return nil, err
	}
	if l.latent == nil || r.inWords != "" {
		return l.speak(ctx, start, r, over.memory, prompt, opens)
	}
	return l.think(ctx, r, over, prompt)
}

// prompt returns the token ids of the conversation, and whether the answer begins within a thought. An answer that must
// fit something has no room for one.
func (l *LLM) prompt(r request) (ids []int, opens bool, err error) {
	in, err := l.told(r.messages, r.calling)
	if err != nil {
		return nil, false, err
	}
	if r.grammar != nil {
		in.Extra = map[string]any{"enable_thinking": false}
	} else if r.thinks != nil {
		in.Extra = map[string]any{"enable_thinking": *r.thinks}
	}
	text, ids, err := l.generator.Prompt(in)
	if opens = opensThought(text); err != nil || !opens || r.grammar == nil {
		return ids, opens, err
	}
	end, err := l.generator.Tokenize("\n" + thinkEnd + "\n\n")
	return append(ids, end...), false, err
}

// think answers in a handle.
func (l *LLM) think(ctx context.Context, r request, over *inherited, prompt []int) (*llms.ContentResponse, error) {
	if l.latent.steps < 0 {
		return nil, refused("%d latent steps; want 0 or more", l.latent.steps)
	}
	if r.answers > 1 {
		return nil, refused("%d latent answers would be the same %d times; ask for one", r.answers, r.answers)
	}
	m, thinking, err := l.generator.Think(ctx, over.memory, xlaengine.ThinkRequest{Prompt: prompt, Steps: l.latent.steps, Operator: l.latent.thoughts, OnStep: l.latent.onStep})
	if err != nil {
		return nil, err
	}
	report := Report{Usage: thinking.Usage, CachedPrompt: cachedPrompt(thinking.Usage, over.memory), Times: thinking.Times, SettledAt: thinking.SettledAt, MemoryTokens: m.Len()}
	_, digest := l.generator.Model()
	handle, err := l.store.Put(ctx, m, Made{Model: digest, Scope: l.scope, Holds: over.holds, Engine: l.generator})
	if err != nil {
		return nil, err
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: handle, StopReason: xlaengine.StopEnd, GenerationInfo: report.info()}}}, nil
}
