package chains_test

import (
	"errors"
	"strings"
	"testing"

	lcchains "github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/chains"
	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

func TestRefuses(t *testing.T) {
	llm := on(t, &scripted.Engine{})
	negative := -1
	for _, test := range []struct {
		claim string
		llm   *plugin.LLM
		roles []chains.Role
		opt   chains.Option
		want  string
	}{
		{"no model", nil, shortRoles(), nil, "the model is nil"},
		{"no roles", llm, nil, nil, "no roles"},
		{"unknown mode", llm, shortRoles(), chains.WithMode("loud"), `mode "loud"`},
		{"negative steps", llm, shortRoles(), chains.WithSteps(-1), "-1 latent steps"},
		{"negative tokens", llm, shortRoles(), chains.WithMaxTokens(-2), "at most -2 tokens"},
		{"role without a name", llm, []chains.Role{{Task: "x"}}, nil, "role 1 (): has no name"},
		{"role without a task", llm, []chains.Role{{Name: "x"}}, nil, "role 1 (x): the task gives an empty prompt"},
		{"role that says nothing with notes", llm, []chains.Role{{Name: "x", Task: "{{if not .notes}}x{{end}}"}}, nil, "empty prompt"},
		{"role with negative steps", llm, []chains.Role{{Name: "x", Task: "x", Steps: &negative}}, nil, "role 1 (x): -1 latent steps"},
		{"broken template", llm, []chains.Role{{Name: "x", Task: "{{.question"}}, nil, "role 1 (x): template: task"},
		{"unknown word in a branch", llm, []chains.Role{{Name: "x", Task: "x", System: "{{if .latent}}{{.plan}}{{end}}"}}, nil, `no entry for key "plan"`},
	} {
		if _, err := chains.NewSequential(test.llm, test.roles, test.opt); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", test.claim, err, test.want)
		}
	}
	if _, err := team(t, llm, shortRoles()).Run(t.Context(), " \n\t"); !errors.Is(err, chains.ErrNoQuestion) {
		t.Errorf("empty question: got %v", err)
	}
	if _, err := lcchains.Call(t.Context(), team(t, llm, shortRoles()), map[string]any{"question": 7}); !errors.Is(err, lcchains.ErrInvalidInputValues) {
		t.Errorf("question that is a number: got %v", err)
	}
	_, err := team(t, llm, shortRoles()).Run(t.Context(), "What is ⟦latent:aaaa⟧?")
	if !llms.IsInvalidRequestError(err) || !strings.HasPrefix(err.Error(), "a: ") {
		t.Errorf("question with a made-up handle: got %v", err)
	}
}
