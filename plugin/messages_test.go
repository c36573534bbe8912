package plugin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

func TestPartsThatCannotBeReadAreNamed(t *testing.T) {
	llm := on(t, &scripted.Engine{})
	text := llms.TextParts(llms.ChatMessageTypeHuman, "x")
	for _, test := range []struct {
		message llms.MessageContent
		want    error
		says    string
	}{
		{llms.MessageContent{Role: "human", Parts: []llms.ContentPart{llms.ImageURLPart("http://x")}}, plugin.ErrPart, "message 1 has an image (llms.ImageURLContent)"},
		{llms.MessageContent{Role: "human", Parts: []llms.ContentPart{llms.BinaryPart("audio/wav", []byte{1})}}, plugin.ErrPart, `message 1 has binary content of type "audio/wav"`},
		{llms.MessageContent{Role: "human", Parts: []llms.ContentPart{nil}}, plugin.ErrPart, "message 1 has a part of type <nil>"},
		{llms.TextParts("oracle", "x"), plugin.ErrRole, `role "oracle"`},
		{llms.MessageContent{Role: "human", Parts: []llms.ContentPart{llms.ToolCall{FunctionCall: &llms.FunctionCall{}}}}, nil, "message 1 of role human: a tool call"},
		{llms.MessageContent{Role: "ai", Parts: []llms.ContentPart{llms.ToolCall{}}}, nil, "message 1 of role ai: a tool call"},
		{llms.MessageContent{Role: "ai", Parts: []llms.ContentPart{llms.ToolCallResponse{}}}, nil, "message 1 of role ai: a tool's response"},
	} {
		_, err := llm.GenerateContent(t.Context(), []llms.MessageContent{text, test.message})
		if !llms.IsInvalidRequestError(err) || !strings.Contains(err.Error(), test.says) || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("got %v, want %q", err, test.says)
		}
	}
	if _, err := llm.GenerateContent(t.Context(), nil); !errors.Is(err, plugin.ErrNoMessages) {
		t.Errorf("no messages: got %v", err)
	}
	if _, err := llm.Call(t.Context(), "x", llms.WithModel("other")); !errors.Is(err, plugin.ErrModel) {
		t.Errorf("another model: got %v", err)
	}
}
