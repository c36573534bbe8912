package token

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func sprint(ids []int) string { return fmt.Sprint(ids) }

// asGGUF writes the tokenizer of a folder's tokenizer.json the way GGUF files carry one.
func asGGUF(t *testing.T, dir, pre string) []entry {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Added []added   `json:"added_tokens"`
		Model modelJSON `json:"model"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	texts := make([]string, open(t, dir).Size())
	types := make([]int32, len(texts))
	for text, id := range c.Model.Vocab {
		texts[id], types[id] = text, typeNormal
	}
	for _, a := range c.Added {
		texts[a.ID], types[a.ID] = a.Content, typeControl
	}
	var merges []string
	for _, r := range c.Model.Merges {
		merges = append(merges, r.left+" "+r.right)
	}
	return []entry{
		{"tokenizer.ggml.model", "gpt2"}, {"tokenizer.ggml.pre", pre}, {"tokenizer.ggml.tokens", texts},
		{"tokenizer.ggml.token_type", types}, {"tokenizer.ggml.merges", merges},
		{"tokenizer.ggml.bos_token_id", uint32(1)}, {"tokenizer.ggml.eos_token_id", uint32(0)}, {"tokenizer.ggml.eot_token_id", uint32(5)},
	}
}

func TestGGUFPreTokenizersEqualTokenizerJSON(t *testing.T) {
	for _, c := range []struct{ pre, dir, golden string }{
		{"qwen2", "tiny-qwen2", "tokens-tiny-qwen3.json"},
		{"llama-bpe", "tiny-llama3", "tokens-tiny-llama3.json"},
	} {
		t.Run(c.pre, func(t *testing.T) {
			tokenizer := fromGGUFBytes(t, encodeGGUF(t, asGGUF(t, models+c.dir, c.pre)))
			for _, g := range readGolden(t, c.golden) {
				checkGolden(t, tokenizer, g)
			}
			if bos, ok := tokenizer.BOS(); !ok || bos != 1 {
				t.Errorf("begin is %d, %v, want 1", bos, ok)
			}
			if eos := tokenizer.EOS(); !slices.Equal(eos, []int{0, 2, 5}) {
				t.Errorf("ends are %v, want [0 2 5]", eos)
			}
		})
	}
}

// The "llama" kind is SentencePiece's: what GGUF says about the pieces of a tokenizer.model gives the same ids.
func TestGGUFLlamaEqualsSentencePiece(t *testing.T) {
	raw, err := os.ReadFile("testdata/bpe.model")
	if err != nil {
		t.Fatal(err)
	}
	want, err := fromSentencePiece(raw)
	if err != nil {
		t.Fatal(err)
	}
	scores := make([]float32, want.Size())
	types := make([]int32, want.Size())
	for id, text := range want.words.texts {
		types[id] = typeNormal
		switch {
		case text == "<unk>":
			types[id] = typeUnknown
		case want.words.special[id]:
			types[id] = typeControl
		case text == "<tok>" || text == "\n":
			types[id] = typeUser
		case strings.HasPrefix(text, "<0x"):
			types[id] = typeByte
		default:
			scores[id] = -float32(id)
		}
	}
	tokenizer := fromGGUFBytes(t, encodeGGUF(t, []entry{
		{"tokenizer.ggml.model", "llama"}, {"tokenizer.ggml.tokens", want.words.texts},
		{"tokenizer.ggml.scores", scores}, {"tokenizer.ggml.token_type", types},
	}))
	for _, g := range readGolden(t, "sentencepiece.json") {
		checkGolden(t, tokenizer, g)
	}
	ids, err := tokenizer.Encode("a<s>a")
	if err != nil {
		t.Fatal(err)
	}
	if got := tokenizer.Decode(ids); got != "a<s> a" { // each side of a control token is a text of its own
		t.Errorf("a<s>a comes back as %q", got)
	}
}

func TestBrokenGGUFIsNamed(t *testing.T) {
	good := asGGUF(t, models+"tiny-llama3", "llama-bpe")
	with := func(key string, value any) []entry {
		changed := slices.Clone(good)
		for i := range changed {
			if changed[i].key == "tokenizer.ggml."+key {
				changed[i].value = value
			}
		}
		return changed
	}
	for _, c := range []struct {
		entries []entry
		want    string
	}{
		{nil, "tokenizer.ggml.tokens is missing"},
		{with("model", "bert"), `tokenizer.ggml.model is "bert"`},
		{with("pre", "odd"), `tokenizer.ggml.pre is "odd", supported are smollm, qwen2 and llama-bpe`},
		{with("merges", []string{}), "tokenizer.ggml.merges is missing"},
		{with("merges", []string{"a b c"}), `merge 0 is "a b c"`},
		{with("merges", []string{"a nosuch"}), `"nosuch" is not in the vocabulary`},
		{with("token_type", []int32{1}), "token_type has 1 entries"},
		{with("model", "llama"), "scores has 0 entries"},
	} {
		_, err := openGGUFBytes(t, encodeGGUF(t, c.entries))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "tokenizer of ") {
			t.Errorf("error %v, want one that says %q", err, c.want)
		}
	}
}
