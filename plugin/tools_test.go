package plugin_test

// Tools and functions: what the model is told of them, what it may answer, and how calls and results go back and forth.

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

var weather = llms.FunctionDefinition{Name: "weather", Description: "Weather <now>", Parameters: map[string]any{
	"type": "object", "required": []string{"city"}, "properties": map[string]any{
		"city": map[string]any{"type": "string", "enum": []string{"Berlin", "Paris"}},
		"days": map[string]any{"type": "integer", "minimum": 1, "maximum": 9},
	}}}

var clock = llms.FunctionDefinition{Name: "clock"}

func tools(functions ...llms.FunctionDefinition) llms.CallOption {
	var all []llms.Tool
	for _, f := range functions {
		all = append(all, llms.Tool{Type: "function", Function: &f})
	}
	return llms.WithTools(all)
}

func answerOf(t *testing.T, llm *plugin.LLM, messages []llms.MessageContent, opts ...llms.CallOption) *llms.ContentChoice {
	t.Helper()
	response, err := llm.GenerateContent(t.Context(), messages, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return response.Choices[0]
}

func human(text string) []llms.MessageContent {
	return []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, text)}
}

func TestToolChoice(t *testing.T) {
	const call, words = `{"name":"weather","arguments":{"city":"Paris","days":3}}`, "It is sunny."
	for _, test := range []struct {
		claim  string
		says   string
		opts   []llms.CallOption
		name   string // "" if there is no call
		reason string
	}{
		{"auto, in words", words, []llms.CallOption{tools(weather)}, "", "stop"},
		{"auto, a call", call, []llms.CallOption{tools(clock, weather)}, "weather", "tool_calls"},
		{"auto, a tagged call", "<tool_call>" + call + "</tool_call>", []llms.CallOption{tools(weather), llms.WithToolChoice("auto")}, "weather", "tool_calls"},
		{"auto, as Mistral writes", "[TOOL_CALLS] [" + call + "]", []llms.CallOption{tools(weather)}, "weather", "tool_calls"},
		{"auto, as Llama writes", "<|python_tag|>" + call, []llms.CallOption{tools(weather)}, "weather", "tool_calls"},
		{"none", call, []llms.CallOption{tools(weather), llms.WithToolChoice("none")}, "", "stop"},
		{"none, of functions", call, []llms.CallOption{llms.WithFunctions([]llms.FunctionDefinition{weather}), llms.WithFunctionCallBehavior("none")}, "", "stop"},
		{"required", words, []llms.CallOption{tools(weather), llms.WithToolChoice("required")}, "weather", "tool_calls"},
		{"required, of two", words, []llms.CallOption{tools(clock, weather), llms.WithToolChoice("any")}, "clock", "tool_calls"},
		{"a certain one", words, []llms.CallOption{tools(clock, weather), llms.WithToolChoice(llms.ToolChoice{Type: "function", Function: &llms.FunctionReference{Name: "weather"}})}, "weather", "tool_calls"},
		{"a certain one by pointer", call, []llms.CallOption{tools(clock, weather), llms.WithToolChoice(&llms.ToolChoice{Function: &llms.FunctionReference{Name: "clock"}})}, "clock", "tool_calls"},
		{"a certain one as a map", words, []llms.CallOption{tools(clock, weather), llms.WithToolChoice(map[string]any{"type": "function", "function": map[string]any{"name": "clock"}})}, "clock", "tool_calls"},
		{"a certain function", words, []llms.CallOption{llms.WithFunctions([]llms.FunctionDefinition{clock, weather}), llms.WithFunctionCallBehavior(`{"name": "weather"}`)}, "weather", "function_call"},
		{"a function", call, []llms.CallOption{llms.WithFunctions([]llms.FunctionDefinition{weather})}, "weather", "function_call"},
		{"JSON mode, a call", call, []llms.CallOption{tools(weather), llms.WithJSONMode()}, "weather", "tool_calls"},
		{"JSON mode, an answer", `{"a": 1}`, []llms.CallOption{tools(weather), llms.WithJSONMode()}, "", "stop"},
		{"a schema, an answer", `{"sunny":true}`, []llms.CallOption{tools(weather), llms.WithMetadata(map[string]any{"schema": `{"type":"object","properties":{"sunny":{"type":"boolean"}},"required":["sunny"],"additionalProperties":false}`})}, "", "stop"},
		{"a schema, a call", call, []llms.CallOption{tools(weather), llms.WithMetadata(map[string]any{"schema": `{"type":"object","properties":{"sunny":{"type":"boolean"}},"required":["sunny"],"additionalProperties":false}`})}, "weather", "tool_calls"},
	} {
		llm := on(t, &scripted.Engine{Answer: func(string) string { return test.says }})
		for _, model := range []*plugin.LLM{llm, llm.Latent(3)} {
			choice := answerOf(t, model, human("Weather?"), test.opts...)
			if choice.StopReason != test.reason || len(choice.ToolCalls) > 1 || (choice.FuncCall != nil) != (test.name != "") {
				t.Errorf("%s: %+v", test.claim, choice)
			}
			if test.name == "" {
				if choice.Content != test.says || choice.ToolCalls != nil {
					t.Errorf("%s: content %q, calls %v", test.claim, choice.Content, choice.ToolCalls)
				}
				continue
			}
			if choice.Content != "" || len(choice.ToolCalls) != 1 || choice.ToolCalls[0].FunctionCall != choice.FuncCall {
				t.Errorf("%s: content %q, calls %v", test.claim, choice.Content, choice.ToolCalls)
				continue
			}
			var arguments struct {
				City string
				Days *int
			}
			if err := json.Unmarshal([]byte(choice.FuncCall.Arguments), &arguments); err != nil || choice.FuncCall.Name != test.name ||
				(test.name == "weather") != (arguments.City == "Berlin" || arguments.City == "Paris") {
				t.Errorf("%s: call %+v, %v", test.claim, choice.FuncCall, err)
			}
			if because := choice.GenerationInfo["TextBecause"]; (model == llm) != (because == nil) {
				t.Errorf("%s: text because of %v", test.claim, because)
			}
		}
	}
}

