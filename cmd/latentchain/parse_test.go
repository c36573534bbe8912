package main

// Files and streams that come from outside: what is accepted can be run, what is not is refused with a reason.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCasesThatCannotBeRunAreRefused(t *testing.T) {
	const agents = `"agents": [{"role": "a", "messages": [{"role": "user", "content": "x"}]}]`
	for _, test := range []struct{ claim, cases, want string }{
		{"not JSON", `cases`, "want a JSON array of cases"},
		{"no array", `{}`, "want a JSON array of cases"},
		{"none", `[]`, "is empty"},
		{"something after", `[] []`, "after the array"},
		{"unknown field", `[{"lambda": 1, "latent_step": 3}]`, `unknown field "latent_step"`},
		{"no lambda", `[{"decode_tokens": 1, ` + agents + `}]`, "lambda is 0"},
		{"negative steps", `[{"lambda": 1, "latent_steps": -1, "decode_tokens": 1, ` + agents + `}]`, "latent_steps is -1"},
		{"no tokens", `[{"lambda": 1, ` + agents + `}]`, "decode_tokens is 0"},
		{"no agents", `[{"name": "n", "lambda": 1, "decode_tokens": 1}]`, "case 0 (n): there are no agents"},
		{"no messages", `[{"lambda": 1, "decode_tokens": 1, "agents": [{"role": "a"}]}]`, "agent 0 (a) has no messages"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			if _, err := parseCases([]byte(test.cases)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzCases(f *testing.F) {
	good, err := os.ReadFile(filepath.Join("testdata", "cases.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`[{"lambda": 1e-5, "agents": [{}]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cases, err := parseCases(data)
		if err != nil {
			return
		}
		if len(cases) == 0 {
			t.Error("accepted no cases")
		}
		for _, c := range cases {
			if err := c.check(); err != nil {
				t.Errorf("accepted a case that can't be run: %v", err)
			}
		}
	})
}

func TestTeamsThatCannotBeRunAreRefused(t *testing.T) {
	for _, test := range []struct{ claim, team, want string }{
		{"not JSON", `team`, "want a JSON object with a team"},
		{"an array", `[]`, "want a JSON object with a team"},
		{"no agents", `{"pastend": true}`, "there are no agents"},
		{"no ids", `{"agents": [{"ids": [1]}, {"tokens": 3}]}`, "agent 1 has no ids"},
		{"negative steps", `{"agents": [{"ids": [1], "steps": -1}, {"ids": [1], "tokens": 3}]}`, "agent 0: steps is -1"},
		{"no tokens", `{"agents": [{"ids": [1], "tokens": 3}, {"ids": [1]}]}`, "the last agent's tokens is 0"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			if _, err := parseTeam([]byte(test.team)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzTeams(f *testing.F) {
	for _, name := range []string{"four-agents.json", "three-thinkers.json"} {
		good, err := os.ReadFile(filepath.Join("..", "..", "docs", "compare", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(good)
	}
	f.Add([]byte(`{"agents": [{"ids": [1], "steps": 1e9}, {}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		team, err := parseTeam(data)
		if err != nil {
			return
		}
		if len(team.Agents) == 0 || team.Agents[len(team.Agents)-1].Tokens < 1 {
			t.Errorf("accepted a team without an answer: %+v", team)
		}
		for _, a := range team.Agents {
			if len(a.IDs) == 0 || a.Steps < 0 {
				t.Errorf("accepted an agent that can't be run: %+v", a)
			}
		}
	})
}

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]size{
		"500": 500e6, "500MB": 500e6, "2GB": 2e9, "1.5 gib": 3 << 29, "64MiB": 64 << 20, "1kB": 1000, "700b": 700,
		"": 0, "0": 0, "-1GB": 0, "GB": 0, "NaN": 0, "inf": 0, "1e40": 0, "2GBs": 0, "much": 0, // refused
	} {
		var got size
		if err := got.Set(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
}

func FuzzTexts(f *testing.F) {
	f.Add([]byte(`[{"text": "Hello"}, {"text": "", "ids": []}]`))
	f.Add([]byte(`[{}]`))
	f.Add([]byte("[{\"text\": \"\xff\"}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		texts, err := parseTexts(data)
		if err != nil && texts != nil {
			t.Error("texts beside an error")
		}
		for _, text := range texts {
			if text.IDs != nil {
				t.Error("ids before tokenizing")
			}
		}
	})
}
