package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// orderedVariables are variables whose values keep the order of their keys.
type orderedVariables map[string]any

func (v *orderedVariables) UnmarshalJSON(raw []byte) error {
	var values map[string]json.RawMessage
	err := json.Unmarshal(raw, &values)
	*v = orderedVariables{}
	for name, value := range values {
		(*v)[name] = value
	}
	return err
}

func renderSource(source string, in Input) (string, error) {
	template, err := Parse(source)
	if err != nil {
		return "", err
	}
	return template.Render(in)
}

func ExampleTemplate_Render() {
	t, err := Parse(ChatML)
	if err != nil {
		fmt.Println(err)
		return
	}
	prompt, err := t.Render(Input{
		Messages:            []Message{{Role: "system", Content: "You are a planner."}, {Role: "user", Content: "What is 3*7?"}},
		AddGenerationPrompt: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(prompt)
	// Output:
	// <|im_start|>system
	// You are a planner.<|im_end|>
	// <|im_start|>user
	// What is 3*7?<|im_end|>
	// <|im_start|>assistant
}

func TestToolsKeepTheOrderOfTheirFields(t *testing.T) {
	type function struct {
		Name       string          `json:"name"`
		About      string          `json:"description"`
		Parameters json.RawMessage `json:"parameters"`
	}
	text, err := renderSource("{{ tools | tojson }}", Input{Tools: []any{
		function{"f", "<b>é</b>", json.RawMessage(`{"z": 1, "a": {"y": 2.50, "b": 3}}`)},
	}})
	want := `[{"name": "f", "description": "<b>é</b>", "parameters": {"z": 1, "a": {"y": 2.5, "b": 3}}}]`
	if err != nil || text != want {
		t.Errorf("%v\n got %s\nwant %s", err, text, want)
	}
}

func TestStrftimeWritesTheGivenTime(t *testing.T) {
	in := Input{Now: time.Date(2025, 3, 7, 14, 5, 9, 0, time.UTC)}
	for format, want := range map[string]string{
		"%d %b %Y": "07 Mar 2025", "%B %-d, %Y": "March 7, 2025", "%Y-%m-%d": "2025-03-07", "%A %H:%M:%S %p %%": "Friday 14:05:09 PM %", "%j": "066", "%-j": "66", "%-m/%-y": "3/25",
	} {
		if text, err := renderSource("{{ strftime_now('"+format+"') }}", in); err != nil || text != want {
			t.Errorf("%s: %v, %q, want %q", format, err, text, want)
		}
	}
	if _, err := renderSource("{{ strftime_now('%Q') }}", in); err == nil || !strings.Contains(err.Error(), "%Q is not supported") {
		t.Errorf("error %v", err)
	}
}

func TestBrokenTemplatesAreErrors(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"{{ a", `"}}" is missing`},
		{"x\n{% if a", `line 2: "%}" is missing`},
		{"{{ 'a }}", "a text is not closed"},
		{"{{ f(a }}", `")" is missing`},
		{"{% raw %}x", "{% raw %} is not closed"},
		{"{{ " + strings.Repeat("(", 200) + strings.Repeat(")", 200) + " }}", "nested more than 100 deep"},
		{"{% if a %}", "parse chat template"},
		{"{% nosuch %}", "nosuch"},
		{strings.Repeat("x", 1<<18+1), "262145 bytes"},
		{"{{ a|nosuch }}", "nosuch"},
		{"{% include 'other' %}", "other"},
	} {
		_, err := renderSource(c.source, Input{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: error %v, want one that says %q", c.source, err, c.want)
		}
	}
}

func TestRunawayTemplatesAreStopped(t *testing.T) {
	for name, source := range map[string]string{
		"loops":     "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{{ a }}{% endfor %}",
		"recursion": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
		"range":     "{{ range(1000000000)|length }}",
	} {
		if _, err := renderSource(source, Input{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestParallelRenderings(t *testing.T) {
	template := parse(t, "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}")
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			text, err := template.Render(Input{Messages: make([]Message, n)})
			if err != nil || text != fmt.Sprint(n) {
				t.Errorf("%d messages: %q, %v", n, text, err)
			}
		})
	}
	wg.Wait()
}

func TestOpenFindsEveryForm(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		tools bool
		want  string
		err   string
	}{
		{"file", map[string]string{"chat_template.jinja": "A", "tokenizer_config.json": `{"chat_template": "B"}`}, false, "A", ""},
		{"file and named ones", map[string]string{"chat_template.jinja": "A", "additional_chat_templates/tool_use.jinja": "T"}, true, "T", ""},
		{"text", map[string]string{"tokenizer_config.json": `{"chat_template": "B"}`}, true, "B", ""},
		{"list", map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}`}, false, "D", ""},
		{"list with tools", map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}`}, true, "T", ""},
		{"nothing", nil, false, "", "parse chat.ChatML"},
		{"config without", map[string]string{"tokenizer_config.json": `{}`}, false, "", "parse chat.ChatML"},
		{"null", map[string]string{"tokenizer_config.json": `{"chat_template": null}`}, false, "", "parse chat.ChatML"},
		{"number", map[string]string{"tokenizer_config.json": `{"chat_template": 3}`}, false, "", "neither a text nor a list"},
		{"broken JSON", map[string]string{"tokenizer_config.json": `{`}, false, "", "tokenizer_config.json: unexpected end"},
		{"broken template", map[string]string{"chat_template.jinja": "{{"}, false, "", `template "default": parse chat template`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			set, err := Open(dir)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), dir) {
					t.Errorf("error %v, want one that says %q", err, c.err)
				}
				if errors.Is(err, ErrNoTemplate) != strings.Contains(c.err, "ChatML") {
					t.Errorf("error %v is ErrNoTemplate: %v", err, errors.Is(err, ErrNoTemplate))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if text, err := set.For(c.tools).Render(Input{}); err != nil || text != c.want {
				t.Errorf("renders %q, %v, want %q", text, err, c.want)
			}
		})
	}
}

func FuzzTemplate(f *testing.F) {
	var golden struct{ Templates map[string]string }
	readJSON(f, "testdata/chat-templates.json", &golden)
	for _, source := range golden.Templates {
		f.Add(source)
	}
	var snippets struct{ Cases []struct{ Template string } }
	readJSON(f, "testdata/snippets.json", &snippets)
	for _, c := range snippets.Cases {
		f.Add(c.Template)
	}
	in := Input{Messages: []Message{{Role: "user", Content: "a"}}, AddGenerationPrompt: true}
	f.Fuzz(func(t *testing.T, source string) {
		// Multiplying and raising texts and numbers can ask for all memory, which no library call can take back.
		if len(source) > 4096 || strings.Contains(source, "*") {
			return
		}
		if _, err := renderSource(source, in); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
	})
}
