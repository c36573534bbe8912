package xlaengine

// Drafts change how fast an answer comes and nothing else.

import (
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/sample"
)

func TestDraftIsWhatFollowedLastTime(t *testing.T) {
	thought := []float32{1}
	for _, c := range []struct {
		name string
		c    chain
		last int
		want []int
	}{
		{"three tokens again", chain(nil).withTokens(1, 2, 3, 4, 5, 6, 7, 8, 1, 2), 3, []int{4, 5, 6}},
		{"the last of two times", chain(nil).withTokens(1, 2, 3, 4, 1, 2, 3, 5, 1, 2), 3, []int{5, 1, 2}},
		{"three before two", chain(nil).withTokens(9, 2, 3, 4, 8, 2, 3, 5, 9, 2), 3, []int{4, 8, 2}},
		{"two if not three", chain(nil).withTokens(2, 3, 4, 9, 2), 3, []int{4, 9, 2}},
		{"less than there might be", chain(nil).withTokens(1, 2, 3, 1, 2), 3, []int{1, 2, 3}},
		{"not past a thought", chain(nil).withTokens(1, 2, 3, 4).withThought(thought).withTokens(7, 1, 2), 3, []int{4}},
		{"thoughts are no match", chain(nil).withThought(thought).withTokens(3, 4).withThought(thought), 3, nil},
		{"never before", chain(nil).withTokens(1, 2, 3), 4, nil},
		{"nothing", nil, 4, nil},
	} {
		if got := draftOf(c.c, c.last); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestDraftsAreMadeWhereTheyPay(t *testing.T) {
	costs := stepCosts{}
	if got := costs.extra(1, 4); got != 0.5 {
		t.Errorf("unknown: %g", got)
	}
	costs.learn(1, 1, 0.020)
	costs.learn(1, 4, 0.030)
	costs.learn(1, 4, 9) // held up once
	if got := costs.extra(1, 4); got < 0.5 || got > 0.8 {
		t.Errorf("four positions cost %g tokens more than one", got)
	}
	var d drafter
	for _, said := range [][]int{{4, 5, 6}, {4, 9}, {4, 5, 6}} {
		d.draft = []int{4, 5, 6}
		for _, id := range said {
			d.said(id)
		}
		if d.draft != nil {
			t.Fatalf("after %v it still watches %v", said, d.draft)
		}
	}
	if want := 3 - 2.0/4 + 0.5/4; d.yield != want {
		t.Errorf("yield %g, want %g", d.yield, want)
	}
}

func TestDraftsChangeNothing(t *testing.T) {
	for _, params := range []sample.Params{{}, {Temperature: 0.7, Seed: 3}, {Temperature: 1.2, TopP: 0.9, RepetitionPenalty: 1.1, Seed: 4}} {
		with, without := openTiny(t, "tiny-qwen3"), openTiny(t, "tiny-qwen3", WithoutDrafts())
		req := GenerateRequest{Memory: without.NewMemory(), Prompt: tokens(12, 1), MaxTokens: 60, Sampling: params, LogProbs: 3}
		b := generate(t, without, req)
		then := GenerateRequest{Memory: b.Memory, Prompt: tokens(20, 2), MaxTokens: 40, Sampling: params}
		b2 := generate(t, without, then)

		truth := b.Tokens
		start := len(req.Prompt) + 1 // the length of the chain when the first token has been taken in
		with.sched.guess = func(c chain, _ int) []int {
			at := len(c) - start + 2
			if at < 0 || at+3 > len(truth) {
				return nil
			}
			draft := slices.Clone(truth[at:][:3])
			if at%3 < 2 {
				draft[at%3]++ // wrong from here on
			}
			return draft
		}
		with.sched.costs[[2]int{1, 1}], with.sched.costs[[2]int{1, 4}] = 1e-9, 1e-9 // always worth it
		req.Memory = with.NewMemory()
		if err := with.compile(step{rows: 1, t: 4, slots: capacityFor(1)}); err != nil {
			t.Fatal(err)
		}
		ready := new(atomic.Bool)
		ready.Store(true)
		with.sched.asked[step{rows: 1, t: 4, slots: capacityFor(1)}] = ready
		a := generate(t, with, req)
		stats := with.Stats()
		with.sched.guess = draftOf
		then.Memory = a.Memory
		a2 := generate(t, with, then)

		if !slices.Equal(a.Tokens, b.Tokens) || !slices.Equal(a2.Tokens, b2.Tokens) || a.Text != b.Text {
			t.Errorf("%+v: tokens %v %v, without drafts %v %v", params, a.Tokens, a2.Tokens, b.Tokens, b2.Tokens)
		}
		if a.Memory.Len() != b.Memory.Len() || a2.Memory.Origin() != b2.Memory.Origin() {
			t.Errorf("%+v: memories of %d and %d positions, %+v and %+v", params, a.Memory.Len(), b.Memory.Len(), a2.Memory.Origin(), b2.Memory.Origin())
		}
		if with.tolerance(1) == 0 && !reflect.DeepEqual(a.LogProbs, b.LogProbs) {
			t.Errorf("%+v: with kernels, log probabilities have other bits than without drafts", params)
		}
		k1, v1 := lastKey(t, with, a2.Memory, 0)
		k2, v2 := lastKey(t, without, b2.Memory, 0)
		same(t, "key", k2, k1, 1e-4)
		same(t, "value", v2, v1, 1e-4)
		if stats.DraftAccepted < 15 || stats.DraftAccepted > stats.DraftTokens-10 {
			t.Errorf("%+v: drafts were right %d times of %d, which tests only half", params, stats.DraftAccepted, stats.DraftTokens)
		}
	}
}
