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
