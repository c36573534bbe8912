package plugin

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine/grammar"
)

func offering(names ...string) calling {
	var c calling
	for _, name := range names {
		c.offered = append(c.offered, callable{Name: name})
	}
	return c
}

func TestCallsInText(t *testing.T) {
	c := offering("add", "say")
	one := []llms.FunctionCall{{Name: "add", Arguments: `{"a": 1}`}}
	two := append(slices.Clone(one), llms.FunctionCall{Name: "say", Arguments: `{}`})
	for _, test := range []struct {
		claim, text, rest string
		calls             []llms.FunctionCall
	}{
		{"words", "add 1 and 2", "add 1 and 2", nil},
		{"an object", ` {"name": "add", "arguments": {"a": 1}} `, "", one},
		{"an object in a fence", "```json\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n```", "", one},
		{"parameters, as Llama 3 writes", `{"name": "add", "parameters": {"a": 1}}`, "", one},
		{"as a tool of type function", `{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}`, "", one},
		{"arguments in a text", `{"name": "add", "arguments": "{\"a\": 1}"}`, "", one},
		{"an array", `[{"name": "add", "arguments": {"a": 1}}, {"name": "say", "arguments": {}}]`, "", two},
		{"two objects", `{"name": "add", "arguments": {"a": 1}}` + "\n" + `{"name": "say", "arguments": {}}`, "", two},
		{"between tags", "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>", "", one},
		{"between tags after words", "Well: <tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1}}</tool_call>\n<tool_call>{\"name\": \"say\", \"arguments\": {}}</tool_call>", "Well:", two},
		{"without the last tag", "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}", "", one},
		{"a function not on offer", `{"name": "rm", "arguments": {}}`, `{"name": "rm", "arguments": {}}`, nil},
		{"with an id, as Mistral writes", `[{"name": "add", "arguments": {"a": 1}, "id": "123456789"}]`, "", one},
		{"after Mistral's marker", `[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}}, {"name": "say", "arguments": {}}]`, "", two},
		{"after Llama's marker", `<|python_tag|>{"name": "add", "parameters": {"a": 1}}`, "", one},
		{"a marker alone", "[TOOL_CALLS]", "[TOOL_CALLS]", nil},
		{"a marker before words", "<|python_tag|>print(1)", "<|python_tag|>print(1)", nil},
		{"arguments first", `{"arguments": {"a": 1}, "name": "add"}`, `{"arguments": {"a": 1}, "name": "add"}`, nil},
		{"arguments twice", `{"name": "add", "arguments": {}, "arguments": {}}`, `{"name": "add", "arguments": {}, "arguments": {}}`, nil},
		{"other keys", `{"name": "add", "arguments": {}, "age": 3}`, `{"name": "add", "arguments": {}, "age": 3}`, nil},
		{"no arguments", `{"name": "add"}`, `{"name": "add"}`, nil},
		{"arguments that are no object", `{"name": "add", "arguments": [1]}`, `{"name": "add", "arguments": [1]}`, nil},
		{"cut off", `{"name": "add", "argum`, `{"name": "add", "argum`, nil},
		{"an object among words", `So {"name": "add", "arguments": {}} it is`, `So {"name": "add", "arguments": {}} it is`, nil},
		{"words between tags", "a<tool_call>b</tool_call>c", "a<tool_call>b</tool_call>c", nil},
		{"an empty array", "[]", "[]", nil},
	} {
		rest, calls := c.callsIn(test.text)
		if rest != test.rest || !slices.Equal(calls, test.calls) {
			t.Errorf("%s: got %q and %v, want %q and %v", test.claim, rest, calls, test.rest, test.calls)
		}
	}
	if rest, calls := (calling{}).callsIn(`{"name": "add", "arguments": {}}`); calls != nil || rest == "" {
		t.Error("a call of nothing on offer")
	}
}

