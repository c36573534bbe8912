package plugin

// One call, from messages to an answer in text or in a handle.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
)

// provider is the name in llms.Error.
const provider = "latentchain"

// Call answers one human message. A latent model returns a handle.
func (l *LLM) Call(ctx context.Context, prompt string, options ...llms.CallOption) (string, error) {
	return llms.GenerateFromSinglePrompt(ctx, l, prompt, options...)
}

// GenerateContent answers a conversation. Handles in it are taken out, and the memories they stand for come before it:
// one as it is, several joined in the order they appear, each once. Handles that don't stand for a memory are errors.
//
// A latent model answers with a handle, to be released by Release; it never streams. It answers in text all the same
// when a stop word holds "Observation:", as agents send it, because what they do with an answer is to parse it.
//
// At a temperature above 0 without a seed, or with seed 0, each call draws another seed. Errors are *llms.Error with
// langchaingo's codes where there is one, and wrap those of the engine; a cancelled ctx gives its own error, wrapped.
func (l *LLM) GenerateContent(ctx context.Context, messages []llms.MessageContent, options ...llms.CallOption) (*llms.ContentResponse, error) {
	if l.CallbacksHandler != nil {
		l.CallbacksHandler.HandleLLMGenerateContentStart(ctx, messages)
	}
	response, err := l.answer(ctx, messages, options)
	if err != nil {
		err = coded(err)
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
	over, done, err := l.inherit(ctx, r.handles)
	if err != nil {
		return nil, err
	}
	defer func() {
		if failed := done(); err == nil {
			err = failed
		}
	}()
	prompt, err := l.generator.Prompt(r.messages)
	if err != nil {
		return nil, err
	}
	if l.latent == nil || slices.ContainsFunc(r.stop, func(s string) bool { return strings.Contains(s, "Observation:") }) {
		return l.speak(ctx, start, r, over, prompt)
	}
	return l.think(ctx, r, over, prompt)
}

// inherit returns the memory that handles stand for, nil if there are none. It must be given back with done.
func (l *LLM) inherit(ctx context.Context, handles []string) (over Memory, done func() error, err error) {
	var memories []Memory
	var dones []func() error
	done = func() error {
		var errs []error
		for _, f := range dones {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	_, digest := l.generator.Model()
	for i, handle := range handles {
		if slices.ContainsFunc(handles[:i], func(before string) bool { return strings.EqualFold(before, handle) }) {
			continue
		}
		m, giveBack, err := l.store.use(handle, digest)
		if err != nil {
			_ = done()
			return nil, nil, err
		}
		memories, dones = append(memories, m), append(dones, giveBack)
	}
	switch len(memories) {
	case 0:
		return nil, done, nil
	case 1:
		return memories[0], done, nil
	}
	joined, err := l.generator.Join(ctx, memories...)
	if err != nil {
		_ = done()
		return nil, nil, err
	}
	dones = append(dones, joined.Close)
	return joined, done, nil
}

// think answers in a handle.
func (l *LLM) think(ctx context.Context, r request, over Memory, prompt []int) (*llms.ContentResponse, error) {
	if l.latent.steps < 0 {
		return nil, refused("%d latent steps; want 0 or more", l.latent.steps)
	}
	if r.answers > 1 {
		return nil, refused("%d latent answers would be the same %d times; ask for one", r.answers, r.answers)
	}
	m, thinking, err := l.generator.Think(ctx, over, xlaengine.ThinkRequest{Prompt: prompt, Steps: l.latent.steps, Operator: l.latent.thoughts})
	if err != nil {
		return nil, err
	}
	report := Report{Usage: thinking.Usage, Times: thinking.Times, SettledAt: thinking.SettledAt, MemoryTokens: m.Len()}
	_, digest := l.generator.Model()
	handle, err := l.store.put(m, digest)
	if err != nil {
		return nil, err
	}
	return &llms.ContentResponse{Choices: []*llms.ContentChoice{{Content: handle, StopReason: xlaengine.StopEnd, GenerationInfo: report.info()}}}, nil
}

// speak answers in text.
func (l *LLM) speak(ctx context.Context, start time.Time, r request, over Memory, prompt []int) (*llms.ContentResponse, error) {
	reqs := make([]xlaengine.GenerateRequest, r.answers)
	for i := range reqs {
		reqs[i] = xlaengine.GenerateRequest{Prompt: prompt, MaxTokens: r.limit, Sampling: r.sampling, Stop: r.stop}
		reqs[i].Sampling.Seed += uint64(i)
	}
	if r.stream != nil { // the first answer only: chunks don't say which they belong to
		reqs[0].OnText = func(text string) error { return r.stream(ctx, []byte(text)) }
	}
	before := time.Since(start)
	results, err := l.generator.Generate(ctx, over, reqs)
	if err != nil {
		return nil, err
	}
	response := &llms.ContentResponse{}
	for _, g := range results {
		g.Usage.MemoryBytes = 0 // a text hands over none
		report := Report{Usage: g.Usage, Times: g.Times, FirstToken: before + g.FirstToken}
		response.Choices = append(response.Choices, &llms.ContentChoice{Content: g.Text, StopReason: g.StopReason, GenerationInfo: report.info()})
	}
	return response, nil
}

// coded puts an error in langchaingo's terms, if it isn't yet and there is a code for it.
func coded(err error) error {
	var code llms.ErrorCode
	var already *llms.Error
	var refusal *chat.Exception
	switch {
	case errors.As(err, &already):
		return err
	case errors.Is(err, context.Canceled):
		code = llms.ErrCodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		code = llms.ErrCodeTimeout
	case errors.Is(err, xlaengine.ErrContextFull):
		code = llms.ErrCodeTokenLimit
	case errors.Is(err, xlaengine.ErrClosed):
		code = llms.ErrCodeProviderUnavailable
	case errors.As(err, &refusal): // of the chat template
		code = llms.ErrCodeInvalidRequest
	default:
		return fmt.Errorf("%s: %w", provider, err)
	}
	return llms.NewError(code, provider, err.Error()).WithCause(err)
}