// A schema with a name of its own, or that lets arguments be null, is as good where a call is required as elsewhere.
func TestParametersOfAllKindsWhereACallIsRequired(t *testing.T) {
	f := llms.FunctionDefinition{Name: "f", Parameters: `{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://example.com/f",
		"type":["object","null"],"nullable":true,"properties":{"n":{"$ref":"#/$defs/n"}},"required":["n"],"$defs":{"n":{"type":"integer"}}}`}
	other := llms.WithMetadata(map[string]any{"schema": `{"$id":"x","type":"object","properties":{"a":{"type":"null"}},"required":["a"]}`})
	for claim, opts := range map[string][]llms.CallOption{
		"required":           {llms.WithToolChoice("required")},
		"named":              {llms.WithToolChoice(`{"name":"f"}`)},
		"beside a schema":    {other},
		"in the model's own": nil,
	} {
		llm := on(t, &scripted.Engine{Answer: func(string) string { return `{"name":"f","arguments":null` }})
		choice := answerOf(t, llm, human("x"), append(opts, tools(f))...)
		if len(choice.ToolCalls) != 1 || choice.FuncCall.Arguments != `{"n":0}` {
			t.Errorf("%s: said %q, calls %+v", claim, choice.Content, choice.FuncCall)
		}
	}
}

