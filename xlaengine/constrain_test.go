package xlaengine

// Answers under a constraint fit it whatever the model would rather say.

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/sample"
)

// The tiny models have random weights: what they say fits a schema only because it must.
func TestAnswersFitTheirSchema(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	vocabulary, err := e.Vocabulary()
	if err != nil {
		t.Fatal(err)
	}
	g, err := vocabulary.Schema([]byte(`{"type": "object", "required": ["city", "degrees"], "additionalProperties": false,
		"properties": {"city": {"enum": ["Berlin", "Paris"]}, "degrees": {"type": "integer", "minimum": -5, "maximum": 40}, "note": {"type": "string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(12) {
		req := GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, int(seed)), MaxTokens: g.Need() + int(seed)*4,
			Constraint: g.Start(), Sampling: sample.Params{Temperature: float64(seed % 3), Seed: seed}}
		res, err := e.Generate(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		res.Memory.Close()
		var got struct {
			City    string
			Degrees *int
		}
		if err := json.Unmarshal([]byte(res.Text), &got); err != nil {
			t.Errorf("%d tokens: %q: %v", req.MaxTokens, res.Text, err)
			continue
		}
		if !slices.Contains([]string{"Berlin", "Paris"}, got.City) || got.Degrees == nil || *got.Degrees < -5 || *got.Degrees > 40 {
			t.Errorf("%q does not fit", res.Text)
		}
		if len(res.Tokens) > req.MaxTokens {
			t.Errorf("%d tokens, at most %d were allowed", len(res.Tokens), req.MaxTokens)
		}
	}
	_, err = e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), MaxTokens: 2, Constraint: g.Start()})
	if err == nil {
		t.Error("an object was promised in 2 tokens")
	}
}

func TestAnswersAreAsLongAsAskedFor(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	end := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), MaxTokens: 5}).Tokens[2]
	e.ends = append(e.ends, end) // now the third token ends the answer
	short, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), MaxTokens: 20})
	if err != nil {
		t.Fatal(err)
	}
	defer short.Memory.Close()
	long, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), MaxTokens: 20, MinTokens: 10, LogProbs: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer long.Memory.Close()
	if len(short.Tokens) > 3 || len(long.Tokens) < 10 || slices.Contains(long.Tokens[:10], end) {
		t.Errorf("%v without and %v with at least 10 tokens", short.Tokens, long.Tokens)
	}
	if len(long.LogProbs) != len(long.Tokens) || len(long.LogProbs[0].Likeliest) != 3 || long.LogProbs[0].Token.ID != long.Tokens[0] ||
		long.LogProbs[0].Token != long.LogProbs[0].Likeliest[0] || long.LogProbs[0].Token.LogProb > 0 {
		t.Errorf("log probabilities %+v", long.LogProbs)
	}
}

func TestEmbeddingsAreTheMeanHiddenState(t *testing.T) {
	e := openTiny(t, "tiny-qwen3", WithPrefixCache(1<<20))
	prompt := tokens(35, 1)
	got, err := e.Embed(context.Background(), [][]int{prompt, tokens(3, 2), prompt, tokens(300, 4)})
	if err != nil {
		t.Fatal(err)
	}
	mean := make([]float64, e.Config().Dim)
	for n := range prompt {
		for i, v := range think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: prompt[:n+1]}).Hidden[0] {
			mean[i] += float64(v)
		}
	}
	same(t, "embedding", unit(mean), got[0], 1e-4)
	same(t, "the same text again", got[0], got[2], 1e-4)
	for i, v := range got {
		var squares float64
		for _, x := range v {
			squares += float64(x) * float64(x)
		}
		if math.Abs(squares-1) > 1e-5 {
			t.Errorf("embedding %d has length² %g", i, squares)
		}
	}
	if _, err := e.Embed(context.Background(), [][]int{prompt, nil}); err == nil {
		t.Error("an empty text was embedded")
	}
}
