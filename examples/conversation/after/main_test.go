package main

import (
	"testing"

	"github.com/latentchain/latentchain/examples/apptest"
)

func TestSecondTurnKnowsTheFirst(t *testing.T) {
	llm, calls := apptest.Model(t)
	answers, err := talk(t.Context(), llm, "Hello, my name is Alice.", "What is my name?")
	apptest.Answers(t, err, answers...)
	calls.Check(t, 0, 2)
}
