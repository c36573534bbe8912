package xlaengine

// Embeddings of texts: the mean of the last layer's normed hidden states over all positions, of length one.

import (
	"context"
	"fmt"
	"math"
)

// Embed returns for each prompt of token ids an embedding [dim] of length one: the mean of its positions' hidden states.
func (e *Engine) Embed(ctx context.Context, prompts [][]int) ([][]float32, error) {
	sequences := make([]*sequence, 0, len(prompts))
	leave := func() {
		for _, q := range sequences {
			q.leave()
		}
	}
	for i, prompt := range prompts {
		memory := e.NewMemory()
		err := e.checkPrompt(memory, prompt, 0)
		var q *sequence
		if err == nil {
			q, err = e.newSequence(memory, prompt, 0)
		}
		if err != nil {
			leave()
			return nil, rowError("embed", i, len(prompts), err)
		}
		q.think = &thinking{result: new(Thinking)}
		q.pool = make([]float64, e.dec.Dim)
		sequences = append(sequences, q)
	}
	if len(sequences) == 0 {
		return nil, nil
	}
	if err := e.sched.submit(ctx, sequences); err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	embeddings := make([][]float32, len(sequences))
	for i, q := range sequences {
		q.result.Close()
		embeddings[i] = unit(q.pool)
	}
	return embeddings, nil
}

func unit(v []float64) []float32 {
	var squares float64
	for _, x := range v {
		squares += x * x
	}
	length := math.Sqrt(max(squares, math.SmallestNonzeroFloat64))
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / length)
	}
	return out
}
