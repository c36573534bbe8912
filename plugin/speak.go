package plugin

// An answer in text: what a model says, parted into thoughts, words and calls, as it comes and as a whole.

import (
	"context"
	"strings"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
)

// Why an answer ended, beside xlaengine.StopEnd and xlaengine.StopLength: the model asks for calls.
const (
	StopToolCalls    = "tool_calls"
	StopFunctionCall = "function_call" // where functions were offered, not tools
)

// speak answers in text; opens says that the prompt ends within a thought.
func (l *LLM) speak(ctx context.Context, since time.Time, r request, over Memory, prompt []int, opens bool) (*llms.ContentResponse, error) {
	reqs := make([]xlaengine.GenerateRequest, r.answers)
	for i := range reqs {
		reqs[i] = xlaengine.GenerateRequest{Prompt: prompt, MaxTokens: r.limit, MinTokens: r.least, Sampling: r.sampling, Stop: r.stop,
			Constraint: l.constraint(r, opens), LogProbs: r.logProbs}
		reqs[i].Sampling.Seed += uint64(i)
	}
	streaming := l.newAnswer(r, opens)
	if r.stream != nil || r.streamThoughts != nil {
		streaming.pass = func(thought, said string) error { return r.pass(ctx, thought, said) }
		reqs[0].OnText = func(text string) error { return streaming.take(text, false) }
	}
	before := time.Since(since)
	results, err := l.generator.Generate(ctx, over, reqs)
	if err != nil {
		return nil, err
	}
	response := &llms.ContentResponse{}
	for i, g := range results {
		a := streaming
		if i > 0 || reqs[i].OnText == nil {
			a = l.newAnswer(r, opens)
			if err := a.take(g.Text, false); err != nil {
				return nil, err
			}
		}
		calls, err := a.end()
		if err != nil {
			return nil, err
		}
		g.Usage.MemoryBytes = 0 // a text hands over none
		report := Report{Usage: g.Usage, CachedPrompt: cachedPrompt(g.Usage, over), Times: g.Times, FirstToken: before + g.FirstToken, Thoughts: l.thoughtTokens(g, a.thought)}
		choice := &llms.ContentChoice{Content: a.said, ReasoningContent: a.thought, StopReason: g.StopReason, GenerationInfo: report.info()}
		choice.GenerationInfo["ThinkingContent"] = a.thought
		if r.inWords != "" && l.latent != nil {
			choice.GenerationInfo["TextBecause"] = r.inWords
		}
		if r.logProbs > 0 {
			choice.GenerationInfo["LogProbs"] = l.logProbs(g.LogProbs, r.topLogProbs)
		}
		if len(calls) > 0 {
			choice.ToolCalls = toolCalls(calls, prompt, i)
			choice.FuncCall = choice.ToolCalls[0].FunctionCall
			if choice.StopReason = StopToolCalls; r.calling.legacy {
				choice.StopReason = StopFunctionCall
			}
		}
		response.Choices = append(response.Choices, choice)
	}
	return response, nil
}

// pass hands what is new to the caller's functions.
func (r request) pass(ctx context.Context, thought, said string) error {
	if said != "" && r.stream != nil {
		if err := r.stream(ctx, []byte(said)); err != nil {
			return err
		}
	}
	if r.streamThoughts == nil {
		return nil
	}
	var t, s []byte // nil where there is nothing
	if thought != "" {
		t = []byte(thought)
	}
	if said != "" {
		s = []byte(said)
	}
	return r.streamThoughts(ctx, t, s)
}

// answer is one answer as far as it has come.
type answer struct {
	calling calling
	parted  *thoughts // nil: all of it is said
	pass    func(thought, said string) error

	thought, said string
	passed        int // bytes of said that were passed on
}

func (l *LLM) newAnswer(r request, opens bool) *answer {
	a := &answer{calling: r.calling, pass: func(string, string) error { return nil }}
	if r.grammar == nil {
		a.parted = &thoughts{inside: opens, swallow: opens}
	}
	return a
}

// take adds a piece of text and passes on what is sure not to be part of a call.
func (a *answer) take(text string, last bool) error {
	thought, said := "", text
	if a.parted != nil {
		thought, said = a.parted.take(text, last)
	}
	a.thought += thought
	a.said += said
	return a.passTo(a.calling.sureText(a.said, a.passed), thought)
}

func (a *answer) passTo(to int, thought string) error {
	said := a.said[a.passed:to]
	a.passed = to
	if said == "" && thought == "" {
		return nil
	}
	return a.pass(thought, said)
}

// end takes the calls out of what was said.
func (a *answer) end() ([]llms.FunctionCall, error) {
	if err := a.take("", true); err != nil {
		return nil, err
	}
	rest, calls := a.calling.callsIn(a.said)
	if len(calls) > 0 {
		a.said = rest
		return calls, nil
	}
	return nil, a.passTo(len(a.said), "")
}

// thoughtTokens counts the tokens up to the end of the last thought, tags included.
func (l *LLM) thoughtTokens(g xlaengine.Generation, thought string) int {
	if thought == "" {
		return 0
	}
	var text strings.Builder
	tokens := 0 // up to the end of a thought
	for i, id := range g.Tokens {
		before := max(0, text.Len()-len(thinkEnd)+1)
		text.WriteString(l.generator.Token(id))
		if strings.Contains(text.String()[before:], thinkEnd) {
			tokens = i + 1
		}
	}
	if tokens == 0 { // cut off before it
		return len(g.Tokens)
	}
	return tokens
}
