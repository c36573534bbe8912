package plugin_test

// Parsers and routers: code that reads an answer. It needs a speaker; over a latent model it says so.

import (
	"context"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/outputparser"
	"github.com/tmc/langchaingo/prompts"
	"github.com/tmc/langchaingo/schema"

	"github.com/latentchain/latentchain/plugin"
)

var (
	structured = outputparser.NewStructured([]outputparser.ResponseSchema{{Name: "bird", Description: "the bird in mind"}})
	birdRegex  = outputparser.NewRegexParser(`bird: (?P<bird>\w+)`)
	birdDict   = outputparser.NewRegexDict(map[string]string{"bird": "bird"}, "none")
	both       = outputparser.NewCombining([]schema.OutputParser[any]{birdRegex, outputparser.NewRegexParser(`legs: (?P<legs>\d)`)})
)

var parserNodes = []node{
	{name: "Simple after a latent model", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		parsed, err := outputparser.NewSimple().Parse("\n " + plan + "\n")
		if err != nil {
			return "", err
		}
		return speaker.Call(ctx, parsed.(string)+nameIt)
	}},
	{name: "CommaSeparatedList after a latent model", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		parts, err := outputparser.NewCommaSeparatedList().Parse(plan)
		if err != nil || len(parts) != 1 {
			return fmt.Sprint(parts), err
		}
		return speaker.Call(ctx, parts[0]+nameIt)
	}},
	{name: "CommaSeparatedList after a speaker", outcome: carries, want: "[heron egret]", says: sayIfKnown("heron, egret"),
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			answer, err := speakOver(ctx, thinker, speaks(speaker, "{{.plan}}"+nameIt))
			if err != nil {
				return "", err
			}
			parts, err := outputparser.NewCommaSeparatedList().Parse(answer)
			return fmt.Sprint(parts), err
		}},
	{name: "Defined after a speaker", outcome: carries, want: "heron", says: sayIfKnown("```json\n{\"bird\": \"heron\"}\n```"), run: defined(false)},
	{name: "Defined after a latent model", outcome: refuses, want: "input text should start with", run: defined(true)},
	parses("Boolean", outputparser.NewBooleanParser(), "Yes", "true"),
	refusesToParse("Boolean", outputparser.NewBooleanParser(), "Expected output to one of"),
	parses("Regex", birdRegex, "bird: heron", "map[bird:heron]"),
	refusesToParse("Regex", birdRegex, "No match found"),
	parses("RegexDict", birdDict, "bird: heron", "map[bird:heron]"),
	refusesToParse("RegexDict", birdDict, "No match found"),
	parses("Structured", structured, "```json\n{\"bird\": \"heron\"}\n```", "map[bird:heron]"),
	refusesToParse("Structured", structured, "at start of output"),
	parses("Combining", both, "bird: heron\n\nlegs: 2", "map[bird:heron legs:2]"),
	refusesToParse("Combining", both, "does not match parsers count"),

	{name: "ConditionalPromptSelector", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		ours := func(m llms.Model) bool { _, ok := m.(*plugin.LLM); return ok }
		selector := chains.ConditionalPromptSelector{
			DefaultPrompt: prompts.NewPromptTemplate("none of {{.plan}}", []string{"plan"}),
			Conditionals: []struct {
				Condition func(llms.Model) bool
				Prompt    prompts.PromptTemplate
			}{{ours, prompts.NewPromptTemplate("{{.plan}}\n"+nameIt, []string{"plan"})}},
		}
		return speakOver(ctx, thinker, chains.NewLLMChain(speaker, selector.GetPrompt(speaker)))
	}},
	{name: "a router that goes by a speaker's word", outcome: carries, run: route(false),
		says: func(seen string) string {
			switch {
			case strings.Contains(seen, "Bird or fish?"):
				return sayIfKnown("bird")(seen)
			case strings.Contains(seen, nameIt):
				return sayIfKnown("heron")(seen)
			}
			return "no idea"
		}},
	{name: "a router that goes by a latent model's word", outcome: refuses, want: "no way leads to", run: route(true)},
	{name: "LLMMathChain over a speaker", outcome: carries, want: "4", says: sayIfKnown("```starlark\n2 * 2\n```"),
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			plan, err := thinker.Call(ctx, thought)
			if err != nil {
				return "", err
			}
			return chains.Run(ctx, chains.NewLLMMathChain(speaker), plan+" How many legs have two?")
		}},
	{name: "LLMMathChain over a latent model", outcome: refuses, want: "unknown format from LLM",
		run: func(ctx context.Context, thinker, _ *plugin.LLM) (string, error) {
			return chains.Run(ctx, chains.NewLLMMathChain(thinker), "How many legs have two?")
		}},
	{name: "MapRerankDocuments over speakers", outcome: carries, want: "heron", says: sayIfKnown(" heron\nScore: 90"), run: rerank(false)},
	{name: "MapRerankDocuments over a latent model", outcome: refuses, want: "No match found", run: rerank(true)},
	{name: "APIChain over a latent model", outcome: refuses, want: "unexpected end of JSON input",
		run: func(ctx context.Context, thinker, _ *plugin.LLM) (string, error) {
			out, err := chains.Call(ctx, chains.NewAPIChain(thinker, nil), map[string]any{"api_docs": "x", "input": "y"})
			return fmt.Sprint(out["answer"]), err
		}},
}

