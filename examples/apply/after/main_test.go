package main

import (
	"slices"
	"testing"

	"github.com/latentchain/latentchain/examples/apptest"
)

func TestEachReviewHasItsAnswer(t *testing.T) {
	llm, calls := apptest.Model(t)
	answers, err := quote(t.Context(), llm.Latent(8), llm, []string{"It broke after a day.", "Best kettle I ever had.", "It is a kettle."})
	apptest.Answers(t, err, answers...)
	if slices.Sort(answers); len(slices.Compact(answers)) != 3 {
		t.Errorf("the answers to 3 reviews are alike: %q", answers)
	}
	calls.Check(t, 3, 3)
}
