package main

import (
	"testing"

	"github.com/latentchain/latentchain/examples/apptest"
)

func TestTitleStandsOnTwoThinkers(t *testing.T) {
	llm, calls := apptest.Model(t)
	title, err := write(t.Context(), llm.Latent(8), llm, "a lighthouse keeper who is afraid of the dark")
	apptest.Answers(t, err, title)
	calls.Check(t, 2, 1)
}
