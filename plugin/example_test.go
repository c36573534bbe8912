package plugin_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

// One agent thinks, another answers over what the first one has in mind. The scripted engine stands for a real one.
func ExampleLLM_Latent() {
	llm, err := plugin.New(plugin.WithGenerator(&scripted.Engine{Answer: func(seen string) string { return seen }}))
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()
	ctx := context.Background()
	handle, err := llm.Latent(4).Call(ctx, "Think about tea.")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.HasPrefix(handle, "⟦latent:"))
	answer, err := llms.GenerateFromSinglePrompt(ctx, llm, handle+"\nWhat is on your mind?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(answer)
	// Output:
	// true
	// user: Think about tea.
	// ····user: What is on your mind?
}

// An answer that fits a JSON Schema, whatever the model would rather say.
func ExampleLLM_GenerateContent_schema() {
	llm, err := plugin.New(plugin.WithGenerator(&scripted.Engine{Answer: func(string) string { return `{"city": "Paris", and so on` }}))
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()
	answer, err := llms.GenerateFromSinglePrompt(context.Background(), llm, "Where is the Louvre, and how far is that in km?", llms.WithMetadata(map[string]any{
		"schema": `{"type": "object", "required": ["city", "km"], "additionalProperties": false,
			"properties": {"city": {"type": "string"}, "km": {"type": "integer", "minimum": 1}}}`,
	}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
	// Output: {"city": "Paris", "km":1}
}
