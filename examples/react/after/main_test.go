package main

import (
	"strings"
	"testing"

	"github.com/latentchain/latentchain/examples/apptest"
)

// The built-in model can't keep to the agent's format, so a scripted one stands for a model that can.
func TestAgentAnswersWithWhatTheToolGave(t *testing.T) {
	llm, calls := apptest.Scripted(t, func(seen string) string {
		if strings.Contains(seen, "Observation: 391") {
			return "Thought: I now know the final answer\nFinal Answer: 391"
		}
		return "Thought: I must multiply\nAction: calculator\nAction Input: 17 * 23\nObservation: 400, I guess\nFinal Answer: 400"
	})
	answer, err := compute(t.Context(), llm, "How much is 17 times 23?")
	apptest.Answers(t, err, answer)
	if answer != "391" {
		t.Errorf("answer %q, want 391", answer)
	}
	calls.Check(t, 0, 2)

	// The agent's loop reads what the model says: one that was made latent by mistake answers in text all the same.
	answer, err = compute(t.Context(), llm.Latent(8), "How much is 17 times 23?")
	apptest.Answers(t, err, answer)
	if answer != "391" {
		t.Errorf("answer %q, want 391", answer)
	}
	calls.Check(t, 0, 4)
}
