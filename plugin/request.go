package plugin

// What a call asks: langchaingo's messages and options, checked and put in the engine's terms. Options that would
// change the answer but can't be met are refused; MinLength, MaxLength, Metadata and StreamingReasoningFunc are ignored.

import (
	"context"
	"math/rand/v2"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/sample"
)

type request struct {
	messages []chat.Message // without handles
	handles  []string       // in the order of the messages
	sampling sample.Params
	limit    int // tokens of an answer
	answers  int
	stop     []string
	stream   func(ctx context.Context, chunk []byte) error // may be nil
}

func (l *LLM) request(messages []llms.MessageContent, callOptions []llms.CallOption) (r request, err error) {
	var o llms.CallOptions
	for _, opt := range callOptions {
		if opt != nil {
			opt(&o)
		}
	}
	if err := l.checkOptions(o); err != nil {
		return r, err
	}
	r.stream, r.limit, r.answers = o.StreamingFunc, o.MaxTokens, max(o.N, o.CandidateCount, 1)
	for _, s := range o.StopWords {
		if s != "" {
			r.stop = append(r.stop, s)
		}
	}
	if r.limit == 0 {
		r.limit = l.maxTokens
	}
	r.sampling = sample.Params{
		Temperature: o.Temperature, TopK: o.TopK, TopP: o.TopP,
		RepetitionPenalty: o.RepetitionPenalty, FrequencyPenalty: o.FrequencyPenalty, PresencePenalty: o.PresencePenalty,
		Seed: uint64(o.Seed),
	}
	if err := r.sampling.Validate(); err != nil {
		return r, refused("%v", err)
	}
	if o.Seed == 0 { // not set
		r.sampling.Seed = rand.Uint64()
	}
	r.messages, r.handles, err = conversation(messages)
	return r, err
}

func (l *LLM) checkOptions(o llms.CallOptions) error {
	name, _ := l.generator.Model()
	switch {
	case o.Model != "" && o.Model != name:
		return refused("model %q is asked for, but this is %q; make another with plugin.New(plugin.WithModel(…))", o.Model, name)
	case o.MaxTokens < 0:
		return refused("at most %d tokens; want 1 or more", o.MaxTokens)
	case o.N < 0 || o.CandidateCount < 0:
		return refused("%d answers; want 1 or more", min(o.N, o.CandidateCount))
	case len(o.Tools) > 0 || len(o.Functions) > 0:
		return missing("tools and functions")
	case o.JSONMode || o.ResponseMIMEType != "" && o.ResponseMIMEType != "text/plain":
		return missing("JSON mode and response types other than text/plain")
	}
	return nil
}

func missing(what string) error {
	return llms.NewError(llms.ErrCodeNotImplemented, provider, what+" are not supported yet; ask for plain text")
}

// conversation puts messages in the model's terms, without the handles in them. A message that held nothing but
// handles goes with them unless it is the last.
func conversation(messages []llms.MessageContent) (turns []chat.Message, handles []string, err error) {
	if len(messages) == 0 {
		return nil, nil, refused("no messages; want at least one")
	}
	for i, m := range messages {
		role, err := roleOf(m.Role)
		if err != nil {
			return nil, nil, err
		}
		var texts []string
		for _, part := range m.Parts {
			text, ok := part.(llms.TextContent)
			if !ok {
				return nil, nil, refused("message %d has a part of type %T; only text parts (llms.TextContent) are supported", i, part)
			}
			texts = append(texts, text.Text)
		}
		text, found := cutHandles(strings.Join(texts, "\n"))
		handles = append(handles, found...)
		if len(found) > 0 && strings.TrimSpace(text) == "" && i < len(messages)-1 {
			continue
		}
		turns = append(turns, chat.Message{Role: role, Content: text})
	}
	return turns, handles, nil
}

// roleOf returns the role as chat templates call it. Callers send the raw names of other providers too.
func roleOf(role llms.ChatMessageType) (string, error) {
	switch role {
	case llms.ChatMessageTypeSystem:
		return "system", nil
	case llms.ChatMessageTypeHuman, llms.ChatMessageTypeGeneric, "user":
		return "user", nil
	case llms.ChatMessageTypeAI, "assistant":
		return "assistant", nil
	case llms.ChatMessageTypeTool, llms.ChatMessageTypeFunction:
		return "", missing("messages of tools and functions")
	}
	return "", refused("message of role %q; want system, human, ai, generic, user or assistant", role)
}
