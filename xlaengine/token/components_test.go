// Each part of tokenizer.json by itself, against what the tokenizers library makes of it (testdata/golden.py).

package token

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"testing"
)

// component is a tokenizer.json with texts; cases without a text are for decoding only.
type component struct {
	Name      string          `json:"name"`
	Tokenizer json.RawMessage `json:"tokenizer"`
	Cases     []struct {
		Text    *string `json:"text"`
		IDs     []int   `json:"ids"`
		Decoded string  `json:"decoded"`
	} `json:"cases"`
}

func (c *component) check(t *testing.T, tokenizer *Tokenizer) {
	t.Helper()
	if len(c.Cases) == 0 {
		t.Error("no cases")
	}
	for _, g := range c.Cases {
		if g.Text != nil {
			checkGolden(t, tokenizer, golden{Text: *g.Text, IDs: g.IDs, Decoded: &g.Decoded})
		} else if text := tokenizer.Decode(g.IDs); text != g.Decoded {
			t.Errorf("%v decodes to %q, want %q", g.IDs, text, g.Decoded)
		}
	}
}

func TestEveryComponentEqualsHuggingFace(t *testing.T) {
	f, err := os.Open("testdata/components.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []component
	if err := json.NewDecoder(r).Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 35 {
		t.Errorf("%d tokenizers, want at least 35", len(all))
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			tokenizer, err := fromJSON(c.Tokenizer, nil)
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, tokenizer)
		})
	}
}

func TestHardTextsEqualHuggingFace(t *testing.T) {
	raw, err := os.ReadFile("testdata/hard.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []component
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	open := map[string]func(testing.TB) *Tokenizer{
		"smollm2": smollm, "tiny-llama3": folder(models + "tiny-llama3"), "tiny-qwen3": folder(models + "tiny-qwen3"),
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) { c.check(t, open[c.Name](t)) })
	}
}

func TestIDsEqualSentencePiece(t *testing.T) {
	raw, err := os.ReadFile("testdata/bpe.model")
	if err != nil {
		t.Fatal(err)
	}
	tokenizer, err := fromSentencePiece(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range readGolden(t, "sentencepiece.json") {
		checkGolden(t, tokenizer, g)
	}
}
