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
	"github.com/latentchain/latentchain/xlaengine"
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

// What the engine returns has a code wherever it happens: of a context that was cancelled with a cause, the cause.
func TestErrorsOfTheEngineHaveCodes(t *testing.T) {
	cause := errors.New("the user left")
	for _, test := range []struct {
		claim string
		fail  func(context.CancelCauseFunc) error
		want  llms.ErrorCode
		is    []error
	}{
		{"no room", func(context.CancelCauseFunc) error { return xlaengine.ErrBudget }, llms.ErrCodeQuotaExceeded, []error{xlaengine.ErrBudget}},
		{"longer than the context", func(context.CancelCauseFunc) error { return xlaengine.ErrContextFull }, llms.ErrCodeTokenLimit, []error{xlaengine.ErrContextFull}},
		{"closed", func(context.CancelCauseFunc) error { return xlaengine.ErrClosed }, llms.ErrCodeProviderUnavailable, []error{xlaengine.ErrClosed}},
		{"cancelled with a cause", func(cancel context.CancelCauseFunc) error { cancel(cause); return cause }, llms.ErrCodeCanceled, []error{cause, context.Canceled}},
		{"cancelled, and something else", func(cancel context.CancelCauseFunc) error { cancel(cause); return xlaengine.ErrBudget }, llms.ErrCodeQuotaExceeded, []error{xlaengine.ErrBudget}},
	} {
		for _, where := range []string{"join", "think", "generate", "embed"} {
			ctx, cancel := context.WithCancelCause(t.Context())
			fails := false
			llm := on(t, &scripted.Engine{Fail: func(doing string) error {
				if !fails || doing != where {
					return nil
				}
				return test.fail(cancel)
			}})
			a, b := call(t, llm.Latent(1), "a"), call(t, llm.Latent(1), "b")
			fails = true
			var err error
			switch where {
			case "embed":
				_, err = llm.CreateEmbedding(ctx, []string{"a"})
			case "think":
				_, err = llm.Latent(1).Call(ctx, "x")
			default:
				_, err = llm.Call(ctx, a+b)
			}
			cancel(nil)
			var coded *llms.Error
			if !errors.As(err, &coded) || coded.Code != test.want {
				t.Errorf("%s in %s: got %v, want code %s", test.claim, where, err, test.want)
			}
			for _, is := range test.is {
				if !errors.Is(err, is) {
					t.Errorf("%s in %s: %v is not %v", test.claim, where, err, is)
				}
			}
		}
	}
	late, cancel := context.WithTimeoutCause(t.Context(), 0, cause)
	defer cancel()
	var coded *llms.Error
	if _, err := on(t, &scripted.Engine{}).Call(late, "x"); !errors.As(err, &coded) || coded.Code != llms.ErrCodeTimeout {
		t.Errorf("too late, with a cause: got %v", err)
	}
}
