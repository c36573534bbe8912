package plugin_test

// A model on a real engine: a Qwen3 of three layers with random weights on the pure-Go backend. A
// second in all. Under -race the backend's own pointer arithmetic needs -gcflags=all=-d=checkptr=0.

import (
	"errors"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
)

const tinyModel = "../testdata/models/tiny-qwen3"

func tinyOptions(t *testing.T) []xlaengine.Option {
	return []xlaengine.Option{xlaengine.WithPlugin("go"), xlaengine.Offline(), xlaengine.WithCacheDir(t.TempDir())}
}

func openTiny(t *testing.T, opts ...plugin.Option) *plugin.LLM {
	t.Helper()
	e, err := xlaengine.Open(t.Context(), tinyModel, tinyOptions(t)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	llm, err := plugin.New(append(opts, plugin.WithEngine(e))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = llm.Close() })
	return llm
}

func ask(t *testing.T, llm *plugin.LLM, prompt string, opts ...llms.CallOption) (string, plugin.Report) {
	t.Helper()
	response, err := llm.GenerateContent(t.Context(), []llms.MessageContent{llms.TextParts("human", prompt)}, append(opts, llms.WithMaxTokens(6))...)
	if err != nil {
		t.Fatal(err)
	}
	report, ok := plugin.ReportOf(response.Choices[0])
	if !ok {
		t.Fatal("no report")
	}
	return response.Choices[0].Content, report
}

func TestHandOffOnAModel(t *testing.T) {
	llm := openTiny(t)
	a, first := ask(t, llm.Latent(3), "Remember 7341.")
	if first.MemoryTokens != first.Usage.PromptTokens+3 || first.Usage.MemoryBytes != int64(first.MemoryTokens*2*3*2*32*4) {
		t.Errorf("a memory of %d positions and %d bytes: %+v", first.MemoryTokens, first.Usage.MemoryBytes, first.Usage)
	}
	alone, _ := ask(t, llm, "Which number?")
	over, usage := ask(t, llm, a+"\nWhich number?")
	again, repeated := ask(t, llm, "Which number?"+a)
	if usage.Usage.CachedTokens != first.MemoryTokens || over != again {
		t.Errorf("over %d positions %q, again %q", usage.Usage.CachedTokens, over, again)
	}
	if usage.CachedPrompt != 0 || repeated.CachedPrompt != repeated.Usage.PromptTokens-1 || repeated.Usage.CachedTokens != first.MemoryTokens+repeated.CachedPrompt {
		t.Errorf("of the prompt %d were cached, then %d of %+v", usage.CachedPrompt, repeated.CachedPrompt, repeated.Usage)
	}
	if over == alone {
		t.Error("the memory makes no difference to the answer")
	}
	b, second := ask(t, llm.Latent(2, plugin.WithThoughts(xlaengine.Soft{})), "Remember 9.")
	if _, joined := ask(t, llm, a+b+"Which numbers?"); joined.Usage.CachedTokens != first.MemoryTokens+second.MemoryTokens {
		t.Errorf("two memories of %d and %d positions give %d", first.MemoryTokens, second.MemoryTokens, joined.Usage.CachedTokens)
	}
	sampled := []llms.CallOption{llms.WithTemperature(1), llms.WithSeed(3)}
	one, _ := ask(t, llm, "x", sampled...)
	two, _ := ask(t, llm, "x", sampled...)
	if one != two {
		t.Errorf("one seed gives %q and %q", one, two)
	}
	for _, handle := range []string{a, b} {
		if err := llm.Release(handle); err != nil {
			t.Error(err)
		}
	}
}

func TestTwoEnginesRefuseEachOthersMemories(t *testing.T) {
	store, err := plugin.NewStore(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	one, other, apart := openTiny(t, plugin.WithStore(store)), openTiny(t, plugin.WithStore(store)), openTiny(t)
	t.Cleanup(func() { _ = store.Close() })
	handle, _ := ask(t, one.Latent(0), "x")
	if _, err := other.Call(t.Context(), handle); !llms.IsInvalidRequestError(err) || !strings.Contains(err.Error(), "plugin.OpenStore") {
		t.Errorf("same store: got %v", err)
	}
	if _, err := apart.Call(t.Context(), handle); !llms.IsInvalidRequestError(err) {
		t.Errorf("another store: got %v", err)
	}
	ask(t, one, handle)
}

func TestNewOpensAndCloses(t *testing.T) {
	llm, err := plugin.New(plugin.WithModel(tinyModel), plugin.WithEngineOptions(tinyOptions(t)...))
	if err != nil {
		t.Fatal(err)
	}
	handle, _ := ask(t, llm.Latent(1), "x")
	if !strings.HasPrefix(handle, "⟦latent:") {
		t.Errorf("got %q", handle)
	}
	if err := errors.Join(llm.Close(), llm.Close()); err != nil {
		t.Error(err)
	}
	var coded *llms.Error
	if _, err := llm.Call(t.Context(), handle); !errors.As(err, &coded) || coded.Code != llms.ErrCodeProviderUnavailable || !errors.Is(err, xlaengine.ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
	if _, err := llm.Call(t.Context(), "x"); !errors.Is(err, xlaengine.ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
}
