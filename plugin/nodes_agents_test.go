package plugin_test

// Agents, whose loop reads what the model says: a latent model there answers in text, and the memory is under it all.

import (
	"context"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/agents"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	langchaintools "github.com/tmc/langchaingo/tools"

	"github.com/latentchain/latentchain/plugin"
)

var agentNodes = []node{
	{name: "OneShotZeroAgent (ReAct) that is a speaker, the handle in its input", outcome: carries, want: "2 legs", says: react("Final Answer:"),
		run: agent(false, func(llm llms.Model) agents.Agent { return agents.NewOneShotAgent(llm, calculator) })},
	{name: "OneShotZeroAgent (ReAct) that is a latent model", outcome: text, want: "2 legs", says: react("Final Answer:"),
		run: agent(true, func(llm llms.Model) agents.Agent { return agents.NewOneShotAgent(llm, calculator) })},
	{name: "ConversationalAgent that is a speaker, the handle in its input", outcome: carries, want: " 2 legs", says: react("AI:"),
		run: agent(false, func(llm llms.Model) agents.Agent { return agents.NewConversationalAgent(llm, calculator) })},
	{name: "ConversationalAgent that is a latent model", outcome: text, want: " 2 legs", says: react("AI:"),
		run: agent(true, func(llm llms.Model) agents.Agent { return agents.NewConversationalAgent(llm, calculator) })},
	{name: "OpenAIFunctionsAgent that is a speaker, the handle in its input", outcome: carries, want: "2 legs", says: calls,
		run: agent(false, func(llm llms.Model) agents.Agent { return agents.NewOpenAIFunctionsAgent(llm, calculator) })},
	{name: "OpenAIFunctionsAgent that is a latent model", outcome: text, want: "2 legs", says: calls,
		run: agent(true, func(llm llms.Model) agents.Agent { return agents.NewOpenAIFunctionsAgent(llm, calculator) })},
	{name: "Initialize, deprecated, with a latent model", outcome: text, want: "2 legs", says: react("Final Answer:"),
		run: func(ctx context.Context, thinker, _ *plugin.LLM) (string, error) {
			//lint:ignore SA1019 apps that exist use it
			e, err := agents.Initialize(thinker, calculator, agents.ZeroShotReactDescription)
			if err != nil {
				return "", err
			}
			return speakOver(ctx, thinker, e)
		}},
	{name: "an agent of latent model whose stop words the app replaced", outcome: refuses, want: "unable to parse agent output", says: react("Final Answer:"),
		run: func(ctx context.Context, thinker, _ *plugin.LLM) (string, error) {
			return chains.Run(ctx, agents.NewExecutor(agents.NewOneShotAgent(thinker, calculator)), nameIt, chains.WithStopWords([]string{"."}))
		}},
	{name: "the same with a handler for answers that don't parse", outcome: refuses, want: "agent not finished before max iterations",
		run: func(ctx context.Context, thinker, _ *plugin.LLM) (string, error) {
			e := agents.NewExecutor(agents.NewOneShotAgent(thinker, calculator), agents.WithParserErrorHandler(agents.NewParserErrorHandler(nil)))
			return chains.Run(ctx, e, nameIt, chains.WithStopWords([]string{"."}))
		}},
	{name: "an agent after a latent planner in a SimpleSequentialChain", outcome: carries, want: "2 legs", says: react("Final Answer:"),
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			c, err := chains.NewSimpleSequentialChain([]chains.Chain{thinks(thinker), agents.NewExecutor(agents.NewOneShotAgent(speaker, calculator))})
			if err != nil {
				return "", err
			}
			return chains.Run(ctx, c, thought)
		}},
}

var calculator = []langchaintools.Tool{langchaintools.Calculator{}}

// react computes 1 + 1 with the calculator and then says what came of it, if the heron is in mind.
func react(final string) func(string) string {
	return func(seen string) string {
		if !knows(seen) {
			return "Do I need to use a tool? No\n" + final + " no idea"
		}
		if strings.Contains(seen, "\nObservation: 2") {
			return "Do I need to use a tool? No\n" + final + " 2 legs"
		}
		return "Do I need to use a tool? Yes\nAction: calculator\nAction Input: 1 + 1\nObservation: 2 and a guess\n" + final + " wrong"
	}
}

// calls computes 1 + 1 by a call and then says what came of it, if the heron is in mind.
func calls(seen string) string {
	switch {
	case !knows(seen):
		return "no idea"
	case strings.Contains(seen, "2") && strings.Contains(seen, "1 + 1"):
		return "2 legs"
	}
	return `{"name": "calculator", "arguments": {"__arg1": "1 + 1"}}`
}

// agent runs one over a latent plan in its input.
func agent(latent bool, of func(llms.Model) agents.Agent) func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
	return func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		model := speaker
		if latent {
			model = thinker
		}
		e := agents.NewExecutor(of(model), agents.WithReturnIntermediateSteps())
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		out, err := chains.Call(ctx, e, map[string]any{"input": plan + "How many legs?"})
		return fmt.Sprint(out["output"]), err
	}
}
