// Package apptest opens models for the tests of the examples and looks at what was asked of them.
package apptest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tmc/langchaingo/callbacks"
	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
	"github.com/latentchain/latentchain/xlaengine/hub"
)

// Calls are what was answered on one engine, in order.
type Calls struct {
	callbacks.SimpleHandler
	mu      sync.Mutex
	reports []plugin.Report
}

// Model opens the built-in model, which the first run fetches (about 90 MB), with answers of at most 24 tokens. With
// -short the test is skipped.
func Model(t *testing.T) (*plugin.LLM, *Calls) {
	t.Helper()
	if testing.Short() {
		t.Skip("opens a model of 135M parameters")
	}
	return open(t, plugin.WithModel(hub.PinnedModel), plugin.WithMaxTokens(24))
}

// Scripted returns a model that says what answer returns, given all it sees: for apps that need more wit than the
// built-in model has.
func Scripted(t *testing.T, answer func(seen string) string) (*plugin.LLM, *Calls) {
	t.Helper()
	return open(t, plugin.WithGenerator(&scripted.Engine{Answer: answer}))
}

func open(t *testing.T, opts ...plugin.Option) (*plugin.LLM, *Calls) {
	t.Helper()
	calls := &Calls{}
	llm, err := plugin.New(append(opts, plugin.WithCallbacks(calls))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := llm.Close(); err != nil {
			t.Error(err)
		}
	})
	return llm, calls
}

// HandleLLMGenerateContentEnd is told of each answer.
func (c *Calls) HandleLLMGenerateContentEnd(_ context.Context, response *llms.ContentResponse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, choice := range response.Choices {
		if report, ok := plugin.ReportOf(choice); ok {
			c.reports = append(c.reports, report)
		}
	}
}

// Check wants that many answers in handles and in text, and that each text that follows a handle stands on a memory.
func (c *Calls) Check(t *testing.T, latent, text int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	handles, texts, memory := 0, 0, 0
	for _, r := range c.reports {
		if r.Usage.LatentSteps > 0 {
			handles++
			memory = max(memory, r.MemoryTokens)
			continue
		}
		texts++
	}
	inherited := slices.ContainsFunc(c.reports, func(r plugin.Report) bool { return r.Usage.LatentSteps == 0 && r.Usage.CachedTokens >= memory })
	if handles != latent || texts != text || latent > 0 && !inherited {
		t.Errorf("%d answers in handles and %d in text, want %d and %d; a text over the memory: %v", handles, texts, latent, text, inherited)
	}
}

// Answers fails the test if there is an error, or an answer is empty or holds a handle. It logs them.
func Answers(t *testing.T, err error, answers ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range answers {
		if strings.TrimSpace(answer) == "" || strings.Contains(answer, "latent:") {
			t.Errorf("answer %q", answer)
		}
		t.Logf("%q", answer)
	}
}
