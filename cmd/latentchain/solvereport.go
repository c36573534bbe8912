package main

// What solve prints at its end: the cost of each agent, modes side by side, or all of it as JSON.

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"github.com/latentchain/latentchain/chains"
	"github.com/latentchain/latentchain/xlaengine"
)

// solveReport is what --json prints: with --compare the runs in a list, else the fields of the one run among its own.
type solveReport struct {
	Question string `json:"question"`
	Model    string `json:"model"`
	Engine   string `json:"engine"`
	DType    string `json:"dtype"`
	Steps    int    `json:"steps"`    // asked for, of each agent that thinks
	Thoughts string `json:"thoughts"` // the operator

	Temperature float64 `json:"temperature"`
	Seed        int     `json:"seed,omitempty"` // of the random numbers, where there are any

	Runs    []solvedReport `json:"runs,omitempty"`
	compare bool
	load    time.Duration // from the program's start until the engine was open
}

// solvedReport is one run.
type solvedReport struct {
	Mode    mode                 `json:"mode"`
	Answer  string               `json:"answer"`
	Agents  []chains.AgentResult `json:"agents"`
	Total   usageTotal           `json:"total"`
	Seconds phaseSeconds         `json:"seconds"`
}

// usageTotal is the sum over the agents.
type usageTotal struct {
	PromptTokens     int   `json:"prompt_tokens"`
	LatentSteps      int   `json:"latent_steps"`
	CompletionTokens int   `json:"completion_tokens"`
	TotalTokens      int   `json:"total_tokens"`
	HandedOver       int64 `json:"handed_over_bytes"`
}

// phaseSeconds says where the time went. Compile is part of prefill, latent and decode; summed over programs that were
// compiled side by side, it may be more than the time that passed.
type phaseSeconds struct {
	Load       float64 `json:"load"`
	Compile    float64 `json:"compile"`
	Prefill    float64 `json:"prefill"`
	Latent     float64 `json:"latent"`
	Decode     float64 `json:"decode"`
	FirstToken float64 `json:"first_token"` // from the program's start, had this run been the first, to the answer's first token
	Run        float64 `json:"run"`         // all agents, without load
}

func newReport(s solving, e *xlaengine.Engine, load time.Duration) *solveReport {
	return &solveReport{
		Question: s.question, Model: e.Info().Model.Name, Engine: engineName(e), DType: strings.ToLower(e.Info().DType),
		Steps: s.steps, Thoughts: s.thoughts.String(), compare: s.compare, load: load,
		Temperature: s.temperature, Seed: s.seedUsed(),
	}
}

// seedUsed is 0 where nothing is random.
func (s solving) seedUsed() int {
	if s.temperature == 0 {
		return 0
	}
	return s.seed
}

func (r *solveReport) add(s solved) {
	one := solvedReport{Mode: s.mode, Answer: s.Answer, Agents: s.Agents}
	var times xlaengine.Times
	for _, a := range s.Agents {
		one.Total.PromptTokens += a.Usage.PromptTokens
		one.Total.LatentSteps += a.Usage.LatentSteps
		one.Total.CompletionTokens += a.Usage.CompletionTokens
		one.Total.TotalTokens += a.Usage.TotalTokens()
		one.Total.HandedOver += a.HandedOver
		times.Compile += a.Times.Compile
		times.Prefill += a.Times.Prefill
		times.Latent += a.Times.Latent
		times.Decode += a.Times.Decode
	}
	one.Seconds = phaseSeconds{
		Load: seconds(r.load), Compile: seconds(times.Compile), Prefill: seconds(times.Prefill), Latent: seconds(times.Latent),
		Decode: seconds(times.Decode), FirstToken: seconds(r.load + s.FirstToken), Run: round(s.Result.Seconds, 3),
	}
	r.Runs = append(r.Runs, one)
}

// MarshalJSON puts the fields of a run that is alone among the report's own.
func (r *solveReport) MarshalJSON() ([]byte, error) {
	type plain solveReport
	if r.compare || len(r.Runs) != 1 {
		return json.Marshal((*plain)(r))
	}
	alone := plain(*r)
	alone.Runs = nil
	return json.Marshal(struct {
		plain
		solvedReport
	}{alone, r.Runs[0]})
}

