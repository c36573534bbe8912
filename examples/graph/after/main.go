// A graph of agents that pass messages along its edges: langgraphgo's MessageGraph.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/latentchain/latentchain/plugin"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langgraphgo/graph"
)

func main() {
	llm, err := plugin.New()
	if err != nil {
		log.Fatal(err)
	}
	answer, err := advise(context.Background(), llm.Latent(8), llm, "Should I take an umbrella to Bergen in October?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}

func advise(ctx context.Context, thinker, adviser llms.Model, question string) (string, error) {
	g := graph.NewMessageGraph()
	g.AddNode("think", agent(thinker, "Think about what matters for an answer."))
	g.AddNode("advise", agent(adviser, "Answer the question in one sentence."))
	g.AddEdge("think", "advise")
	g.AddEdge("advise", graph.END)
	g.SetEntryPoint("think")
	team, err := g.Compile()
	if err != nil {
		return "", err
	}
	messages, err := team.Invoke(ctx, []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, question)})
	if err != nil {
		return "", err
	}
	return messages[len(messages)-1].Parts[0].(llms.TextContent).Text, nil
}

// agent is a node that answers what it is told, with all messages so far before it.
func agent(llm llms.Model, told string) func(context.Context, []llms.MessageContent) ([]llms.MessageContent, error) {
	return func(ctx context.Context, messages []llms.MessageContent) ([]llms.MessageContent, error) {
		messages = append(messages, llms.TextParts(llms.ChatMessageTypeHuman, told))
		response, err := llm.GenerateContent(ctx, messages)
		if err != nil {
			return nil, err
		}
		return append(messages, llms.TextParts(llms.ChatMessageTypeAI, response.Choices[0].Content)), nil
	}
}
