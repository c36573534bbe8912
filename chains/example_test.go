package chains_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/latentchain/latentchain/chains"
	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

// A team of two roles. The scripted engine stands for a real one; with plugin.New() it is SmolLM2.
func ExampleNewSequential() {
	llm, err := plugin.New(plugin.WithGenerator(&scripted.Engine{Answer: func(string) string { return "Paris." }}))
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()
	team, err := chains.NewSequential(llm, []chains.Role{
		{Name: "thinker", Task: "Think about this: {{.question}}"},
		{Name: "speaker", Task: "Answer in one word: {{.question}}"},
	}, chains.WithSteps(4))
	if err != nil {
		log.Fatal(err)
	}
	result, err := team.Run(context.Background(), "What is the capital of France?")
	if err != nil {
		log.Fatal(err)
	}
	for _, agent := range result.Agents {
		fmt.Printf("%s: %d latent steps, %d positions handed over\n", agent.Role, agent.Usage.LatentSteps, agent.HandedOverTokens)
	}
	fmt.Println(result.Answer)
	// Output:
	// thinker: 4 latent steps, 59 positions handed over
	// speaker: 0 latent steps, 0 positions handed over
	// Paris.
}

// Words as they come, on a model in a folder.
func ExampleWithProgress() {
	cache, err := os.MkdirTemp("", "latentchain")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(cache)
	engine, err := openTiny(context.Background(), cache)
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	llm, err := plugin.New(plugin.WithEngine(engine))
	if err != nil {
		log.Fatal(err)
	}
	defer llm.Close()
	show := func(e chains.Event) {
		if e.Phase == chains.PhaseDone {
			fmt.Printf("%s is done, %d latent steps\n", e.Role, e.Report.Usage.LatentSteps)
		}
	}
	team, err := chains.NewSequential(llm, chains.DefaultRoles(), chains.WithMaxTokens(4), chains.WithProgress(show))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := team.Run(context.Background(), "How many legs have 3 cats?"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// planner is done, 8 latent steps
	// critic is done, 8 latent steps
	// refiner is done, 8 latent steps
	// solver is done, 0 latent steps
}
