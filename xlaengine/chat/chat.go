// Package chat turns a conversation into the prompt a model was trained on, with the model's own Jinja template.
// Templates run on minijinja, which is Jinja as Rust has it; this package adds what templates expect from Python:
// methods of strings, lists and dicts (method.go), dicts that keep their order (dict.go), and values written as
// Python writes them (python.go, tojson.go). How templates reach these is in rewrite.go; where they come from, in
// source.go. Known to differ from Python: tuples print as lists, ~ writes true for True, and a template that
// multiplies texts without end can use up memory (loops and recursion are stopped).
package chat

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2"
	"github.com/mitsuhiko/minijinja/minijinja-go/v2/syntax"
	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

// Message is one turn of a conversation. Its JSON is the form that templates and chat APIs share.
type Message struct {
	Role             string     `json:"role"`
	Content          string     `json:"content"`
	ReasoningContent string     `json:"reasoning_content,omitempty"`
	ToolCalls        []ToolCall `json:"tool_calls,omitempty"`
	ToolCallID       string     `json:"tool_call_id,omitempty"`
	Name             string     `json:"name,omitempty"`
}

// ToolCall is a call that an assistant's message asks for.
type ToolCall struct {
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type"` // "function"
	Function FunctionCall `json:"function"`
}

// FunctionCall names a function and gives its arguments, a JSON value (templates expect an object), whose keys
// stay in their order.
type FunctionCall struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// Input is what a template sees.
type Input struct {
	Messages            []Message
	Tools               []any // each as encoding/json writes it; struct fields and json.RawMessage keep their order
	AddGenerationPrompt bool  // end with the beginning of the assistant's turn
	BOS, EOS            string
	Extra               map[string]any // further variables, such as enable_thinking
	Now                 time.Time      // for strftime_now; the zero time is the time of rendering
}

// Template is a parsed template. It may be used from many goroutines.
type Template struct {
	source   string
	template *minijinja.Template
}

const (
	maxSource = 1 << 18   // bytes of a template
	maxFuel   = 5_000_000 // expressions and statements in one rendering
)

// Parse reads a Jinja template.
func Parse(source string) (t *Template, err error) {
	defer recovered("parse chat template", &err)
	if len(source) > maxSource {
		return nil, fmt.Errorf("parse chat template: %d bytes, want at most %d", len(source), maxSource)
	}
	rewritten, err := rewrite(source)
	if err != nil {
		return nil, fmt.Errorf("parse chat template: %w", err)
	}
	parsed, err := environment().TemplateFromNamedString("chat_template", rewritten)
	if err != nil {
		return nil, fmt.Errorf("parse chat template: %w", err)
	}
	return &Template{source: source, template: parsed}, nil
}

// environment is set up as transformers sets up Jinja.
func environment() *minijinja.Environment {
	env := minijinja.NewEnvironment()
	env.SetWhitespace(syntax.WhitespaceConfig{TrimBlocks: true, LstripBlocks: true})
	env.SetFormatter(func(_ *minijinja.State, v value.Value, _ func(string) string) string { return str(v) })
	fuel := uint64(maxFuel)
	env.SetFuel(&fuel)
	addFilters(env)
	env.AddFunction(callMethod, method)
	env.AddFunction(makeDict, dictLiteral)
	env.AddFunction(container, searchable)
	env.AddFunction("raise_exception", raise)
	return env
}

// Source returns the template as it was given to Parse.
func (t *Template) Source() string { return t.source }

// Render returns the prompt. Where the template itself refuses the conversation (raise_exception), the error holds
// its message and is an *Exception.
func (t *Template) Render(in Input) (prompt string, err error) {
	defer recovered("render chat template", &err)
	variables, err := in.variables()
	if err != nil {
		return "", fmt.Errorf("render chat template: %w", err)
	}
	prompt, err = t.template.Render(value.FromMap(variables))
	if err != nil {
		return "", fmt.Errorf("render chat template: %w", err)
	}
	return prompt, nil
}

// recovered turns a panic of the template library into an error: nothing public here panics.
func recovered(doing string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s: the template library failed: %v", doing, r)
	}
}

// variables are the names a template can use. What is not given is undefined there, except tools, which is none.
func (in *Input) variables() (map[string]value.Value, error) {
	now := in.Now
	if now.IsZero() {
		now = time.Now()
	}
	vars := map[string]value.Value{
		"add_generation_prompt": value.FromBool(in.AddGenerationPrompt),
		"strftime_now":          value.FromCallable(clock{now}),
		"tools":                 value.None(),
		"documents":             value.None(),
	}
	if in.BOS != "" {
		vars["bos_token"] = value.FromString(in.BOS)
	}
	if in.EOS != "" {
		vars["eos_token"] = value.FromString(in.EOS)
	}
	messages := in.Messages
	if messages == nil {
		messages = []Message{}
	}
	var err error
	if vars["messages"], err = fromGo(messages); err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	if len(in.Tools) > 0 {
		if vars["tools"], err = fromGo(in.Tools); err != nil {
			return nil, fmt.Errorf("tools: %w", err)
		}
	}
	for name, v := range in.Extra {
		if vars[name], err = fromGo(v); err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
	}
	return vars, nil
}

// Exception is a template's own refusal, such as "roles must alternate".
type Exception struct{ Message string }

func (e *Exception) Error() string { return e.Message }

// raise is raise_exception(message).
func raise(_ *minijinja.State, args []value.Value, _ map[string]value.Value) (value.Value, error) {
	message := ""
	if len(args) > 0 {
		message = str(args[0])
	}
	return value.Undefined(), &Exception{message}
}
