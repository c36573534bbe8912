package plugin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

func TestErrorsHaveCodes(t *testing.T) {
	e := &scripted.Engine{Digest: "one", Context: 50}
	store, err := plugin.NewStore(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	llm := on(t, e, plugin.WithStore(store))
	foreign := call(t, on(t, &scripted.Engine{Digest: "two"}, plugin.WithStore(store)).Latent(0), "x")
	t.Cleanup(func() { _ = store.Close() }) // before the models look for memories left
	unknown := call(t, on(t, &scripted.Engine{Digest: "one"}).Latent(0), "x")
	released := call(t, llm.Latent(0), "x")
	if err := llm.Release(released); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	human := []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, "hi")}
	says := func(text string) []llms.MessageContent {
		return []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeHuman, text)}
	}
	for _, test := range []struct {
		claim    string
		ctx      context.Context
		llm      *plugin.LLM
		messages []llms.MessageContent
		opt      llms.CallOption
		want     llms.ErrorCode
	}{
		{"handle of another store", nil, llm, says(unknown), nil, llms.ErrCodeInvalidRequest},
		{"handle of another model", nil, llm, says(foreign), nil, llms.ErrCodeInvalidRequest},
		{"handle released", nil, llm, says(released), nil, llms.ErrCodeResourceNotFound},
		{"handle cut short", nil, llm, says("as " + released[:30] + " says"), nil, llms.ErrCodeInvalidRequest},
		{"latent model, handle cut short", nil, llm.Latent(1), says(released[:30]), nil, llms.ErrCodeInvalidRequest},
		{"no messages", nil, llm, nil, nil, llms.ErrCodeInvalidRequest},
		{"an image", nil, llm, []llms.MessageContent{{Role: "human", Parts: []llms.ContentPart{llms.ImageURLPart("u")}}}, nil, llms.ErrCodeInvalidRequest},
		{"a part that is nil", nil, llm, []llms.MessageContent{{Role: "human", Parts: []llms.ContentPart{nil}}}, nil, llms.ErrCodeInvalidRequest},
		{"a role of no one", nil, llm, []llms.MessageContent{llms.TextParts("oracle", "x")}, nil, llms.ErrCodeInvalidRequest},
		{"a tool without a function", nil, llm, human, llms.WithTools([]llms.Tool{{}}), llms.ErrCodeInvalidRequest},
		{"a function without a name", nil, llm, human, llms.WithFunctions([]llms.FunctionDefinition{{}}), llms.ErrCodeInvalidRequest},
		{"an unknown type of response", nil, llm, human, llms.WithResponseMIMEType("text/html"), llms.ErrCodeInvalidRequest},
		{"JSON in too few tokens", nil, llm.Latent(1), human, func(o *llms.CallOptions) { o.JSONMode, o.MaxTokens = true, 1 }, llms.ErrCodeTokenLimit},
		{"another model", nil, llm, human, llms.WithModel("gpt"), llms.ErrCodeInvalidRequest},
		{"negative tokens", nil, llm, human, llms.WithMaxTokens(-1), llms.ErrCodeInvalidRequest},
		{"negative number of answers", nil, llm, human, llms.WithN(-1), llms.ErrCodeInvalidRequest},
		{"temperature below 0", nil, llm, human, llms.WithTemperature(-1), llms.ErrCodeInvalidRequest},
		{"negative steps", nil, llm.Latent(-1), human, nil, llms.ErrCodeInvalidRequest},
		{"several latent answers", nil, llm.Latent(1), human, llms.WithN(2), llms.ErrCodeInvalidRequest},
		{"longer than the context", nil, llm, says(strings.Repeat("x", 50)), nil, llms.ErrCodeTokenLimit},
		{"cancelled", cancelled, llm, human, nil, llms.ErrCodeCanceled},
		{"too late", late, llm.Latent(1), human, nil, llms.ErrCodeTimeout},
		{"not made by New", nil, &plugin.LLM{}, human, nil, llms.ErrCodeInvalidRequest},
	} {
		ctx := test.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		response, err := test.llm.GenerateContent(ctx, test.messages, test.opt)
		var coded *llms.Error
		if !errors.As(err, &coded) || coded.Code != test.want || response != nil {
			t.Errorf("%s: got %v, %v, want code %s", test.claim, response, err, test.want)
		}
		if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
			t.Errorf("%s: %v is not %v", test.claim, err, cause)
		}
	}
}