// Where the model decides whether to call, arguments fit all the same; words and other objects are as it says them.
func TestArgumentsFitWhereverACallBegins(t *testing.T) {
	for _, test := range []struct {
		claim, says string
		content     string // as said, if there is no call
	}{
		{"a bare call", `{"name": "weather", "arguments": {"city": "Rome"}}`, ""},
		{"a tagged call", "Let me see.\n<tool_call>\n" + `{"name": "weather", "arguments": {"town": 1}}` + "\n</tool_call>", ""},
		{"parameters, as Llama 3 writes", `{"type": "function", "name": "weather", "parameters": {"days": 40}}`, ""},
		{"after a marker", `<|python_tag|>{"name": "weather", "parameters": {"city": "Rome"}}`, ""},
		{"in an array", `[{"name": "weather", "arguments": 3}]`, ""},
		{"after a thought", "<think>{</think>\n" + `{"name":"weather","arguments":{"city":3`, ""},
		{"an object that is no call", `{"name": "Ada", "arguments": {"city": "Rome"}}`, `{"name": "Ada", "arguments": {"city": "Rome"}}`},
		{"a call among words", `So {"name": "weather", "arguments": {"city": "Rome"}}`, `So {"name": "weather", "arguments": {"city": "Rome"}}`},
		{"words of all kinds", "naïve “words” ⟨…⟩ {}", "naïve “words” ⟨…⟩ {}"},
	} {
		llm := on(t, &scripted.Engine{Answer: func(string) string { return test.says }})
		choice := answerOf(t, llm, human("x"), tools(weather, clock), llms.WithMaxTokens(120))
		if test.content != "" {
			if choice.Content != test.content || choice.ToolCalls != nil {
				t.Errorf("%s: said %q, calls %v", test.claim, choice.Content, choice.ToolCalls)
			}
			continue
		}
		var arguments map[string]any
		if test.claim == "in an array" { // the script ends within it
			if !strings.HasPrefix(choice.Content, `[{"name": "weather", "arguments": {"city":`) {
				t.Errorf("%s: said %q", test.claim, choice.Content)
			}
			continue
		}
		if len(choice.ToolCalls) != 1 || json.Unmarshal([]byte(choice.FuncCall.Arguments), &arguments) != nil ||
			arguments["city"] != "Berlin" && arguments["city"] != "Paris" || len(arguments) > 2 {
			t.Errorf("%s: said %q, calls %+v", test.claim, choice.Content, choice.FuncCall)
		}
	}
}

func TestNoCallsWithinThoughts(t *testing.T) {
	const thought = `{"name": "weather", "arguments": {"city": "Rome"}}`
	llm := on(t, &scripted.Engine{Opens: "<think>\n", Answer: func(string) string { return thought + "</think>no" }})
	if choice := answerOf(t, llm, human("x"), tools(weather)); choice.ReasoningContent != thought || choice.Content != "no" || choice.ToolCalls != nil {
		t.Errorf("%+v", choice)
	}
}

