package main

import (
	"strings"
	"testing"

	"github.com/latentchain/latentchain/examples/apptest"
)

// The built-in model answers in words where it should call, so a scripted one stands for a model that calls.
func TestAgentAnswersWithWhatTheFunctionGave(t *testing.T) {
	llm, calls := apptest.Scripted(t, func(seen string) string {
		if strings.Contains(seen, "391") {
			return "17 times 23 is 391."
		}
		return `{"name": "calculator", "arguments": {"__arg1": "17 * 23"}}`
	})
	answer, err := compute(t.Context(), llm, "How much is 17 times 23?")
	apptest.Answers(t, err, answer)
	if answer != "17 times 23 is 391." {
		t.Errorf("answer %q", answer)
	}
	calls.Check(t, 0, 2)

	// A model that was made latent by mistake is sent functions, and answers in text all the same.
	answer, err = compute(t.Context(), llm.Latent(8), "How much is 17 times 23?")
	apptest.Answers(t, err, answer)
	if answer != "17 times 23 is 391." {
		t.Errorf("answer %q", answer)
	}
	calls.Check(t, 0, 4)
}
