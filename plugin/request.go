package plugin

// What a call asks: langchaingo's options, checked and put in the engine's terms. What each one does is listed in
// docs/langchaingo.md; messages are in messages.go, tools in tools.go.

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/grammar"
	"github.com/latentchain/latentchain/xlaengine/sample"
)

type request struct {
	messages []chat.Message // without handles
	handles  []string       // in the order of the messages
	sampling sample.Params
	limit    int // tokens of an answer
	least    int
	answers  int
	stop     []string
	calling  calling
	grammar  *grammar.Grammar // nil: any text
	inWords  string           // why a latent model answers in text; "" if it need not
	thinks   *bool            // whether the model is to write thoughts, nil as it likes

	parameters map[string]*grammar.Grammar // of the functions that any text may call; nil: none
	letters    *alphabet                   // with parameters

	logProbs    int // of how many tokens the engine is asked at each place, 0 for none
	topLogProbs int

	stream         func(ctx context.Context, chunk []byte) error // may be nil, as the next
	streamThoughts func(ctx context.Context, thought, chunk []byte) error
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
	r.stream, r.streamThoughts = o.StreamingFunc, o.StreamingReasoningFunc
	r.limit, r.least, r.answers = o.MaxTokens, o.MinLength, max(o.N, o.CandidateCount, 1)
	if o.MaxLength > 0 && (r.limit == 0 || o.MaxLength < r.limit) {
		r.limit = o.MaxLength
	}
	if r.limit == 0 {
		r.limit = l.maxTokens
	}
	if r.least > r.limit {
		return r, refused("at least %d tokens (llms.WithMinLength), but at most %d", r.least, r.limit)
	}
	for _, s := range o.StopWords {
		if s != "" {
			r.stop = append(r.stop, s)
		}
	}
	r.sampling = sample.Params{
		Temperature: o.Temperature, TopK: o.TopK, TopP: o.TopP,
		RepetitionPenalty: o.RepetitionPenalty, FrequencyPenalty: o.FrequencyPenalty, PresencePenalty: o.PresencePenalty,
		Seed: uint64(o.Seed),
	}
	if o.Seed == 0 { // not set
		r.sampling.Seed = rand.Uint64()
	}
	asked, err := r.readMetadata(o.Metadata)
	if err != nil {
		return r, err
	}
	if err := r.sampling.Validate(); err != nil {
		return r, refused("%v", err)
	}
	if config := llms.GetThinkingConfig(&o); config != nil && config.Mode != "" && config.Mode != llms.ThinkingModeAuto {
		thinks := config.Mode != llms.ThinkingModeNone
		r.thinks = &thinks
	}
	if r.calling, err = callingOf(o); err != nil {
		return r, err
	}
	asked.object = o.JSONMode || o.ResponseMIMEType == jsonType
	r.inWords = whyInWords(o, asked)
	if err = l.compile(&r, asked); err != nil {
		return r, err
	}
	if r.grammar != nil {
		r.stop = nil // what is cut off does not parse
	}
	r.messages, r.handles, err = conversation(messages)
	return r, err
}

const jsonType = "application/json"

func (l *LLM) checkOptions(o llms.CallOptions) error {
	name, _ := l.generator.Model()
	switch {
	case o.Model != "" && o.Model != name:
		return because(ErrModel, "model %q is asked for, but this is %q; make another with plugin.New(plugin.WithModel(…))", o.Model, name)
	case o.MaxTokens < 0:
		return refused("at most %d tokens; want 1 or more", o.MaxTokens)
	case o.MinLength < 0 || o.MaxLength < 0:
		return refused("lengths of %d to %d; want 0 or more", o.MinLength, o.MaxLength)
	case o.N < 0 || o.CandidateCount < 0:
		return refused("%d answers; want 1 or more", min(o.N, o.CandidateCount))
	case o.ResponseMIMEType != "" && o.ResponseMIMEType != "text/plain" && o.ResponseMIMEType != jsonType:
		return refused("response type %q; want text/plain or %s", o.ResponseMIMEType, jsonType)
	}
	return nil
}

// whyInWords says why an answer must be text: because the caller is going to parse it.
func whyInWords(o llms.CallOptions, asked shape) string {
	switch {
	case len(o.Tools) > 0:
		return "tools"
	case len(o.Functions) > 0:
		return "functions"
	case asked.schema != nil:
		return "schema"
	case asked.object:
		return "JSON"
	}
	for _, s := range o.StopWords {
		if strings.Contains(s, "Observation:") {
			return "stop word Observation:"
		}
	}
	return ""
}

// readMetadata takes from Metadata what has no option of its own: "logprobs", "top_logprobs", "min_p", "schema" and, for
// those who know it by that name, "grammar". Other keys are for other providers.
func (r *request) readMetadata(m map[string]any) (asked shape, err error) {
	if given, ok := m["min_p"]; ok {
		if r.sampling.MinP, ok = number(given); !ok {
			return asked, refused("metadata min_p is %v, want a number", given)
		}
	}
	if given, ok := m["top_logprobs"]; ok {
		top, isNumber := number(given)
		if !isNumber || top < 0 || top > maxTopLogProbs || top != float64(int(top)) {
			return asked, refused("metadata top_logprobs is %v, want 0 to %d", given, maxTopLogProbs)
		}
		r.topLogProbs = int(top)
		r.logProbs = r.topLogProbs
	}
	if given, ok := m["logprobs"]; ok {
		wanted, isBool := given.(bool)
		if !isBool {
			return asked, refused("metadata logprobs is %v, want true or false; how many is top_logprobs", given)
		}
		r.logProbs = 0
		if wanted {
			r.logProbs = max(1, r.topLogProbs)
		}
	}
	for _, key := range []string{"schema", "grammar"} {
		given, ok := m[key]
		if !ok || given == nil {
			continue
		}
		raw, err := schemaOf(given)
		if err != nil || !bytes.HasPrefix(raw, []byte("{")) && string(raw) != "true" {
			return asked, because(ErrSchema, "metadata %s is not a JSON Schema; no other kind of grammar is supported", key)
		}
		if asked.schema != nil {
			return asked, because(ErrSchema, "metadata has both a schema and a grammar; want one")
		}
		asked.schema = raw
	}
	return asked, nil
}

const maxTopLogProbs = 20

// number reads what a Go program or a JSON decoder puts in a map.
func number(given any) (float64, bool) {
	switch n := given.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case float32:
		return float64(n), true
	case float64:
		return n, true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}
