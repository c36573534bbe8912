package plugin_test

// Streaming: what reaches the callbacks, when, and what ends a run.

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
	"github.com/latentchain/latentchain/xlaengine"
)

func TestThoughtsAreStreamedApart(t *testing.T) {
	for _, test := range []struct {
		claim, says, opens string
	}{
		{"the model opens its thought", "<think>\nab\n</think>\n\ncd", ""},
		{"the prompt opens it", "ab\n</think>\n\ncd", "<think>\n"},
	} {
		llm := on(t, &scripted.Engine{Opens: test.opens, Answer: func(string) string { return test.says }})
		var thought, said, chunks []string
		choice := answerOf(t, llm, human("x"),
			llms.WithStreamingFunc(func(_ context.Context, chunk []byte) error { chunks = append(chunks, string(chunk)); return nil }),
			llms.WithStreamingReasoningFunc(func(_ context.Context, reasoning, chunk []byte) error {
				if (len(reasoning) > 0) == (len(chunk) > 0) {
					t.Errorf("%s: a piece of %q and %q", test.claim, reasoning, chunk)
				}
				thought, said = append(thought, string(reasoning)), append(said, string(chunk))
				return nil
			}))
		if choice.ReasoningContent != "ab" || choice.Content != "cd" || choice.GenerationInfo["ThinkingContent"] != "ab" {
			t.Errorf("%s: %+v", test.claim, choice)
		}
		if strings.Join(thought, "") != "ab" || strings.Join(said, "") != "cd" || strings.Join(chunks, "|") != "c|d" {
			t.Errorf("%s: thought %q, said %q, chunks %q", test.claim, thought, said, chunks)
		}
		if want := strings.Index(test.says, "</think>") + len("</think>"); choice.GenerationInfo["ReasoningTokens"] != want {
			t.Errorf("%s: %v tokens of thoughts, want %d", test.claim, choice.GenerationInfo["ReasoningTokens"], want)
		}
	}
	enough := errors.New("enough")
	llm := on(t, &scripted.Engine{Answer: func(string) string { return "<think>a</think>b" }})
	_, err := llm.GenerateContent(t.Context(), human("x"), llms.WithStreamingReasoningFunc(func(context.Context, []byte, []byte) error { return enough }))
	if !errors.Is(err, enough) {
		t.Errorf("after the callback's error: got %v", err)
	}
	if _, err := llm.Call(t.Context(), "x", llms.WithStreamingReasoningFunc(nil)); err != nil {
		t.Error(err)
	}
	cutOff := answerOf(t, llm, human("x"), llms.WithMaxTokens(8))
	if cutOff.ReasoningContent != "a" || cutOff.Content != "" || cutOff.GenerationInfo["ReasoningTokens"] != 8 || cutOff.StopReason != xlaengine.StopLength {
		t.Errorf("cut off in a thought: %+v", cutOff)
	}
}

// A constrained answer has no thoughts: where the prompt opens one, it is closed first.
func TestThoughtThatThePromptOpensIsClosedForJSON(t *testing.T) {
	seen := ""
	llm := on(t, &scripted.Engine{Opens: "<think>\n", Answer: func(s string) string { seen = s; return "{}" }})
	if choice := answerOf(t, llm, human("x"), llms.WithJSONMode()); choice.Content != "{}" || !strings.HasSuffix(seen, "<think>\n\n</think>\n\n") {
		t.Errorf("%q after %q", choice.Content, seen)
	}
}

func TestSupportsReasoning(t *testing.T) {
	if on(t, &scripted.Engine{}).SupportsReasoning() || new(plugin.LLM).SupportsReasoning() {
		t.Error("a model without a token for <think>")
	}
}

// The first piece reaches the callback long before the answer is done; an error of the callback or a cancelled context ends
// the run, and what it took is free again. The engine does not wait for who listens, so how far it gets is not certain.
func TestStreamingOnAModel(t *testing.T) {
	e, err := xlaengine.Open(t.Context(), tinyModel, append(tinyOptions(t), xlaengine.WithPrefixCache(0), xlaengine.WithoutDrafts())...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	llm, err := plugin.New(plugin.WithEngine(e))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = llm.Close() })
	const most = 1500
	enough := errors.New("enough")
	for _, ends := range []string{"callback", "context"} {
		ctx, cancel := context.WithCancel(t.Context())
		before, atFirst := e.Stats(), int64(-1)
		_, err := llm.GenerateContent(ctx, human("Say something."), llms.WithMinLength(most), llms.WithMaxTokens(most), llms.WithTemperature(1), llms.WithSeed(7),
			llms.WithStreamingFunc(func(context.Context, []byte) error {
				if atFirst < 0 {
					atFirst = e.Stats().Tokens - before.Tokens
				}
				if ends == "callback" {
					return enough
				}
				cancel()
				return nil
			}))
		cancel()
		if want := map[string]error{"callback": enough, "context": context.Canceled}[ends]; !errors.Is(err, want) {
			t.Errorf("%s: got %v", ends, err)
		}
		after := e.Stats()
		t.Logf("%s: %d tokens made at the first piece, %d at the end", ends, atFirst, after.Tokens-before.Tokens)
		if made := after.Tokens - before.Tokens; atFirst < 0 || atFirst > most/2 || made > most*3/4 {
			t.Errorf("%s: %d tokens at the first piece, %d in all, of %d", ends, atFirst, made, most)
		}
		if after.CacheBytes != before.CacheBytes || after.Active != 0 {
			t.Errorf("%s: %d bytes held after it, %d before; %d rows active", ends, after.CacheBytes, before.CacheBytes, after.Active)
		}
	}
}
