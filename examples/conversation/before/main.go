// A conversation that remembers what was said: ConversationBuffer.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/openai"
	"github.com/tmc/langchaingo/memory"
)

func main() {
	llm, err := openai.New()
	if err != nil {
		log.Fatal(err)
	}
	answers, err := talk(context.Background(), llm, "Hello, my name is Alice.", "What is my name?")
	if err != nil {
		log.Fatal(err)
	}
	for _, answer := range answers {
		fmt.Println(answer)
	}
}

func talk(ctx context.Context, llm llms.Model, turns ...string) (answers []string, err error) {
	conversation := chains.NewConversation(llm, memory.NewConversationBuffer())
	for _, turn := range turns {
		answer, err := chains.Run(ctx, conversation, turn, chains.WithStopWords([]string{"\nHuman:"}))
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}
