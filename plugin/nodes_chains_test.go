package plugin_test

// Chains that pass what one agent gives to the next.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/prompts"
	"github.com/tmc/langchaingo/schema"

	"github.com/latentchain/latentchain/plugin"
)

var chainNodes = []node{
	{name: "LLMChain, one after the other by hand", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		return speakOver(ctx, thinker, speaks(speaker, "{{.plan}}\n"+nameIt))
	}},
	{name: "SequentialChain", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		c, err := chains.NewSequentialChain([]chains.Chain{thinks(thinker), speaks(speaker, nameIt+"\n{{.plan}}")}, []string{"input"}, []string{"text"})
		if err != nil {
			return "", err
		}
		return chains.Run(ctx, c, thought)
	}},
	{name: "SequentialChain whose second chain wants an earlier key too (langchaingo drops it)", outcome: refuses, want: "missing key in input values: input",
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			second := chains.NewLLMChain(speaker, prompts.NewPromptTemplate("{{.plan}}{{.input}}", []string{"plan", "input"}))
			c, err := chains.NewSequentialChain([]chains.Chain{thinks(thinker), second}, []string{"input"}, []string{"text"})
			if err != nil {
				return "", err
			}
			return chains.Run(ctx, c, thought)
		}},
	{name: "SimpleSequentialChain of three", outcome: carries,
		says: func(seen string) string {
			if seen == inMind+"user: Go on.\n···user: "+nameIt+"\n" {
				return "heron"
			}
			return "saw " + seen
		},
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			c, err := chains.NewSimpleSequentialChain([]chains.Chain{
				thinks(thinker), speaks(thinker, "{{.plan}}\nGo on."), speaks(speaker, "{{.plan}}\n"+nameIt),
			})
			if err != nil {
				return "", err
			}
			return chains.Run(ctx, c, thought)
		}},
	{name: "Apply, five at a time", outcome: carries, want: "user: 0\n···, user: 1\n···, user: 2\n···, user: 3\n···, user: 4\n···, user: 5\n···",
		says: func(seen string) string {
			before, _, _ := strings.Cut(seen, "user: "+nameIt)
			return before
		},
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			var inputs []map[string]any
			for i := range 6 {
				inputs = append(inputs, map[string]any{"input": fmt.Sprint(i)})
			}
			plans, err := chains.Apply(ctx, thinks(thinker), inputs, 5)
			if err != nil {
				return "", err
			}
			answers, err := chains.Apply(ctx, speaks(speaker, "{{.plan}}\n"+nameIt), plans, 5)
			if err != nil {
				return "", err
			}
			var all []string
			for _, a := range answers {
				all = append(all, a["text"].(string))
			}
			return strings.Join(all, ", "), nil
		}},
	{name: "MapReduceDocuments: latent readers, one speaker over all", outcome: carries, want: "user: one\n···user: two\n···user: three\n···",
		says: func(seen string) string {
			before, _, _ := strings.Cut(seen, "user: "+nameIt)
			return before
		},
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			c := chains.NewMapReduceDocuments(
				chains.NewLLMChain(thinker, prompts.NewPromptTemplate("{{.context}}", []string{"context"})),
				chains.NewStuffDocuments(chains.NewLLMChain(speaker, prompts.NewPromptTemplate(nameIt+"{{.context}}", []string{"context"}))))
			c.MaxNumberOfConcurrent = 2
			out, err := chains.Call(ctx, c, map[string]any{"input_documents": documents("one", "two", "three")})
			return fmt.Sprint(out["text"]), err
		}},
	{name: "RefineDocuments: a latent first reader, speakers after it", outcome: carries, want: "heron",
		run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
			c := chains.NewRefineDocuments(
				chains.NewLLMChain(thinker, prompts.NewPromptTemplate("{{.context}}", []string{"context"})),
				chains.NewLLMChain(speaker, prompts.NewPromptTemplate("{{.existing_answer}}\n{{.context}}", []string{"existing_answer", "context"})))
			out, err := chains.Call(ctx, c, map[string]any{"input_documents": documents(thought, nameIt)})
			return fmt.Sprint(out["text"]), err
		}},
	{name: "RetrievalQA and StuffDocuments, the handle in the question", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		return chains.Run(ctx, chains.NewRetrievalQAFromLLM(speaker, shelf(documents("Herons fish."))), plan+" "+nameIt)
	}},
	{name: "Transform that hands it on", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		upper := chains.NewTransform(func(_ context.Context, in map[string]any, _ ...chains.ChainCallOption) (map[string]any, error) {
			return map[string]any{"shout": strings.ToUpper(in["plan"].(string))}, nil
		}, []string{"plan"}, []string{"shout"})
		last := chains.NewLLMChain(speaker, prompts.NewPromptTemplate("{{.shout}}", []string{"shout"}))
		c, err := chains.NewSimpleSequentialChain([]chains.Chain{thinks(thinker), upper, last})
		if err != nil {
			return "", err
		}
		return chains.Run(ctx, c, thought)
	}},
	{name: "Transform or splitter that cuts it: the first piece", outcome: refuses, want: damaged, run: piece(0, 12)},
	{name: "Transform or splitter that cuts it: the last piece, of 20 characters or more", outcome: refuses, want: damaged, run: piece(-24, 24)},
	{name: "Transform or splitter that cuts it: a piece from the middle", outcome: loses, want: "no idea", run: piece(20, 20)},
	{name: "Constitutional: the chain's speaker and its critics over a latent plan", outcome: carries, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		c := chains.NewConstitutional(speaker, *speaks(speaker, "{{.plan}}\n"+nameIt),
			[]chains.ConstitutionalPrinciple{chains.NewConstitutionalPrinciple("Is it a bird?", "Name a bird.")}, nil)
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		out, err := chains.Call(ctx, c, map[string]any{"plan": plan})
		return fmt.Sprint(out["output"]), err
	}},
	{name: "a memory that was released", outcome: refuses, want: gone, run: func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		if err := thinker.Release(plan); err != nil {
			return "", err
		}
		return chains.Run(ctx, speaks(speaker, "{{.plan}}"), plan)
	}},
}

// speakOver has thinker think and hands its plan to c.
func speakOver(ctx context.Context, thinker llms.Model, c chains.Chain) (string, error) {
	plan, err := chains.Run(ctx, thinks(thinker), thought)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(plan, "⟦latent:") {
		return "", errors.New("the thinker's answer is not a handle: " + plan)
	}
	return chains.Run(ctx, c, plan)
}

// piece hands on some of a handle's characters, counted from the end if from is negative.
func piece(from, length int) func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
	return func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error) {
		plan, err := thinker.Call(ctx, thought)
		if err != nil {
			return "", err
		}
		runes := []rune(plan)
		if from < 0 {
			runes = runes[len(runes)+from:]
		} else {
			runes = runes[from:]
		}
		runes = runes[:min(length, len(runes))]
		return chains.Run(ctx, speaks(speaker, "{{.plan}}\n"+nameIt), string(runes))
	}
}

func documents(texts ...string) (docs []schema.Document) {
	for _, text := range texts {
		docs = append(docs, schema.Document{PageContent: text})
	}
	return docs
}

// shelf is a retriever that finds all its documents.
type shelf []schema.Document

func (s shelf) GetRelevantDocuments(context.Context, string) ([]schema.Document, error) {
	return s, nil
}
