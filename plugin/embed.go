package plugin

// Embeddings of texts, in the form langchaingo's embeddings.NewEmbedder takes.

import (
	"context"
	"errors"
	"fmt"

	"github.com/tmc/langchaingo/embeddings"
)

var _ embeddings.EmbedderClient = (*LLM)(nil)

// embedBatch is how many texts are read at a time.
const embedBatch = 16

// CreateEmbedding returns for each text the mean of the last layer's hidden states over its tokens, [dim], of length
// one. The texts are read as they are, without a chat template. An empty text has no tokens to take the mean of and is
// refused, as is one with a handle: what a handle stands for has no text.
func (l *LLM) CreateEmbedding(ctx context.Context, texts []string) ([][]float32, error) {
	all, err := l.embed(ctx, texts)
	if err != nil {
		return nil, coded(ctx, fmt.Errorf("embed: %w", err))
	}
	return all, nil
}

func (l *LLM) embed(ctx context.Context, texts []string) ([][]float32, error) {
	if l.shared == nil {
		return nil, errNotMade
	}
	prompts := make([][]int, len(texts))
	for i, text := range texts {
		if _, handles := cutHandles(text); len(handles) > 0 {
			return nil, refused("text %d holds the handle %s; embed texts, not what stands for a memory", i, short(handles[0]))
		}
		var err error
		if prompts[i], err = l.generator.Tokenize(text); err != nil {
			return nil, fmt.Errorf("text %d: %w", i, err)
		}
		if len(prompts[i]) == 0 {
			return nil, refused("text %d is empty; leave it out", i)
		}
	}
	all := make([][]float32, 0, len(texts))
	for from := 0; from < len(prompts); from += embedBatch {
		batch := prompts[from:min(from+embedBatch, len(prompts))]
		some, err := l.generator.Embed(ctx, batch)
		if err != nil && from > 0 { // whose rows are counted from there
			err = fmt.Errorf("from text %d on: %w", from, err)
		}
		if err != nil {
			return nil, err
		}
		if len(some) != len(batch) {
			return nil, errors.New("the engine did not embed all texts")
		}
		all = append(all, some...)
	}
	return all, nil
}
