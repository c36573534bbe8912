package plugin

// Messages in the model's terms: who says what, without the handles in it.

import (
	"encoding/json"
	"strings"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine/chat"
)

// roleTool is whom chat templates have say what a call gave.
const roleTool = "tool"

// conversation puts messages in the model's terms, without the handles in them. A message that held nothing but
// handles goes with them unless it is the last.
func conversation(messages []llms.MessageContent) (turns []chat.Message, handles []string, err error) {
	if len(messages) == 0 {
		return nil, nil, because(ErrNoMessages, "%v", ErrNoMessages)
	}
	cut := func(text string) (rest string, found bool) {
		rest, some := cutHandles(text)
		handles = append(handles, some...)
		return rest, len(some) > 0
	}
	names := map[string]string{} // of the functions called, by the call's id
	for i, m := range messages {
		role, err := roleOf(m.Role)
		if err != nil {
			return nil, nil, err
		}
		turn := chat.Message{Role: role}
		var texts []string
		var results []chat.Message
		for _, part := range m.Parts {
			switch p := part.(type) {
			case llms.TextContent:
				texts = append(texts, p.Text)
			case llms.ToolCall:
				if role != "assistant" || p.FunctionCall == nil {
					return nil, nil, refused("message %d of role %s: a tool call is for messages of role ai, with a function", i, m.Role)
				}
				arguments, _ := cut(p.FunctionCall.Arguments)
				turn.ToolCalls = append(turn.ToolCalls, chat.ToolCall{ID: p.ID, Type: "function", Function: chat.FunctionCall{
					Name: p.FunctionCall.Name, Arguments: argumentsOf(arguments)}})
				names[p.ID] = p.FunctionCall.Name
			case llms.ToolCallResponse:
				if role == "assistant" || role == "system" {
					return nil, nil, refused("message %d of role %s: a tool's response is for messages of role tool", i, m.Role)
				}
				content, _ := cut(p.Content)
				name := p.Name
				if name == "" {
					name = names[p.ToolCallID]
				}
				results = append(results, chat.Message{Role: roleTool, Content: content, ToolCallID: p.ToolCallID, Name: name})
			case llms.ImageURLContent:
				return nil, nil, because(ErrPart, "message %d has an image (llms.ImageURLContent); this model reads text only", i)
			case llms.BinaryContent:
				return nil, nil, because(ErrPart, "message %d has binary content of type %q (llms.BinaryContent); this model reads text only", i, p.MIMEType)
			default:
				return nil, nil, because(ErrPart, "message %d has a part of type %T; want text, tool calls or tool responses", i, part)
			}
		}
		turns = append(turns, results...)
		if len(results) > 0 && len(texts) == 0 {
			continue
		}
		text, held := cut(strings.Join(texts, "\n"))
		if held && strings.TrimSpace(text) == "" && i < len(messages)-1 && len(turn.ToolCalls) == 0 {
			continue
		}
		turn.Content = text
		turns = append(turns, turn)
	}
	return turns, handles, nil
}

// argumentsOf returns a call's arguments as the object that chat templates expect. What an agent gives that knows only
// tools of one text argument is put under the name that langchaingo has for it.
func argumentsOf(text string) json.RawMessage {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "{") && json.Valid([]byte(trimmed)) {
		return json.RawMessage(trimmed)
	}
	return json.RawMessage(inJSON(map[string]string{"__arg1": text}))
}

// roleOf returns the role as chat templates call it. Callers send the raw names of other providers too.
func roleOf(role llms.ChatMessageType) (string, error) {
	switch role {
	case llms.ChatMessageTypeSystem:
		return "system", nil
	case llms.ChatMessageTypeHuman, llms.ChatMessageTypeGeneric, "user":
		return "user", nil
	case llms.ChatMessageTypeAI, "assistant":
		return "assistant", nil
	case llms.ChatMessageTypeTool, llms.ChatMessageTypeFunction:
		return roleTool, nil
	}
	return "", because(ErrRole, "message of role %q; want system, human, ai, tool, function, generic, user or assistant", role)
}
