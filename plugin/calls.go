package plugin

// Calls in what a model said, in the forms that chat templates train models on: JSON objects between <tool_call> and
// </tool_call>, or an answer that is nothing but such objects, one after the other or in an array, perhaps after a marker.
// An object that does not name a function on offer is text.

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tmc/langchaingo/llms"
)

const (
	callBegin = "<tool_call>"
	callEnd   = "</tool_call>"
)

// callMarkers are what Mistral's and Llama's models put before an answer that is calls.
var callMarkers = []string{"[TOOL_CALLS]", "<|python_tag|>"}

// unmarked returns text without the space and the marker that it begins with.
func unmarked(text string) string {
	text = strings.TrimLeft(text, " \t\r\n")
	for _, marker := range callMarkers {
		if rest, is := strings.CutPrefix(text, marker); is {
			return strings.TrimLeft(rest, " \t\r\n")
		}
	}
	return text
}

// callsIn returns the calls in text, and the text without them.
func (c calling) callsIn(text string) (rest string, calls []llms.FunctionCall) {
	if len(c.offered) == 0 {
		return text, nil
	}
	if calls, ok := c.read(text); ok {
		return "", calls
	}
	var words strings.Builder
	for left := text; ; {
		before, after, found := strings.Cut(left, callBegin)
		words.WriteString(before)
		if !found {
			break
		}
		body, next, _ := strings.Cut(after, callEnd)
		if some, ok := c.read(body); ok {
			calls = append(calls, some...)
		} else {
			words.WriteString(left[len(before) : len(left)-len(next)])
		}
		left = next
	}
	if len(calls) == 0 {
		return text, nil
	}
	return strings.TrimSpace(words.String()), calls
}

// sureText returns how much of what was said so far is no part of a call; up to from is known to be text.
func (c calling) sureText(said string, from int) int {
	if len(c.offered) == 0 {
		return len(said)
	}
	begin := unmarked(said)
	opens := slices.ContainsFunc(callMarkers, func(marker string) bool { return strings.HasPrefix(marker, begin) })
	if opens || strings.ContainsRune("{[`", rune(begin[0])) {
		return from
	}
	if at := strings.Index(said[from:], callBegin); at >= 0 {
		return from + at
	}
	return max(from, len(said)-begun(said, callBegin))
}

// read returns the calls in text if it is nothing else.
func (c calling) read(text string) (calls []llms.FunctionCall, ok bool) {
	text = strings.TrimSpace(unmarked(text))
	if fenced, is := strings.CutPrefix(text, "```"); is {
		text = strings.TrimSuffix(strings.TrimPrefix(fenced, "json"), "```")
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); err == io.EOF {
			return calls, len(calls) > 0
		} else if err != nil {
			return nil, false
		}
		several := []json.RawMessage{value}
		if value[0] == '[' {
			if err := json.Unmarshal(value, &several); err != nil {
				return nil, false
			}
		}
		for _, one := range several {
			call, ok := c.call(one)
			if !ok {
				return nil, false
			}
			calls = append(calls, call)
		}
	}
}

// call reads one object: name and then arguments (parameters, as Llama 3 writes), by themselves or as "function". Only in
// this order were arguments kept to what the function takes (see mayCall), and with other keys it is something else.
func (c calling) call(raw json.RawMessage) (f llms.FunctionCall, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return f, false
	}
	var arguments json.RawMessage
	for decoder.More() {
		key, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			return f, false
		}
		switch {
		case key == "type" && string(value) == `"function"`:
		case key == "function" && f.Name == "" && !decoder.More():
			return c.call(value)
		case key == "name" && f.Name == "" && json.Unmarshal(value, &f.Name) == nil:
		case (key == "arguments" || key == "parameters") && f.Name != "" && arguments == nil:
			arguments = value
		case key == "id" && arguments != nil:
		default:
			return f, false
		}
	}
	if !slices.ContainsFunc(c.offered, func(o callable) bool { return o.Name == f.Name }) {
		return f, false
	}
	var quoted string
	if json.Unmarshal(arguments, &quoted) == nil && json.Valid([]byte(quoted)) {
		arguments = json.RawMessage(quoted)
	}
	f.Arguments = string(bytes.TrimSpace(arguments))
	return f, strings.HasPrefix(f.Arguments, "{")
}

// toolCalls gives calls their ids. They follow from prompt and call, so that equal runs give equal ids, and differ from one
// another within a conversation, as its prompts do. Some templates want 9 letters or digits.
func toolCalls(calls []llms.FunctionCall, prompt []int, answer int) []llms.ToolCall {
	out := make([]llms.ToolCall, len(calls))
	for i, f := range calls {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %d %q %q", prompt, answer, i, f.Name, f.Arguments))
		id := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:9])
		out[i] = llms.ToolCall{ID: id, Type: "function", FunctionCall: &f}
	}
	return out
}
