package main

import (
	"testing"

	"github.com/latentchain/latentchain/examples/apptest"
)

func TestSolverAnswersOverThePlan(t *testing.T) {
	llm, calls := apptest.Model(t)
	answer, err := solve(t.Context(), llm.Latent(8), llm, "A hen lays two eggs a day. How many eggs are there after a week?")
	apptest.Answers(t, err, answer)
	calls.Check(t, 1, 1)
}
