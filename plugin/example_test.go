package plugin_test

import (
	"context"
	"fmt"
	"log"
	"os"
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

// Memories on disk: what one process thought, another one goes on from.
func ExampleOpenStore() {
	dir, err := os.MkdirTemp("", "store") // its own, 0700
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	session := func(prompt string, latent bool, opts ...plugin.Option) string {
		store, err := plugin.OpenStore(dir, 1<<30)
		if err != nil {
			log.Fatal(err)
		}
		defer store.Close()
		engine := &scripted.Engine{Answer: func(seen string) string { return seen }}
		llm, err := plugin.New(append(opts, plugin.WithGenerator(engine), plugin.WithStore(store))...)
		if err != nil {
			log.Fatal(err)
		}
		defer llm.Close()
		if latent {
			llm = llm.Latent(4)
		}
		answer, err := llm.Call(ctx, prompt)
		if err != nil {
			log.Fatal(err)
		}
		return answer
	}
	handle := session("Think about tea.", true)
	fmt.Print(session(handle+"\nWhat is on your mind?", false, plugin.WithForeignHandles()))
	// Output:
	// user: Think about tea.
	// ····user: What is on your mind?
}