// What was streamed is the beginning of what is said in the end, and all of it where there is no call.
func FuzzStreamHoldsCallsBack(f *testing.F) {
	for _, seed := range []string{"plain", `{"name": "add", "arguments": {}}`, "so <tool_call>{\"name\": \"add\", \"arguments\": {}}</tool_call>", "<tool", " \n{x", "`a`",
		`[TOOL_CALLS] [{"name": "add", "arguments": {}}]`, `<|python_tag|>{"name": "add", "parameters": {}}`, "<|python_tag|>x", "<|pyt", "[TOOL_CALLS]x"} {
		f.Add(seed, 1)
	}
	f.Fuzz(func(t *testing.T, text string, size int) {
		size = max(1, size%64)
		streamed := ""
		a := &answer{calling: offering("add"), pass: func(_, said string) error { streamed += said; return nil }}
		for at := 0; at < len(text); at += size {
			if err := a.take(text[at:min(at+size, len(text))], false); err != nil {
				t.Fatal(err)
			}
		}
		calls, err := a.end()
		switch {
		case err != nil:
			t.Fatal(err)
		case len(calls) == 0 && streamed != text:
			t.Errorf("%q was streamed as %q", text, streamed)
		case len(calls) > 0 && strings.TrimSpace(streamed) != "" && !strings.HasPrefix(a.said, strings.TrimSpace(streamed)):
			t.Errorf("%q: streamed %q, but said %q", text, streamed, a.said)
		}
		for _, call := range calls {
			if call.Name != "add" || !json.Valid([]byte(call.Arguments)) {
				t.Errorf("%q: call %+v", text, call)
			}
		}
	})
}

func TestCallIDsDiffer(t *testing.T) {
	calls := []llms.FunctionCall{{Name: "add", Arguments: "{}"}, {Name: "add", Arguments: "{}"}}
	seen := map[string]bool{}
	for _, prompt := range [][]int{{1}, {1, 2}} {
		for answer := range 2 {
			for _, c := range toolCalls(calls, prompt, answer) {
				if seen[c.ID] || len(c.ID) != 9 {
					t.Errorf("id %q", c.ID)
				}
				seen[c.ID] = true
			}
		}
	}
	if !seen[toolCalls(calls, []int{1}, 0)[0].ID] {
		t.Error("an equal run gives other ids")
	}
}

func TestReferencesPointToWhereSchemasAre(t *testing.T) {
	const schema = `{"type":"object","properties":{"$ref":{"$ref":"#/$defs/n"},"all":{"$ref":"#"},"c":{"const":{"$ref":"#/x"}}},"$defs":{"n":{"type":"integer"}}}`
	const want = `{"type":"object","properties":{"$ref":{"$ref":"#/a/0/$defs/n"},"all":{"$ref":"#/a/0"},"c":{"const":{"$ref":"#/x"}}},"$defs":{"n":{"type":"integer"}}}`
	if got := rebase(json.RawMessage(schema), "#/a/0", aSchema); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	withDefs := json.RawMessage(`{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer"}}}`)
	both := callSchema([]callable{{Name: "a", Parameters: json.RawMessage(`{"type":"object"}`)}, {Name: "b", Parameters: withDefs}}, withDefs)
	if err := grammar.Check(both); err != nil {
		t.Errorf("%s: %v", both, err)
	}
}

func TestParametersAreClosedWhereThatIsMeant(t *testing.T) {
	for _, test := range []struct {
		claim string
		given any
		want  string // "" for an error
	}{
		{"none", nil, `{"additionalProperties":false,"type":"object","properties":{}}`},
		{"a map", map[string]any{"type": "object", "properties": map[string]any{}}, `{"additionalProperties":false,"properties":{},"type":"object"}`},
		{"no type", `{"properties":{"a":{}}}`, `{"type":"object","additionalProperties":false,"properties":{"a":{}}}`},
		{"any object", `{ }`, `{"type":"object"}`},
		{"open on purpose", `{"type":"object","properties":{},"additionalProperties":true}`, `{"type":"object","properties":{},"additionalProperties":true}`},
		{"with more to it", json.RawMessage(`{"type":"object","properties":{},"allOf":[{}]}`), `{"type":"object","properties":{},"allOf":[{}]}`},
		{"named as a document", `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"$id":{}},"$id":"a"}`, `{"additionalProperties":false,"type":"object","properties":{"$id":{}}}`},
		{"or null, by type", `{"type":["object","null"],"properties":{}}`, `{"additionalProperties":false,"type":"object","properties":{}}`},
		{"or null, by OpenAPI's word", `{"nullable":true,"type":"object","properties":{"nullable":{}}}`, `{"additionalProperties":false,"type":"object","properties":{"nullable":{}}}`},
		{"a string", `{"type":"string"}`, ""},
		{"anything but an object", `{"type":["array","null"]}`, ""},
		{"of no type", `{"type":3}`, ""},
		{"not JSON", `{`, ""},
		{"not an object", `[1]`, ""},
		{"can't be written", func() {}, ""},
	} {
		got, err := parametersOf(test.given)
		if string(got) != test.want || (err == nil) == (test.want == "") {
			t.Errorf("%s: got %s, %v, want %s", test.claim, got, err, test.want)
		}
	}
}
