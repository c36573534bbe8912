// An agent that calls functions, with a calculator for one: OpenAIFunctionsAgent.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/tmc/langchaingo/agents"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
	"github.com/tmc/langchaingo/tools"
)

func main() {
	llm, err := openai.New()
	if err != nil {
		log.Fatal(err)
	}
	answer, err := compute(context.Background(), llm, "How much is 17 times 23?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}

func compute(ctx context.Context, llm llms.Model, question string) (string, error) {
	agent := agents.NewOpenAIFunctionsAgent(llm, []tools.Tool{tools.Calculator{}})
	return chains.Run(ctx, agents.NewExecutor(agent, agents.WithMaxIterations(3)), question)
}
