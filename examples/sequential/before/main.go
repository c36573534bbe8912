// A planner makes a plan, a solver answers the question with it: LLMChain and SequentialChain.
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
	answer, err := solve(context.Background(), llm, llm, "A hen lays two eggs a day. How many eggs are there after a week?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}

func solve(ctx context.Context, planner, solver llms.Model, question string) (string, error) {
	plan := chains.NewLLMChain(planner, prompts.NewPromptTemplate(
		"Make a short plan for solving this problem. Do not solve it.\n{{.question}}", []string{"question"}))
	plan.OutputKey = "plan"
	answer := chains.NewLLMChain(solver, prompts.NewPromptTemplate(
		"{{.plan}}\nNow solve the problem and say the number.", []string{"plan"}))
	answer.OutputKey = "answer"
	team, err := chains.NewSequentialChain([]chains.Chain{plan, answer}, []string{"question"}, []string{"answer"})
	if err != nil {
		return "", err
	}
	return chains.Run(ctx, team, question)
}
