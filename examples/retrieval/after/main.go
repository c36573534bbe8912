// An answer from the documents nearest to the question: Embedder, a retriever and RetrievalQA.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/latentchain/latentchain/plugin"
	"github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/schema"
)

func main() {
	llm, err := plugin.New()
	if err != nil {
		log.Fatal(err)
	}
	answer, err := look(context.Background(), llm, llm, "At what time does the museum open in the morning?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}

var library = []string{
	"The museum opens at ten o'clock in the morning.",
	"Bread is baked from flour, water, salt and yeast.",
	"The river floods its banks in spring, when the snow melts.",
}

// look answers a question from the library.
func look(ctx context.Context, llm llms.Model, client embeddings.EmbedderClient, question string) (string, error) {
	found, err := index(ctx, client)
	if err != nil {
		return "", err
	}
	return chains.Run(ctx, chains.NewRetrievalQAFromLLM(llm, found), question)
}

func index(ctx context.Context, client embeddings.EmbedderClient) (shelf, error) {
	embedder, err := embeddings.NewEmbedder(client)
	if err != nil {
		return shelf{}, err
	}
	vectors, err := embedder.EmbedDocuments(ctx, library)
	return shelf{embedder, vectors}, err
}

// shelf finds the one text of the library that is nearest to a question.
type shelf struct {
	embedder embeddings.Embedder
	vectors  [][]float32
}

func (s shelf) GetRelevantDocuments(ctx context.Context, question string) ([]schema.Document, error) {
	asked, err := s.embedder.EmbedQuery(ctx, question)
	if err != nil {
		return nil, err
	}
	best := 0
	for i, vector := range s.vectors {
		if dot(vector, asked) > dot(s.vectors[best], asked) {
			best = i
		}
	}
	return []schema.Document{{PageContent: library[best]}}, nil
}

// dot is the cosine of two vectors of length 1.
func dot(a, b []float32) (sum float32) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
