package main

import (
	"testing"

	"github.com/latentchain/latentchain/examples/apptest"
)

func TestAdviceStandsOnTheThought(t *testing.T) {
	llm, calls := apptest.Model(t)
	answer, err := advise(t.Context(), llm.Latent(8), llm, "Should I take an umbrella to Bergen in October?")
	apptest.Answers(t, err, answer)
	calls.Check(t, 1, 1)
}
