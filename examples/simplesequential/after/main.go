// Three agents in a row, each given what the one before it gave: SimpleSequentialChain.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/latentchain/latentchain/plugin"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/prompts"
)

func main() {
	llm, err := plugin.New()
	if err != nil {
		log.Fatal(err)
	}
	title, err := write(context.Background(), llm.Latent(8), llm, "a lighthouse keeper who is afraid of the dark")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(title)
}

// write has two agents think about a story and a third one name it.
func write(ctx context.Context, thinker, writer llms.Model, about string) (string, error) {
	agent := func(llm llms.Model, prompt string) chains.Chain {
		return chains.NewLLMChain(llm, prompts.NewPromptTemplate(prompt, []string{"before"}))
	}
	team, err := chains.NewSimpleSequentialChain([]chains.Chain{
		agent(thinker, "Think of a short story about {{.before}}."),
		agent(thinker, "{{.before}}\nWhat would make this story better?"),
		agent(writer, "{{.before}}\nGive the story a title of a few words. Say nothing but the title."),
	})
	if err != nil {
		return "", err
	}
	return chains.Run(ctx, team, about)
}
