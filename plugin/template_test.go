package plugin_test

// Tools, calls and results through chat templates of the kinds that models come with, of which one knows tools.

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
	"github.com/latentchain/latentchain/xlaengine/chat"
)

// templated renders prompts with a template and has a token for <think>.
type templated struct {
	*scripted.Engine
	template *chat.Template
}

func (e templated) Prompt(in chat.Input) (string, []int, error) {
	in.AddGenerationPrompt, in.BOS, in.EOS = true, "<s>", "</s>"
	text, err := e.template.Render(in)
	if err != nil {
		return "", nil, err
	}
	ids, err := e.Engine.Tokenize(text)
	return text, ids, err
}

func (e templated) Tokenize(text string) ([]int, error) {
	if text == "<think>" {
		return []int{1}, nil
	}
	return e.Engine.Tokenize(text)
}

func TestToolsThroughTemplates(t *testing.T) {
	raw, err := os.ReadFile("../xlaengine/chat/testdata/chat-templates.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Templates map[string]string }
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	conversation := []llms.MessageContent{
		llms.TextParts(llms.ChatMessageTypeHuman, "Q"),
		{Role: llms.ChatMessageTypeAI, Parts: []llms.ContentPart{llms.ToolCall{ID: "abcdefghi", Type: "function", FunctionCall: &llms.FunctionCall{Name: "weather", Arguments: `{"city":"Paris"}`}}}},
		{Role: llms.ChatMessageTypeTool, Parts: []llms.ContentPart{llms.ToolCallResponse{ToolCallID: "abcdefghi", Name: "weather", Content: "sunny"}}},
	}
	for _, test := range []struct {
		template string
		want     []string // in this order
	}{
		{"chatml-default-system", []string{"system\nThese functions can be called:\n{", "Weather <now>", `{"name": "weather", "arguments": {"city":"Paris"}}`, "user\nResult of weather: sunny"}},
		{"qwen3-style", []string{"<tools>", "weather", "</tools>", "<tool_call>", `"Paris"`, "</tool_call>", "<tool_response>", "sunny"}},
		{"llama3-style", []string{"These functions", "weather", "Q", `{"name": "weather", "arguments": {"city":"Paris"}}`, "user<|end_header_id|>\n\nResult of weather: sunny"}},
		{"mistral-style", []string{"[INST] Q[/INST]", `{"name": "weather", "arguments": {"city":"Paris"}}`, "[INST] These functions", "Result of weather: sunny[/INST]"}},
	} {
		template, err := chat.Parse(golden.Templates[test.template])
		if err != nil {
			t.Fatal(err)
		}
		prompt := ""
		e := templated{&scripted.Engine{Answer: func(seen string) string { prompt = seen; return "ok" }}, template}
		llm, err := plugin.New(plugin.WithGenerator(e))
		if err != nil {
			t.Fatal(err)
		}
		response, err := llm.GenerateContent(t.Context(), conversation, tools(weather))
		if err != nil || response.Choices[0].Content != "ok" {
			t.Errorf("%s: %v, %v", test.template, response, err)
		}
		rest := prompt
		for _, want := range test.want {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%s: no %q in its place in\n%s", test.template, want, prompt)
			}
			rest = after
		}
		if !llm.SupportsReasoning() {
			t.Errorf("%s: a model with a token for <think> does not reason", test.template)
		}
		if err := llm.Close(); err != nil {
			t.Error(err)
		}
	}
}