// Whatever the model wants to say, it says without a failure, and calls fit.
func FuzzArgumentsFit(f *testing.F) {
	raw, err := json.Marshal(weather.Parameters)
	if err != nil {
		f.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		f.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("weather.json", schema); err != nil {
		f.Fatal(err)
	}
	judge := compiler.MustCompile("weather.json")
	for _, seed := range []string{"words", `{"name":"weather","arguments":{"city":"Rome","days":2.5}}`, `<tool_call>{"name":"weather","parameters":{}}</tool_call>`,
		`[{"name":"weather","arguments":{"city":"Paris"}},{"type":"function","function":{"name":"weather","arguments":{"city":1}}}]`,
		"```json\n" + `{"name":"weather"  ,"arguments" : {"days":10,"city":"Paris"}}` + "\n```", `{"x":"}","name":"weather","arguments":{}}`} {
		f.Add(seed, 100)
	}
	f.Fuzz(func(t *testing.T, says string, most int) {
		llm, err := plugin.New(plugin.WithGenerator(&scripted.Engine{Answer: func(string) string { return says }}))
		if err != nil {
			t.Fatal(err)
		}
		defer llm.Close()
		choice := answerOf(t, llm, human("x"), tools(weather), llms.WithMaxTokens(1+max(0, most)%200))
		for _, call := range choice.ToolCalls {
			arguments, err := jsonschema.UnmarshalJSON(strings.NewReader(call.FunctionCall.Arguments))
			if err == nil {
				err = judge.Validate(arguments)
			}
			if err != nil {
				t.Errorf("wanted %q, called with %s: %v", says, call.FunctionCall.Arguments, err)
			}
		}
	})
}

func TestToolsThatCannotBeOffered(t *testing.T) {
	llm := on(t, &scripted.Engine{})
	bad := llms.FunctionDefinition{Name: "bad", Parameters: map[string]any{"type": "object", "properties": map[string]any{"a": map[string]any{"$ref": "http://x"}}}}
	for claim, test := range map[string]struct {
		opts []llms.CallOption
		want error
	}{
		"a type that is no function":      {[]llms.CallOption{llms.WithTools([]llms.Tool{{Type: "retrieval", Function: &clock}})}, plugin.ErrTool},
		"one name twice":                  {[]llms.CallOption{tools(clock, clock)}, plugin.ErrTool},
		"parameters that are no object":   {[]llms.CallOption{tools(llms.FunctionDefinition{Name: "x", Parameters: `{"type":"string"}`})}, plugin.ErrTool},
		"parameters that are no schema":   {[]llms.CallOption{tools(llms.FunctionDefinition{Name: "x", Parameters: "{"})}, plugin.ErrTool},
		"required, but nothing offered":   {[]llms.CallOption{llms.WithToolChoice("required")}, plugin.ErrTool},
		"one that is not offered":         {[]llms.CallOption{tools(clock), llms.WithToolChoice(`{"name":"x"}`)}, plugin.ErrTool},
		"a choice that is not known":      {[]llms.CallOption{tools(clock), llms.WithToolChoice("perhaps")}, plugin.ErrTool},
		"a choice that is not anything":   {[]llms.CallOption{tools(clock), llms.WithToolChoice(3)}, plugin.ErrTool},
		"the same where it may be called": {[]llms.CallOption{tools(bad)}, plugin.ErrSchema},
		"a schema with what can't be":     {[]llms.CallOption{tools(bad), llms.WithToolChoice("required")}, plugin.ErrSchema},
		"a call that has no room":         {[]llms.CallOption{tools(weather), llms.WithToolChoice("required"), llms.WithMaxTokens(3)}, plugin.ErrTooShort},
		"a call of a tool with no space":  {[]llms.CallOption{tools(weather), llms.WithToolChoice("required"), llms.WithMaxLength(3)}, plugin.ErrTooShort},
	} {
		_, err := llm.GenerateContent(t.Context(), human("x"), test.opts...)
		var coded *llms.Error
		if !errors.Is(err, test.want) || !errors.As(err, &coded) {
			t.Errorf("%s: got %v", claim, err)
		}
	}
	_, err := llm.GenerateContent(t.Context(), human("x"), tools(bad), llms.WithToolChoice("required"))
	if err == nil || !strings.Contains(err.Error(), `"bad"`) || !strings.Contains(err.Error(), "/properties/a") {
		t.Errorf("the error does not say whose schema and where: %v", err)
	}
}

// A conversation with a call and its result, as langchaingo's agents send it.
func callAndResult() []llms.MessageContent {
	return []llms.MessageContent{
		llms.TextParts(llms.ChatMessageTypeSystem, "S"),
		llms.TextParts(llms.ChatMessageTypeHuman, "Q"),
		{Role: llms.ChatMessageTypeAI, Parts: []llms.ContentPart{llms.ToolCall{ID: "1", Type: "function", FunctionCall: &llms.FunctionCall{Name: "weather", Arguments: `{"city":"Paris"}`}},
			llms.ToolCall{ID: "2", FunctionCall: &llms.FunctionCall{Name: "add", Arguments: "2+2"}}}},
		{Role: llms.ChatMessageTypeTool, Parts: []llms.ContentPart{llms.ToolCallResponse{ToolCallID: "1", Content: "sunny"}, llms.ToolCallResponse{ToolCallID: "2", Content: "4"}}},
		{Role: llms.ChatMessageTypeFunction, Parts: []llms.ContentPart{llms.ToolCallResponse{Name: "clock", Content: "noon"}}},
	}
}

func TestCallsAndResultsReachTheModel(t *testing.T) {
	e := echo()
	llm := on(t, e)
	want := "system: S\n\nThese functions can be called:\n" +
		`{"name":"clock","parameters":{"additionalProperties":false,"type":"object","properties":{}}}` + "\n" +
		"To call one, answer with nothing but a JSON object of its name and arguments, such as\n" +
		`{"name": "clock", "arguments": {…}}` + "\nIf none is needed, answer in words.\n" +
		"user: Q\n" +
		`assistant: {"name": "weather", "arguments": {"city":"Paris"}}` + "\n" + `{"name": "add", "arguments": {"__arg1":"2+2"}}` + "\n" +
		"user: Result of weather: sunny\nResult of add: 4\nResult of clock: noon\n"
	if got := answerOf(t, llm, callAndResult(), tools(clock)).Content; got != want {
		t.Errorf("a template without tools: got\n%s\nwant\n%s", got, want)
	}
	if got := answerOf(t, llm, callAndResult()[1:]).Content; !strings.HasPrefix(got, "user: Q\nassistant: {") {
		t.Errorf("results without tools: got\n%s", got)
	}
	e = echo()
	e.Tools = true
	want = `tool: {"type":"function","function":{"name":"weather","description":"Weather \u003cnow\u003e","parameters":`
	const rest = "system: S\nuser: Q\n" +
		`assistant: <tool_call>weather({"city":"Paris"})#1</tool_call><tool_call>add({"__arg1":"2+2"})#2</tool_call>` + "\n" +
		"tool: sunny#1\ntool: 4#2\ntool: noon\n"
	if got := answerOf(t, on(t, e), callAndResult(), tools(weather)).Content; !strings.HasPrefix(got, want) || !strings.HasSuffix(got, rest) {
		t.Errorf("a template with tools: got\n%s", got)
	}
}

func TestHandlesInResultsAreTakenOut(t *testing.T) {
	llm := on(t, echo())
	handle := call(t, llm.Latent(1), "A")
	messages := []llms.MessageContent{{Role: llms.ChatMessageTypeTool, Parts: []llms.ContentPart{llms.ToolCallResponse{Content: handle + "\nB"}}}}
	if got := answerOf(t, llm, messages).Content; got != "user: A\n·user: Result of the call: B\n" {
		t.Errorf("got %q", got)
	}
}

func TestCallsAreNotStreamed(t *testing.T) {
	for says, want := range map[string]string{
		`{"name":"clock","arguments":{}}`:                              "",
		`So: <tool_call>{"name":"clock","arguments":{}}</tool_call> .`: "So: ",
		`[TOOL_CALLS] [{"name":"clock","arguments":{}}]`:               "",
		`<|python_tag|>{"name":"clock","parameters":{}}`:               "",
		"<|python_tag|>print(1)":                                       "<|python_tag|>print(1)",
		"<|pyt":                                                        "<|pyt",
		"a <tool":                                                      "a <tool",
		"{} no call":                                                   "{} no call",
		"in words, then…":                                              "in words, then…",
	} {
		llm := on(t, &scripted.Engine{Answer: func(string) string { return says }})
		streamed := ""
		choice := answerOf(t, llm, human("x"), tools(clock), llms.WithStreamingFunc(func(_ context.Context, chunk []byte) error {
			streamed += string(chunk)
			return nil
		}))
		if streamed != want || (len(choice.ToolCalls) == 0) != (choice.Content == says) {
			t.Errorf("%s: streamed %q, %+v", says, streamed, choice)
		}
	}
}
