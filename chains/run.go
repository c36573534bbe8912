package chains

// One run of a team: agent by agent through plugin.LLM, the way any app would do it. An agent's answer, a handle or a
// text, goes into the prompt of the next.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
)

// ErrNoQuestion is returned for a question without a word in it.
var ErrNoQuestion = errors.New("the question is empty; ask something")

// Run has the team answer question. Options add to those of WithSampling. Errors name the role that was at work and
// wrap the model's; no memory is left behind on any way out. In the result of a failed run are the agents that were
// done before.
//
// Tools, functions, JSON mode, a schema and streaming functions are for the answer, so only the last agent gets them; stop
// words hold for all that write.
func (s *Sequential) Run(ctx context.Context, question string, opts ...llms.CallOption) (result Result, err error) {
	r := run{Sequential: s, started: time.Now(), question: strings.TrimSpace(question)}
	if r.question == "" {
		return result, ErrNoQuestion
	}
	for _, opt := range append(append([]llms.CallOption(nil), s.sampling...), opts...) {
		if opt != nil {
			opt(&r.options)
		}
	}
	if r.options.MaxTokens == 0 {
		r.options.MaxTokens = s.limit
	}
	defer func() {
		if failed := r.release(); err == nil {
			err = failed
		}
	}()
	for i := range s.agents {
		report, err := r.work(ctx, i)
		if err != nil {
			return r.result, fmt.Errorf("%s: %w", s.agents[i].role.Name, err)
		}
		r.result.Agents = append(r.result.Agents, report)
		r.emit(Event{Agent: i, Role: report.Role, Phase: PhaseDone, Report: report})
	}
	r.result.Seconds = time.Since(r.started).Seconds()
	return r.result, nil
}

// run is a run under way.
type run struct {
	*Sequential
	started  time.Time
	question string
	options  llms.CallOptions
	handle   string   // what the agent before handed over, in latent teams
	notes    []string // what the agents so far wrote, in text teams
	result   Result
}

// work has agent i do its part.
func (r *run) work(ctx context.Context, i int) (AgentResult, error) {
	a := r.agents[i]
	r.emit(Event{Agent: i, Role: a.role.Name, Phase: PhaseStart})
	messages, err := r.messages(a)
	if err != nil {
		return AgentResult{}, err
	}
	last := i == len(r.agents)-1
	model := r.llm.Text()
	if r.mode == Latent && !last {
		model = r.llm.Latent(a.steps, plugin.WithThoughts(a.thoughts), plugin.WithOnStep(func(step int) {
			r.emit(Event{Agent: i, Role: a.role.Name, Phase: PhaseStep, Step: step})
		}))
	}
	started := time.Now()
	response, err := model.GenerateContent(ctx, messages, llms.WithOptions(r.optionsFor(i, last)))
	if err != nil {
		return AgentResult{}, err
	}
	choice := response.Choices[0]
	if why, inWords := choice.GenerationInfo["TextBecause"]; inWords {
		return AgentResult{}, fmt.Errorf("it answered in text because of %v, where a memory is to be handed over", why)
	}
	cost, _ := plugin.ReportOf(choice)
	report := AgentResult{
		Role: a.role.Name, Usage: cost.Usage, Times: cost.Times, Seconds: time.Since(started).Seconds(),
		SettledAt: cost.SettledAt, HandedOver: cost.Usage.MemoryBytes, HandedOverTokens: cost.MemoryTokens,
	}
	switch {
	case last:
		report.Text, report.StopReason = choice.Content, choice.StopReason
		r.result.Answer, r.result.ToolCalls = strings.TrimSpace(choice.Content), choice.ToolCalls
		r.result.FirstToken = started.Sub(r.started) + cost.FirstToken
	case r.mode == Text:
		report.Text, report.StopReason = choice.Content, choice.StopReason
		r.notes = append(r.notes, fmt.Sprintf("[%s]\n%s", a.role.Name, strings.TrimSpace(choice.Content)))
	default:
		before := r.handle
		r.handle = choice.Content
		if before != "" {
			return report, r.llm.Release(before)
		}
	}
	return report, nil
}

// messages returns the agent's prompt, after the memory it was handed, if any.
func (r *run) messages(a agent) ([]llms.MessageContent, error) {
	v := view{question: r.question, notes: strings.Join(r.notes, "\n\n"), latent: r.handle != ""}
	system, err := a.system.with(v)
	if err != nil {
		return nil, err
	}
	task, err := a.task.with(v)
	if err != nil {
		return nil, err
	}
	if r.handle != "" {
		task = r.handle + "\n" + task
	}
	var messages []llms.MessageContent
	if system != "" {
		messages = append(messages, llms.TextParts(llms.ChatMessageTypeSystem, system))
	}
	return append(messages, llms.TextParts(llms.ChatMessageTypeHuman, task)), nil
}

// optionsFor returns the options of agent i. What it writes goes to the progress and, if it is the last one, to the
// caller's own functions. One answer is all that can be handed on, what the answer must fit is for the last one, as tools
// are, and stop words are for words.
func (r *run) optionsFor(i int, last bool) llms.CallOptions {
	o := r.options
	o.N, o.CandidateCount = 0, 0
	if !last {
		o.StreamingFunc, o.StreamingReasoningFunc = nil, nil
		o.JSONMode, o.ResponseMIMEType = false, ""
		o.Tools, o.ToolChoice, o.Functions, o.FunctionCallBehavior = nil, nil, nil, ""
		o.Metadata = maps.Clone(o.Metadata)
		delete(o.Metadata, "schema")
		delete(o.Metadata, "grammar")
		if r.mode == Latent {
			o.StopWords = nil
		}
	}
	forward := o.StreamingFunc
	if r.progress != nil {
		o.StreamingFunc = func(ctx context.Context, chunk []byte) error {
			r.emit(Event{Agent: i, Role: r.agents[i].role.Name, Phase: PhaseToken, Text: string(chunk)})
			if forward != nil {
				return forward(ctx, chunk)
			}
			return nil
		}
	}
	return o
}

func (r *run) emit(e Event) {
	if r.progress != nil {
		r.progress(e)
	}
}

// release lets go of the handle that is still held.
func (r *run) release() error {
	if r.handle == "" {
		return nil
	}
	return r.llm.Release(r.handle)
}