// parses is a parser over a speaker that says answer.
func parses(name string, p schema.OutputParser[any], answer, want string) node {
	return node{name: name + " after a speaker", outcome: carries, want: want, says: sayIfKnown(answer),
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			c := speaks(speaker, "{{.plan}}\n"+nameIt)
			c.OutputParser = p
			plan, err := thinker.Call(ctx, thought)
			if err != nil {
				return "", err
			}
			out, err := chains.Call(ctx, c, map[string]any{"plan": plan})
			return fmt.Sprint(out["text"]), err
		}}
}

// refusesToParse is a parser over a latent model.
func refusesToParse(name string, p schema.OutputParser[any], want string) node {
	return node{name: name + " after a latent model", outcome: refuses, want: want,
		run: func(ctx context.Context, thinker, _ *plugin.LLM) (string, error) {
			c := thinks(thinker)
			c.OutputParser = p
			out, err := chains.Call(ctx, c, map[string]any{"input": thought})
			return fmt.Sprint(out["plan"]), err
		}}
}

// defined parses JSON into a struct.
func defined(latent bool) func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
	type answer struct {
		Bird string `json:"bird"`
	}
	return func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		said, err := thinker.Call(ctx, thought)
		if err == nil && !latent {
			said, err = speaker.Call(ctx, said+nameIt)
		}
		if err != nil {
			return "", err
		}
		p, err := outputparser.NewDefined(answer{})
		if err != nil {
			return "", err
		}
		parsed, err := p.Parse(said)
		return parsed.Bird, err
	}
}

// route asks one model which of two ways to take and has a speaker go it.
func route(byLatent bool) func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
	return func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		judge := speaks(speaker, "{{.plan}}\nBird or fish?")
		if byLatent {
			judge.LLM = thinker
		}
		ways := map[string]*chains.LLMChain{"bird": speaks(speaker, "{{.plan}}\n"+nameIt), "fish": speaks(speaker, "{{.plan}}\nWhich fish?")}
		router := chains.NewTransform(func(ctx context.Context, in map[string]any, _ ...chains.ChainCallOption) (map[string]any, error) {
			to, err := chains.Run(ctx, judge, in["plan"])
			if err != nil {
				return nil, err
			}
			way, ok := ways[to]
			if !ok {
				return nil, fmt.Errorf("no way leads to %q", to)
			}
			return chains.Call(ctx, way, in)
		}, []string{"plan"}, []string{"text"})
		return speakOver(ctx, thinker, router)
	}
}

func rerank(latent bool) func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
	return func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		model, docs := speaker, documents("a", "b")
		if latent {
			model, docs = thinker, docs[:1] // after an error langchaingo leaves the others running
		}
		out, err := chains.Call(ctx, chains.LoadMapRerankQA(model), map[string]any{"question": plan + nameIt, "input_documents": docs})
		return fmt.Sprint(out["text"]), err
	}
}
