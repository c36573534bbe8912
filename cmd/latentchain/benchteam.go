package main

// latentchain bench --team: how long a whole team takes, from the question to the last token. The team comes from a file
// with the token ids of every prompt, so that other programs can do exactly the same work (docs/compare).

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/latentchain/latentchain/xlaengine"
)

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

func readTeam(path string) (team benchTeam, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return team, err
	}
	if err := json.Unmarshal(data, &team); err != nil {
		return team, fmt.Errorf("%s: %w", path, err)
	}
	if len(team.Agents) == 0 {
		return team, fmt.Errorf("%s: there are no agents; want {\"agents\": [{\"ids\": […], \"steps\": 20}, …, {\"ids\": […], \"tokens\": 64}]}", path)
	}
	for i, a := range team.Agents {
		if len(a.IDs) == 0 {
			return team, fmt.Errorf("%s: agent %d has no ids", path, i)
		}
		if last := i == len(team.Agents)-1; last && a.Tokens < 1 {
			return team, errors.New(path + ": the last agent's tokens are not given")
		}
	}
	return team, nil
}

// latent runs the team as it is.
func (t benchTeam) latent(ctx context.Context, e *xlaengine.Engine) (time.Duration, error) {
	start := time.Now()
	memory := e.NewMemory()
	defer func() { memory.Close() }()
	for i, a := range t.Agents {
		if i == len(t.Agents)-1 {
			answer, err := e.Generate(ctx, xlaengine.GenerateRequest{Memory: memory, Prompt: a.IDs, MaxTokens: a.Tokens, PastEnd: t.PastEnd})
			if err != nil {
				return 0, err
			}
			answer.Memory.Close()
			break
		}
		thought, err := e.Think(ctx, xlaengine.ThinkRequest{Memory: memory, Prompt: a.IDs, Steps: a.Steps})
		if err != nil {
			return 0, err
		}
		memory.Close()
		memory = thought.Memory
	}
	return time.Since(start), nil
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
}

func (a *app) benchTeam(ctx context.Context, path string, runs int, withText, asJSON bool) error {
	team, err := readTeam(path)
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	e, err := a.engine(ctx, xlaengine.WithPrefixCache(0)) // every run computes everything
	if err != nil {
		return err
	}
	defer e.Close()
	var latent, text []float64
	for i := range runs + 1 {
		a.show.now(fmt.Sprintf("run %d of %d", i, runs))
		seconds, err := team.latent(ctx, e)
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		if i > 0 { // the first one compiles
			latent = append(latent, seconds.Seconds())
		}
		if !withText {
			continue
		}
		if seconds, err = team.text(ctx, e); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		if i > 0 {
			text = append(text, seconds.Seconds())
		}
	}
	report := benchTeamReport{
		Engine: engineName(e), Model: e.Info().Model.Name, DType: e.Info().DType, Agents: len(team.Agents), Runs: runs,
		Team: middle(latent), Load: seconds(e.Info().Load), Compile: seconds(e.CompileTime()),
	}
	if withText {
		report.Text = middle(text)
		report.Ratio = round(report.Team/report.Text, 3)
	}
	if asJSON {
		return a.printJSON(report)
	}
	fmt.Fprintf(a.out, "%d agents, latent: %.2f s\n", report.Agents, report.Team)
	if withText {
		fmt.Fprintf(a.out, "%d agents, in text: %.2f s, which latent is %.2f of\n", report.Agents, report.Text, report.Ratio)
	}
	return nil
}
