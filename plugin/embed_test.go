package plugin_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/embeddings"
	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestEmbeddingsOfAlikeTextsAreNear(t *testing.T) {
	embedder, err := embeddings.NewEmbedder(on(t, &scripted.Engine{}))
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"tea is a drink", "a drink made of tea leaves", "trains run on rails"}
	for range 15 { // more than are read at a time
		texts = append(texts, texts[:3]...)
	}
	all, err := embedder.EmbedDocuments(t.Context(), texts)
	if err != nil || len(all) != len(texts) {
		t.Fatalf("%d embeddings of %d texts, %v", len(all), len(texts), err)
	}
	if near, far := dot(all[0], all[1]), dot(all[0], all[2]); near <= far {
		t.Errorf("cosine %.2f of texts alike, %.2f of others", near, far)
	}
	if same := dot(all[0], all[45]); math.Abs(same-1) > 1e-6 {
		t.Errorf("one text twice: cosine %g", same)
	}
}

func TestEmbeddingsOnAModel(t *testing.T) {
	llm := openTiny(t)
	all, err := llm.CreateEmbedding(t.Context(), []string{"one text", "another", "one text"})
	if err != nil {
		t.Fatal(err)
	}
	if same, other := dot(all[0], all[2]), dot(all[0], all[1]); math.Abs(same-1) > 1e-5 || other > 0.9999 {
		t.Errorf("cosine of equal texts %g, of others %g", same, other)
	}
	if none, err := llm.CreateEmbedding(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("no texts: %v, %v", none, err)
	}
}

func TestEmbeddingRefuses(t *testing.T) {
	boom := errors.New("boom")
	broken := false
	llm := on(t, &scripted.Engine{Fail: func(doing string) error {
		if doing == "embed" && broken {
			return boom
		}
		return nil
	}})
	handle := call(t, llm.Latent(0), "x")
	for claim, texts := range map[string][]string{"an empty text": {"a", ""}, "a handle": {"a " + handle}} {
		if _, err := llm.CreateEmbedding(t.Context(), texts); !llms.IsInvalidRequestError(err) || strings.Contains(err.Error(), handle) {
			t.Errorf("%s: got %v", claim, err)
		}
	}
	model := openTiny(t)
	texts := slices.Repeat([]string{"a"}, 20)
	texts[18] = strings.Repeat("long ", 5000)
	if _, err := model.CreateEmbedding(t.Context(), texts); !llms.IsTokenLimitError(err) || !strings.Contains(err.Error(), "from text 16 on: embed: row 2: ") {
		t.Errorf("a text too long: got %v", err)
	}
	broken = true
	if _, err := llm.CreateEmbedding(t.Context(), []string{"a"}); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if _, err := new(plugin.LLM).CreateEmbedding(t.Context(), []string{"a"}); !llms.IsInvalidRequestError(err) {
		t.Errorf("not made by New: got %v", err)
	}
}
