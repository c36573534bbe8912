package plugin_test

// Every kind of node of langchaingo v0.1.14 between a latent agent and one that speaks: chains here, templates, parsers,
// memories and agents in the files beside this one. The engine is scripted, so that what a node does to a handle is all
// that is tested: the speaker says "heron" if it sees what the thinker was told and thought, and nothing else proves a
// hand-off. docs/nodes.md holds the table for readers.

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/prompts"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

var update = flag.Bool("update", false, "write docs/nodes.md's tables anew")

// What may become of a hand-off at a node.
const (
	carries = "carries it"       // the speaker has the memory
	text    = "gets text"        // a latent model there answers in text, over the memory
	refuses = "refuses"          // an error that says what is wrong
	loses   = "cannot be helped" // nothing of the handle is left to be noticed; the table warns of it
)

// node is one row of the table.
type node struct {
	name    string
	outcome string
	// run wires the node between a model that thinks and one that speaks, both on one engine, and returns the app's
	// answer.
	run func(ctx context.Context, thinker, speaker *plugin.LLM) (string, error)
	// want is the answer, "heron" if empty; for refuses what the error says.
	want string
	// says overrides what the engine says, given all it sees. It is asked for text only.
	says func(seen string) string
}

const (
	thought   = "Think of a heron."                  // what thinkers are told
	inMind    = "user: " + thought + "\n···"         // what is in mind after it, with three latent steps
	mostCalls = 12                                   // of the engine by one node; more is a loop
	nameIt    = "Which bird do you have in mind?"    // what speakers are asked
	gone      = "the memory behind handle \"⟦latent" // the error for a memory that is no more
	damaged   = "is cut short or changed"            // the error for a handle that is no more
)

// knows says whether the heron's memory comes before all that is asked.
func knows(seen string) bool { return strings.HasPrefix(seen, inMind) }

// sayIfKnown answers with one text over the memory and with another without it.
func sayIfKnown(known string) func(string) string {
	return func(seen string) string {
		if knows(seen) {
			return known
		}
		return "no idea"
	}
}

// allNodes are the tables in the order of docs/nodes.md.
var allNodes = []struct {
	title string
	nodes []node
}{
	{"Chains", chainNodes},
	{"Templates", templateNodes},
	{"Parsers and routers", parserNodes},
	{"Memories, embedders and the cache", memoryNodes},
	{"Agents", agentNodes},
}

func TestEveryNodeCarriesRefusesOrGetsText(t *testing.T) {
	for _, table := range allNodes {
		for _, n := range table.nodes {
			t.Run(table.title+"/"+n.name, func(t *testing.T) { n.check(t) })
		}
	}
}

func (n node) check(t *testing.T) {
	says := n.says
	if says == nil {
		says = sayIfKnown("heron")
	}
	var calls atomic.Int64
	e := &scripted.Engine{
		Answer: func(seen string) string {
			if strings.ContainsAny(seen, "⟦⟧") && n.outcome != loses {
				t.Errorf("the model reads a handle or a piece of one: %q", seen)
			}
			return says(seen)
		},
		Fail: func(string) error {
			if calls.Add(1) > mostCalls*3 { // prompt, join and think or generate
				return errors.New("it loops")
			}
			return nil
		},
	}
	llm := on(t, e)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	answer, err := n.run(ctx, llm.Latent(3), llm)
	if strings.Contains(answer, "latent:") {
		t.Errorf("the answer is a handle: %q", answer)
	}
	if calls.Load() > mostCalls*3 {
		t.Errorf("%d calls of the engine; it loops", calls.Load())
	}
	if n.outcome == refuses {
		if err == nil || n.want == "" || !strings.Contains(err.Error(), n.want) {
			t.Errorf("got %q, %v; want an error with %q", answer, err, n.want)
		}
		return
	}
	want := n.want
	if want == "" {
		want = "heron"
	}
	if err != nil || answer != want {
		t.Errorf("got %q, %v; want %q", answer, err, want)
	}
}

// thinks is a chain of one latent agent that needs {{.input}} and gives "plan".
func thinks(thinker llms.Model) *chains.LLMChain {
	c := chains.NewLLMChain(thinker, prompts.NewPromptTemplate("{{.input}}", []string{"input"}))
	c.OutputKey = "plan"
	return c
}

// speaks is a chain of one agent that needs "plan" where template says and gives "text".
func speaks(speaker llms.Model, template string) *chains.LLMChain {
	return chains.NewLLMChain(speaker, prompts.NewPromptTemplate(template, []string{"plan"}))
}

// TestNodesTableInDocs keeps the page for readers equal to what is tested: go test ./plugin -run Docs -update.
func TestNodesTableInDocs(t *testing.T) {
	const file, begin = "../docs/nodes.md", "<!-- from here on written by plugin/nodes_test.go -->\n"
	var tables strings.Builder
	for _, table := range allNodes {
		fmt.Fprintf(&tables, "\n## %s\n\n| Node | Hand-off |\n|---|---|\n", table.title)
		for _, n := range table.nodes {
			outcome := n.outcome
			if n.outcome == refuses {
				outcome += ": `" + n.want + "`"
			}
			fmt.Fprintf(&tables, "| %s | %s |\n", strings.ReplaceAll(n.name, "|", `\|`), outcome)
		}
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, got, found := strings.Cut(string(page), begin)
	if !found {
		t.Fatalf("%s: no line %q", file, begin)
	}
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+tables.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != tables.String() {
		t.Errorf("%s differs from what is tested; run go test ./plugin -run Docs -update", file)
	}
}
