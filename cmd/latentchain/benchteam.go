package main

// latentchain bench --team: how long a whole team takes, from the question to the last token. The team comes from a file
// with the token ids of every prompt, so that other programs can compute the same prompts, thoughts and tokens
// (docs/compare). Unlike the rest of bench it has drafts: several tokens of an answer that repeats itself may come from one
// pass.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/latentchain/latentchain/xlaengine"
)

// teamBench is what the user asked for.
type teamBench struct {
	file   string
	text   bool // time it in text too
	runs   int
	asJSON bool
}

// check refuses flags that would do nothing.
func (t teamBench) check(flags *pflag.FlagSet) error {
	if t.file == "" {
		if t.text {
			return errors.New("--text times a team in text too; say which one with --team FILE")
		}
		return nil
	}
	for _, name := range []string{"prompt", "decode", "latent", "batch", "concurrency"} {
		if flags.Changed(name) {
			return fmt.Errorf("with --team the file says what to do; leave out --%s", name)
		}
	}
	return nil
}

// benchTeam is a team in a file. All agents but the last think, each over the memory of those before it; the last one
// decodes. Other fields of the file are for other programs.
type benchTeam struct {
	PastEnd bool         `json:"pastend"` // decode the last agent's tokens to their number
	Agents  []benchAgent `json:"agents"`
}

type benchAgent struct {
	IDs    []int `json:"ids"`
	Steps  int   `json:"steps"`
	Tokens int   `json:"tokens"`
}

// parseTeam refuses what could not be run, before a model is opened.
func parseTeam(data []byte) (team benchTeam, err error) {
	if err := json.Unmarshal(data, &team); err != nil {
		return team, fmt.Errorf("want a JSON object with a team: %w", err)
	}
	if len(team.Agents) == 0 {
		return team, errors.New(`there are no agents; want {"agents": [{"ids": […], "steps": 20}, …, {"ids": […], "tokens": 64}]}`)
	}
	for i, a := range team.Agents {
		switch last := i == len(team.Agents)-1; {
		case len(a.IDs) == 0:
			return team, fmt.Errorf("agent %d has no ids", i)
		case a.Steps < 0:
			return team, fmt.Errorf("agent %d: steps is %d, want 0 or more", i, a.Steps)
		case last && a.Tokens < 1:
			return team, fmt.Errorf("the last agent's tokens is %d, want 1 or more", a.Tokens)
		}
	}
	return team, nil
}

// latent runs the team as it is and returns the last agent's tokens.
func (t benchTeam) latent(ctx context.Context, e *xlaengine.Engine) (took time.Duration, tokens []int, err error) {
	start := time.Now()
	memory := e.NewMemory()
	defer func() { memory.Close() }()
	for i, a := range t.Agents {
		if i == len(t.Agents)-1 {
			answer, err := e.Generate(ctx, xlaengine.GenerateRequest{Memory: memory, Prompt: a.IDs, MaxTokens: a.Tokens, PastEnd: t.PastEnd})
			if err != nil {
				return 0, nil, err
			}
			answer.Memory.Close()
			tokens = answer.Tokens
			break
		}
		thought, err := e.Think(ctx, xlaengine.ThinkRequest{Memory: memory, Prompt: a.IDs, Steps: a.Steps})
		if err != nil {
			return 0, nil, err
		}
		memory.Close()
		memory = thought.Memory
	}
	return time.Since(start), tokens, nil
}

// text runs the team with every agent answering in text, as many tokens as the last one. Each has the answers of those
// before it in its prompt.
func (t benchTeam) text(ctx context.Context, e *xlaengine.Engine) (time.Duration, error) {
	start := time.Now()
	most := t.Agents[len(t.Agents)-1].Tokens
	var said []int
	for _, a := range t.Agents {
		prompt := append(append([]int(nil), said...), a.IDs...)
		answer, err := e.Generate(ctx, xlaengine.GenerateRequest{Memory: e.NewMemory(), Prompt: prompt, MaxTokens: most, PastEnd: t.PastEnd})
		if err != nil {
			return 0, err
		}
		answer.Memory.Close()
		said = append(said, answer.Tokens...)
	}
	return time.Since(start), nil
}

// benchTeamReport has wall times, each the median of the runs.
type benchTeamReport struct {
	Engine  string  `json:"engine"`
	Model   string  `json:"model"`
	DType   string  `json:"dtype"`
	Agents  int     `json:"agents"`
	Runs    int     `json:"runs"`
	Team    float64 `json:"team_seconds"`
	Text    float64 `json:"text_seconds,omitempty"` // the same agents in text, each with the last one's number of tokens
	Ratio   float64 `json:"ratio,omitempty"`        // latent to text
	Load    float64 `json:"load_seconds"`
	Compile float64 `json:"compile_seconds"`
	Drafts  bool    `json:"drafts"`     // were on
	Answer  []int   `json:"answer_ids"` // of the latent team's last agent, in the last run
}

func (a *app) benchTeam(ctx context.Context, asked teamBench, opts []xlaengine.Option) error {
	team, err := readFile(ctx, a, asked.file, parseTeam)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	e, err := a.engine(ctx, append(opts, xlaengine.WithPrefixCache(0))...) // every run computes every prompt
	if err != nil {
		return err
	}
	defer e.Close()
	var latent, text []float64
	var answer []int
	for i := range asked.runs + 1 {
		a.show.phase(runText(i, asked.runs) + "latent")
		seconds, tokens, err := team.latent(ctx, e)
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		answer = tokens
		if i > 0 { // the first one compiles
			latent = append(latent, seconds.Seconds())
		}
		if !asked.text {
			continue
		}
		a.show.phase(runText(i, asked.runs) + "in text")
		if seconds, err = team.text(ctx, e); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		if i > 0 {
			text = append(text, seconds.Seconds())
		}
	}
	report := benchTeamReport{
		Engine: engineName(e), Model: e.Info().Model.Name, DType: strings.ToLower(e.Info().DType), Agents: len(team.Agents), Runs: asked.runs,
		Team: round(middle(latent), 3), Load: seconds(e.Info().Load), Compile: seconds(e.CompileTime()), Drafts: true, Answer: answer,
	}
	if asked.text {
		report.Text = round(middle(text), 3)
		report.Ratio = round(middle(latent)/middle(text), 3)
	}
	if asked.asJSON {
		return a.printJSON(report)
	}
	fmt.Fprintf(a.out, "%d agents, latent: %.2f s\n", report.Agents, report.Team)
	if asked.text {
		fmt.Fprintf(a.out, "%d agents, in text: %.2f s; latent takes %.2f of that\n", report.Agents, report.Text, report.Ratio)
	}
	return nil
}