// printRun prints what stands under the answer.
func (a *app) printRun(r solvedReport, s solving) {
	t := newTable(table.Row{"agent", "prompt tokens", "latent steps", "completion tokens", "memory handed over", "seconds"})
	for _, agent := range r.Agents {
		t.AppendRow(table.Row{
			agent.Role, agent.Usage.PromptTokens, agent.Usage.LatentSteps, agent.Usage.CompletionTokens,
			handedOver(agent.HandedOver), fmt.Sprintf("%.1f", agent.Seconds),
		})
	}
	if len(r.Agents) > 1 {
		t.AppendFooter(table.Row{
			"total", r.Total.PromptTokens, r.Total.LatentSteps, r.Total.CompletionTokens,
			handedOver(r.Total.HandedOver), fmt.Sprintf("%.1f", r.Seconds.Run),
		})
	}
	fmt.Fprintln(a.out, t.Render())
	for _, note := range r.notes(s) {
		fmt.Fprintln(a.out, note)
	}
}

func handedOver(bytes int64) string {
	if bytes == 0 {
		return "-"
	}
	return bytesText(bytes)
}

// notes are what the table does not say.
func (r solvedReport) notes(s solving) []string {
	notes := []string{fmt.Sprintf("First token after %.1f s, %.1f s of them for loading.", r.Seconds.FirstToken, r.Seconds.Load)}
	if r.Mode == latentMode && s.steps > 1 {
		notes = append(notes, settledText(r.Agents))
	}
	if n := r.cutAfter(); n > 0 {
		notes = append(notes, fmt.Sprintf("The answer was cut after %d tokens; --max-tokens allows more, up to the model's context.", n))
	}
	return notes
}

// cutAfter is after how many tokens the answer was cut, 0 if it came to its end.
func (r solvedReport) cutAfter() int {
	last := r.Agents[len(r.Agents)-1]
	if last.StopReason != xlaengine.StopLength {
		return 0
	}
	return last.Usage.CompletionTokens
}

// settledText says at which step thoughts stopped moving.
func settledText(agents []chains.AgentResult) string {
	var settled []string
	for _, a := range agents {
		if a.SettledAt > 0 {
			settled = append(settled, fmt.Sprintf("%s's at step %d of %d", a.Role, a.SettledAt, a.Usage.LatentSteps))
		}
	}
	if len(settled) == 0 {
		return "Thoughts kept moving to the last step."
	}
	return "Thoughts stopped moving: " + strings.Join(settled, ", ") + ". Steps after that add the same thought again."
}

// printComparison prints the runs as columns, the answers first.
func (a *app) printComparison(runs []solvedReport) {
	header := table.Row{""}
	for _, r := range runs {
		header = append(header, string(r.Mode))
	}
	t := newTable(header)
	columns := []table.ColumnConfig{{Number: 1}}
	for i := range runs {
		columns = append(columns, table.ColumnConfig{Number: i + 2, WidthMax: answerWidth(len(runs)), WidthMaxEnforcer: text.WrapSoft})
	}
	t.SetColumnConfigs(columns)
	row := func(name string, value func(solvedReport) any) {
		cells := table.Row{name}
		for _, r := range runs {
			cells = append(cells, value(r))
		}
		t.AppendRow(cells)
	}
	row("answer", func(r solvedReport) any { return clipped(printable(r.Answer)) })
	t.AppendSeparator()
	row("agents", func(r solvedReport) any { return len(r.Agents) })
	row("prompt tokens", func(r solvedReport) any { return r.Total.PromptTokens })
	row("latent steps", func(r solvedReport) any { return r.Total.LatentSteps })
	row("completion tokens", func(r solvedReport) any { return r.Total.CompletionTokens })
	row("memory handed over", func(r solvedReport) any { return handedOver(r.Total.HandedOver) })
	row("seconds", func(r solvedReport) any { return fmt.Sprintf("%.1f", r.Seconds.Run) })
	row("of them compiling", func(r solvedReport) any { return fmt.Sprintf("%.1f", r.Seconds.Compile) })
	fmt.Fprintln(a.out, t.Render())
	fmt.Fprintln(a.out, "The modes ran in this order; later ones use programs that were compiled for earlier ones.")
	var cut []string
	for _, r := range runs {
		if n := r.cutAfter(); n > 0 {
			cut = append(cut, fmt.Sprintf("%s after %d tokens", r.Mode, n))
		}
	}
	if len(cut) > 0 {
		fmt.Fprintf(a.out, "Answers were cut: %s; --max-tokens allows more, up to the model's context.\n", strings.Join(cut, ", "))
	}
}

// clipped shortens answers that would push the figures off the screen; --json has them whole.
func clipped(answer string) string {
	const most = 400
	runes := []rune(answer)
	if len(runes) <= most {
		return answer
	}
	return fmt.Sprintf("%s … (%d characters more)", strings.TrimSpace(string(runes[:most])), len(runes)-most)
}

// answerWidth is how wide one of n columns can be on the terminal, or on paper.
func answerWidth(n int) int {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width < 60 {
		width = 120
	}
	return max((width-24)/n-3, 12)
}
