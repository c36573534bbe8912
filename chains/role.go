package chains

// Roles and the prompts that make them. Planner, critic, refiner and solver are the roles of arXiv 2511.20639; the
// words are ours.

import (
	"errors"
	"fmt"
	"strings"
	"text/template"

	"github.com/latentchain/latentchain/xlaengine"
)

// Role is what an agent is there for. System and Task are text/template, with
//
//	.question  what the team was asked
//	.latent    true where the agent was handed a memory
//	.notes     what the agents before it wrote, each part under its role's name; "" in latent teams and for the first
//
// The prompt must be right for each of the three ways an agent can begin: with a memory, with notes, with nothing.
type Role struct {
	Name     string
	System   string // may be empty: no system message
	Task     string
	Steps    *int               // latent steps; nil: the team's
	Thoughts xlaengine.Operator // nil: the team's
}

// DefaultRoles returns planner, critic, refiner and solver. The slice is the caller's. Prompts are short because small
// models repeat long ones: told at length about its memory, SmolLM2-135M answers with that sentence.
func DefaultRoles() []Role {
	const (
		notes    = "{{if .notes}}{{.notes}}\n\n{{end}}"
		handed   = "{{if .latent}} you were handed{{else if .notes}} above{{end}}"
		question = "\n\nQuestion: {{.question}}"
	)
	return []Role{
		{
			Name:   "planner",
			System: "You are a planner.",
			Task:   notes + "Make a short plan for answering this question. Leave the answer itself to the solver." + question,
		},
		{
			Name:   "critic",
			System: "You are a critic.",
			Task:   notes + "Check the plan" + handed + " for this question: say what is wrong or missing." + question,
		},
		{
			Name:   "refiner",
			System: "You are a refiner.",
			Task:   notes + "Improve the plan" + handed + " for this question. Leave the answer itself to the solver." + question,
		},
		{
			Name:   "solver",
			System: "You are a solver.",
			Task:   notes + "Answer this question. Work through it step by step and end with the final answer." + question,
		},
	}
}

// agent checks the role and gives it what it leaves to the team.
func (r Role) agent(team settings) (a agent, err error) {
	a = agent{role: r, steps: team.steps, thoughts: team.thoughts}
	if strings.TrimSpace(r.Name) == "" {
		return a, errors.New("has no name")
	}
	if r.Steps != nil {
		a.steps = *r.Steps
	}
	if a.steps < 0 {
		return a, fmt.Errorf("%d latent steps; want 0 or more", a.steps)
	}
	if r.Thoughts != nil {
		a.thoughts = r.Thoughts
	}
	if a.system, err = parse("system", r.System); err != nil {
		return a, err
	}
	if a.task, err = parse("task", r.Task); err != nil {
		return a, err
	}
	for _, v := range []view{{}, {latent: true}, {notes: "?"}} {
		v.question = "?"
		if _, err := a.system.with(v); err != nil {
			return a, err
		}
		if text, err := a.task.with(v); err != nil {
			return a, err
		} else if text == "" {
			return a, errors.New("the task gives an empty prompt")
		}
	}
	return a, nil
}

// prompt is a template; view is what it sees.
type prompt struct{ *template.Template }

type view struct {
	question, notes string
	latent          bool
}

func parse(name, text string) (prompt, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(text)
	return prompt{t}, err
}

func (p prompt) with(v view) (string, error) {
	var b strings.Builder
	err := p.Execute(&b, map[string]any{"question": v.question, "notes": v.notes, "latent": v.latent})
	return strings.TrimSpace(b.String()), err
}
