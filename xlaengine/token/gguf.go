// Reading the tokenizer that a GGUF file carries in its metadata (keys tokenizer.ggml.*).

package token

import (
	"fmt"
	"strings"

	"github.com/gomlx/go-huggingface/models/gguf"
	"golang.org/x/text/unicode/norm"
)

// FromGGUF returns the tokenizer of a GGUF file: "gpt2", byte-level BPE with one of the pre-tokenizers in
// preTokenizers, or "llama", SentencePiece by scores.
func FromGGUF(f *gguf.File) (*Tokenizer, error) {
	t, err := fromGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("tokenizer of %s: %w", f.Path(), err)
	}
	return t, nil
}

// The types a GGUF gives its tokens; SentencePiece's model files use the same numbers.
const (
	typeNormal  = 1
	typeUnknown = 2
	typeControl = 3
	typeUser    = 4
	typeUnused  = 5
	typeByte    = 6
)

func fromGGUF(f *gguf.File) (*Tokenizer, error) {
	get := func(key string) gguf.Value {
		kv, _ := f.GetKeyValue("tokenizer.ggml." + key)
		return kv.Value
	}
	texts := get("tokens").Strings()
	if len(texts) == 0 {
		return nil, fmt.Errorf("tokenizer.ggml.tokens is missing; the file carries no tokenizer")
	}
	types := get("token_type").Int64s()
	if types != nil && len(types) != len(texts) {
		return nil, fmt.Errorf("tokenizer.ggml.token_type has %d entries, tokens %d", len(types), len(texts))
	}
	var t *Tokenizer
	var err error
	switch kind := get("model").String(); kind {
	case "gpt2":
		t, err = gpt2(texts, types, get("merges").Strings(), get("pre").String())
	case "llama":
		scores := get("scores").Float64s()
		if len(scores) != len(texts) {
			return nil, fmt.Errorf("tokenizer.ggml.scores has %d entries, tokens %d", len(scores), len(texts))
		}
		pieces := make([]scored, len(texts))
		for id, text := range texts {
			pieces[id] = scored{text: text, score: scores[id], kind: typeNormal}
			if types != nil {
				pieces[id].kind = types[id]
			}
		}
		t, err = fromPieces(pieces, sentencePiece{
			prefix:   get("add_space_prefix").Raw() == nil || get("add_space_prefix").Bool(),
			collapse: get("remove_extra_whitespaces").Bool(),
		})
	default:
		return nil, fmt.Errorf("tokenizer.ggml.model is %q, supported are gpt2 and llama", kind)
	}
	if err != nil {
		return nil, err
	}
	bos := -1
	if id := get("bos_token_id"); id.Raw() != nil {
		bos = int(id.Int64())
	}
	var eos []int
	for _, key := range []string{"eos_token_id", "eot_token_id", "eom_token_id"} {
		if id := get(key); id.Raw() != nil {
			eos = append(eos, int(id.Int64()))
		}
	}
	t.ends = newEnds(t.words, bos, eos)
	return t, nil
}

// preTokenizer is what a GGUF only names: how the text is prepared for byte-level BPE.
type preTokenizer struct {
	normalize []normalizer
	digits    bool   // each digit is a piece
	pattern   string // then cut with this
	whole     bool   // pieces that are tokens are not merged
}

// preTokenizers by the name in tokenizer.ggml.pre, as the models' own tokenizer.json files have them.
var preTokenizers = map[string]preTokenizer{
	"smollm": {digits: true, pattern: gpt2Pattern},
	"qwen2": {normalize: []normalizer{inForm(norm.NFC)},
		pattern: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	"llama-bpe": {whole: true,
		pattern: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
}

func gpt2(texts []string, types []int64, merges []string, name string) (*Tokenizer, error) {
	pre, ok := preTokenizers[name]
	if !ok {
		return nil, fmt.Errorf("tokenizer.ggml.pre is %q, supported are smollm, qwen2 and llama-bpe", name)
	}
	if len(merges) == 0 {
		return nil, fmt.Errorf("tokenizer.ggml.merges is missing")
	}
	p, err := compile(pre.pattern)
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{normalize: pre.normalize, decoder: decoder{alphabet: true}, words: newVocabulary(len(texts))}
	if pre.digits {
		t.split = append(t.split, digits(true))
	}
	t.split = append(t.split, mustSplitAt(p.spans, "Isolated"))

	rules, err := readRules(merges)
	if err != nil {
		return nil, err
	}
	words := make(map[string]int, len(texts))
	var addedTokens []added
	for id, text := range texts {
		words[text] = id
		if err := t.words.add(text, id); err != nil {
			return nil, err
		}
		if types != nil && (types[id] == typeControl || types[id] == typeUser) {
			addedTokens = append(addedTokens, added{ID: id, Content: text, Special: types[id] == typeControl})
		}
	}
	if t.model, err = newByteLevel(words, rules); err != nil {
		return nil, err
	}
	t.model.whole = pre.whole
	return t, t.setAdded(addedTokens)
}

// readRules reads merges written as "left right".
func readRules(lines []string) ([]rule, error) {
	rules := make([]rule, len(lines))
	for rank, line := range lines {
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return nil, fmt.Errorf("merge %d is %q, want two tokens with a space between", rank, line)
		}
		rules[rank] = rule{left, right}
	}
	return rules, nil
}
