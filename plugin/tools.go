package plugin

// What a model may ask to be called: the tools and functions of a request, who decides whether one is, and how the model
// is told. What it answers is read in calls.go.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine/chat"
)

// calling is what a request says about calls.
type calling struct {
	offered []callable // what the model is told of and may call; none with the choice "none"
	must    bool       // the answer is a call
	legacy  bool       // asked for as functions, not as tools
}

// callable is a function that the model may ask for.
type callable struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"` // JSON Schema of its arguments
}

func callingOf(o llms.CallOptions) (c calling, err error) {
	c.legacy = len(o.Tools) == 0
	for i, tool := range o.Tools {
		if tool.Type != "function" && tool.Type != "" {
			return c, because(ErrTool, "tool %d is of type %q; only functions can be called", i, tool.Type)
		}
		if tool.Function == nil {
			return c, because(ErrTool, "tool %d has no function", i)
		}
		if err := c.offer(*tool.Function); err != nil {
			return c, err
		}
	}
	for _, f := range o.Functions {
		if err := c.offer(f); err != nil {
			return c, err
		}
	}
	choice, name, err := choiceOf(o)
	if err != nil {
		return c, err
	}
	switch choice {
	case choseNone:
		c.offered = nil
	case choseRequired:
		if c.must = true; len(c.offered) == 0 {
			return c, because(ErrTool, "a call is required, but no tool is offered")
		}
	case choseNamed:
		at := slices.IndexFunc(c.offered, func(f callable) bool { return f.Name == name })
		if at < 0 {
			return c, because(ErrTool, "a call of %q is required, but it is not among the tools", name)
		}
		c.must, c.offered = true, c.offered[at:at+1]
	}
	return c, nil
}

func (c *calling) offer(f llms.FunctionDefinition) error {
	if f.Name == "" {
		return because(ErrTool, "function %d has no name", len(c.offered))
	}
	if slices.ContainsFunc(c.offered, func(other callable) bool { return other.Name == f.Name }) {
		return because(ErrTool, "two functions have the name %q", f.Name)
	}
	parameters, err := parametersOf(f.Parameters)
	if err != nil {
		return because(ErrTool, "function %q: parameters: %v", f.Name, err)
	}
	c.offered = append(c.offered, callable{Name: f.Name, Description: f.Description, Parameters: parameters})
	return nil
}

const (
	choseAuto     = "auto"
	choseNone     = "none"
	choseRequired = "required"
	choseNamed    = "function" // a certain one
)

// choiceOf reads ToolChoice and, where that is not set, FunctionCallBehavior.
func choiceOf(o llms.CallOptions) (choice, name string, err error) {
	given := o.ToolChoice
	if given == nil {
		given = string(o.FunctionCallBehavior)
	}
	switch g := given.(type) {
	case llms.ToolChoice:
		if g.Function != nil {
			return choseNamed, g.Function.Name, nil
		}
		given = g.Type
	case *llms.ToolChoice:
		if g == nil {
			return choseAuto, "", nil
		}
		if g.Function != nil {
			return choseNamed, g.Function.Name, nil
		}
		given = g.Type
	case llms.FunctionCallBehavior:
		given = string(g)
	}
	switch given {
	case "", choseAuto:
		return choseAuto, "", nil
	case choseNone:
		return choseNone, "", nil
	case choseRequired, "any":
		return choseRequired, "", nil
	}
	// {"type": "function", "function": {"name": …}} as maps, or {"name": …} as functions had it, also as text
	raw, ok := given.(string)
	if !ok {
		marshalled, err := json.Marshal(given)
		if err != nil {
			return "", "", because(ErrTool, "tool choice of type %T: %v", given, err)
		}
		raw = string(marshalled)
	}
	var named struct {
		Name     string
		Function struct{ Name string }
	}
	if json.Unmarshal([]byte(raw), &named) == nil && named.Name+named.Function.Name != "" {
		return choseNamed, named.Function.Name + named.Name, nil
	}
	return "", "", because(ErrTool, "tool choice %s; want none, auto, required or a llms.ToolChoice with a function", raw)
}

// told returns the conversation as the model is to see it, with what it may call. A template that knows tools gets them
// as they are; for others they are told in the system's message, and calls and results become text.
func (l *LLM) told(turns []chat.Message, c calling) (chat.Input, error) {
	in := chat.Input{Messages: turns}
	used := len(c.offered) > 0 || slices.ContainsFunc(turns, func(m chat.Message) bool { return m.Role == roleTool || len(m.ToolCalls) > 0 })
	if !used {
		return in, nil
	}
	for _, f := range c.offered {
		in.Tools = append(in.Tools, offer{"function", f})
	}
	if l.knowsTools() {
		return in, nil
	}
	var messages []chat.Message
	if len(c.offered) > 0 {
		messages = append(messages, chat.Message{Role: "system", Content: c.instruction()})
	}
	for _, m := range inWords(turns) {
		last := len(messages) - 1
		if m.Role == "system" && last == 0 && messages[0].Role == "system" {
			messages[0].Content = m.Content + "\n\n" + messages[0].Content
			continue
		}
		messages = append(messages, m)
	}
	return chat.Input{Messages: messages}, nil
}

// offer is a tool as chat templates expect it.
type offer struct {
	Type     string   `json:"type"`
	Function callable `json:"function"`
}

// knowsTools says whether the model's template does something with tools; it is tried once.
func (s *shared) knowsTools() bool {
	s.toolsOnce.Do(func() {
		ask := chat.Input{Messages: []chat.Message{{Role: "user", Content: "?"}}}
		without, _, err := s.generator.Prompt(ask)
		ask.Tools = []any{offer{"function", callable{Name: "probe", Parameters: json.RawMessage(`{"type":"object","properties":{}}`)}}}
		with, _, failed := s.generator.Prompt(ask)
		s.toolTemplate = err == nil && failed == nil && with != without && strings.Contains(with, "probe")
	})
	return s.toolTemplate
}

// instruction tells a model without a form of its own how to call.
func (c calling) instruction() string {
	var b strings.Builder
	b.WriteString("These functions can be called:\n")
	for _, f := range c.offered {
		b.WriteString(inJSON(f) + "\n")
	}
	b.WriteString("To call one, answer with nothing but a JSON object of its name and arguments, such as\n")
	fmt.Fprintf(&b, `{"name": %s, "arguments": {…}}`, inJSON(c.offered[0].Name))
	if !c.must {
		b.WriteString("\nIf none is needed, answer in words.")
	}
	return b.String()
}

// inWords puts calls and results in texts: calls as the instruction wants them, results as what the user says next.
func inWords(turns []chat.Message) []chat.Message {
	var out []chat.Message
	afterResult := false
	for _, m := range turns {
		for _, call := range m.ToolCalls {
			if m.Content != "" {
				m.Content += "\n"
			}
			m.Content += fmt.Sprintf(`{"name": %s, "arguments": %s}`, inJSON(call.Function.Name), call.Function.Arguments)
		}
		m.ToolCalls = nil
		isResult := m.Role == roleTool
		if isResult {
			name := m.Name
			if name == "" {
				name = "the call"
			}
			m = chat.Message{Role: "user", Content: fmt.Sprintf("Result of %s: %s", name, m.Content)}
		}
		if last := len(out) - 1; afterResult && m.Role == "user" { // one turn, as templates want turns to alternate
			out[last].Content += "\n" + m.Content
		} else {
			out = append(out, m)
		}
		afterResult = isResult || afterResult && m.Role == "user"
	}
	return out
}
