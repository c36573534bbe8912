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
