// Many inputs at once through a chain of two agents: Apply.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
	"github.com/tmc/langchaingo/prompts"
)

func main() {
	llm, err := openai.New()
	if err != nil {
		log.Fatal(err)
	}
	answers, err := quote(context.Background(), llm, llm, []string{"It broke after a day.", "Best kettle I ever had.", "It is a kettle."})
	if err != nil {
		log.Fatal(err)
	}
	for _, answer := range answers {
		fmt.Println(answer)
	}
}

// quote has one agent read each review and another say what is in it.
func quote(ctx context.Context, reader, speaker llms.Model, reviews []string) ([]string, error) {
	team, err := chains.NewSimpleSequentialChain([]chains.Chain{
		chains.NewLLMChain(reader, prompts.NewPromptTemplate("Read this review of a kettle: {{.review}}\nHow does its writer feel?", []string{"review"})),
		chains.NewLLMChain(speaker, prompts.NewPromptTemplate("{{.feeling}}\nWhat does the review say, word for word?", []string{"feeling"})),
	})
	if err != nil {
		return nil, err
	}
	var inputs []map[string]any
	for _, review := range reviews {
		inputs = append(inputs, map[string]any{"input": review})
	}
	results, err := chains.Apply(ctx, team, inputs, 3)
	if err != nil {
		return nil, err
	}
	var answers []string
	for _, result := range results {
		answers = append(answers, result["output"].(string))
	}
	return answers, nil
}
