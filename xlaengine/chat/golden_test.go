// Renderings against those of the transformers library.

package chat

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func parse(t testing.TB, source string) *Template {
	t.Helper()
	template, err := Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func TestRenderingsEqualTransformers(t *testing.T) {
	var golden struct {
		Templates map[string]string
		Cases     []struct {
			Template string
			Messages []Message
			Tools    []json.RawMessage
			Add      bool           `json:"add_generation_prompt"`
			BOS      string         `json:"bos_token"`
			EOS      string         `json:"eos_token"`
			Extra    map[string]any `json:"extra"`
			Text     string
			Error    string
		}
	}
	readJSON(t, "testdata/chat-templates.json", &golden)
	if len(golden.Cases) != 60 {
		t.Errorf("%d cases, want 60", len(golden.Cases))
	}
	for i, c := range golden.Cases {
		in := Input{Messages: c.Messages, AddGenerationPrompt: c.Add, BOS: c.BOS, EOS: c.EOS, Extra: c.Extra}
		for _, tool := range c.Tools {
			in.Tools = append(in.Tools, tool)
		}
		text, err := parse(t, golden.Templates[c.Template]).Render(in)
		if c.Error != "" {
			var e *Exception
			if !errors.As(err, &e) || e.Message != c.Error || !strings.Contains(err.Error(), c.Error) {
				t.Errorf("case %d, %s: error %v, want %q", i, c.Template, err, c.Error)
			}
			continue
		}
		if err != nil || text != c.Text {
			t.Errorf("case %d, %s: %v\n got %q\nwant %q", i, c.Template, err, text, c.Text)
		}
	}
}

// Every agent's messages in the cases of the golden runs become its prompt there.
func TestPromptsEqualTheGoldenRuns(t *testing.T) {
	const tree = "../../testdata/"
	type run struct {
		Name   string
		Agents []struct {
			Role, Prompt string
			Messages     []Message
		}
	}
	var cases []run
	readJSON(t, "testdata/cases.json", &cases)
	byName := map[string]run{}
	for _, c := range cases {
		byName[c.Name] = c
	}
	for model, dir := range map[string]string{
		"tiny-llama3": tree + "models/tiny-llama3", "tiny-qwen2": tree + "models/tiny-qwen2",
		"tiny-qwen3": tree + "models/tiny-qwen3", "smollm2-135m": "testdata/smollm2",
	} {
		t.Run(model, func(t *testing.T) {
			var golden struct{ Cases []run }
			readJSON(t, filepath.Join(tree, "golden", model+".json"), &golden)
			set, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(golden.Cases) == 0 {
				t.Error("no cases")
			}
			for _, c := range golden.Cases {
				for i, a := range c.Agents {
					messages := byName[c.Name].Agents[i].Messages
					prompt, err := set.For(false).Render(Input{Messages: messages, AddGenerationPrompt: true})
					if err != nil || prompt != a.Prompt {
						t.Errorf("%s, %s: %v\n got %q\nwant %q", c.Name, a.Role, err, prompt, a.Prompt)
					}
				}
			}
		})
	}
}
