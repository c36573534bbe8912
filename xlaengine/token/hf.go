// Reading a Hugging Face folder: tokenizer.json, and the files beside it that name begin and end tokens.

package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Open reads the tokenizer of a model's folder: tokenizer.json, or else SentencePiece's tokenizer.model.
func Open(dir string) (*Tokenizer, error) {
	t, err := openFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer in %s: %w", dir, err)
	}
	return t, nil
}

func openFolder(dir string) (*Tokenizer, error) {
	names, err := readNames(dir)
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "tokenizer.json"))
	if errors.Is(err, fs.ErrNotExist) {
		raw, err := os.ReadFile(filepath.Join(dir, "tokenizer.model"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errors.New("neither tokenizer.json nor tokenizer.model is there; copy one of them from the model's page")
		}
		if err != nil {
			return nil, err
		}
		t, err := fromSentencePiece(raw)
		if err != nil {
			return nil, fmt.Errorf("tokenizer.model: %w", err)
		}
		names.apply(t)
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := fromJSON(raw, names.added())
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	names.apply(t)
	return t, nil
}

// fromJSON builds the tokenizer that a tokenizer.json describes, with more added tokens unless it has them.
func fromJSON(raw []byte, more []added) (*Tokenizer, error) {
	var c struct {
		Added        []added         `json:"added_tokens"`
		Normalizer   json.RawMessage `json:"normalizer"`
		PreTokenizer json.RawMessage `json:"pre_tokenizer"`
		Decoder      json.RawMessage `json:"decoder"`
		Model        modelJSON       `json:"model"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	var t Tokenizer
	var err error
	if t.normalize, err = readNormalizers(c.Normalizer); err != nil {
		return nil, err
	}
	var byteLevel bool
	if t.split, byteLevel, err = readSplitters(c.PreTokenizer); err != nil {
		return nil, err
	}
	if t.decoder, err = readDecoder(c.Decoder); err != nil {
		return nil, err
	}
	if t.model, err = c.Model.build(byteLevel); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	t.words = newVocabulary(len(c.Model.Vocab))
	for text, id := range c.Model.Vocab {
		if err := t.words.add(text, id); err != nil {
			return nil, err
		}
	}
	for _, a := range more {
		if _, ok := t.words.ids[a.Content]; !ok && !hasToken(c.Added, a) {
			c.Added = append(c.Added, a)
		}
	}
	return &t, t.setAdded(c.Added)
}

func hasToken(list []added, a added) bool {
	for _, other := range list {
		if other.ID == a.ID || other.Content == a.Content {
			return true
		}
	}
	return false
}

// setAdded makes tokens the added tokens of t. The model's own id for a text counts more than the one given.
func (t *Tokenizer) setAdded(tokens []added) error {
	var raw, normalized []added
	for _, a := range tokens {
		if id, ok := t.words.ids[a.Content]; ok {
			a.ID = id
		}
		if err := t.words.add(a.Content, a.ID); err != nil {
			return err
		}
		if a.Special {
			t.words.special[a.ID] = true
		}
		if !a.Normalized {
			raw = append(raw, a)
			continue
		}
		for _, normalize := range t.normalize {
			a.Content = normalize(a.Content)
		}
		t.words.texts[a.ID] = a.Content // and so it decodes, as in the tokenizers library since 0.23
		normalized = append(normalized, a)
	}
	t.raw, t.normalized = newMatcher(raw), newMatcher(normalized)
	t.ends = newEnds(t.words, -1, nil)
	return nil
}

// modelJSON is the "model" of a tokenizer.json.
type modelJSON struct {
	Type         string         `json:"type"`
	Vocab        map[string]int `json:"vocab"`
	Merges       mergeList      `json:"merges"`
	Unknown      *string        `json:"unk_token"`
	Fuse         bool           `json:"fuse_unk"`
	Fallback     bool           `json:"byte_fallback"`
	IgnoreMerges bool           `json:"ignore_merges"`
	Dropout      *float64       `json:"dropout"`
	Prefix       string         `json:"continuing_subword_prefix"`
	Suffix       string         `json:"end_of_word_suffix"`
}

// UnmarshalJSON leaves the vocabulary of other models than BPE alone; it has another form.
func (m *modelJSON) UnmarshalJSON(raw []byte) error {
	var c struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return err
	}
	if c.Type != "BPE" && c.Type != "" {
		return fmt.Errorf("%q is not supported, only BPE", c.Type)
	}
	type plain modelJSON
	return json.Unmarshal(raw, (*plain)(m))
}

// mergeList is written as ["a b", …] or [["a", "b"], …].
type mergeList []rule

func (l *mergeList) UnmarshalJSON(raw []byte) error {
	var lines []string
	if json.Unmarshal(raw, &lines) == nil {
		rules, err := readRules(lines)
		*l = rules
		return err
	}
	var pairs [][]string
	if err := json.Unmarshal(raw, &pairs); err != nil {
		return fmt.Errorf("merges are neither strings nor pairs of strings: %w", err)
	}
	for i, p := range pairs {
		if len(p) != 2 {
			return fmt.Errorf("merge %d has %d parts, want 2", i, len(p))
		}
		*l = append(*l, rule{p[0], p[1]})
	}
	return nil
}

func (m *modelJSON) build(byteLevel bool) (*bpe, error) {
	switch {
	case m.Dropout != nil && *m.Dropout > 0:
		return nil, fmt.Errorf("dropout %g is not supported: ids would be random", *m.Dropout)
	case m.Prefix != "":
		return nil, fmt.Errorf("continuing_subword_prefix %q is not supported", m.Prefix)
	case m.Suffix != "":
		return nil, fmt.Errorf("end_of_word_suffix %q is not supported", m.Suffix)
	}
	build := newModel
	if byteLevel {
		build = newByteLevel
	}
	b, err := build(m.Vocab, m.Merges)
	if err != nil {
		return nil, err
	}
	if m.Unknown != nil {
		id, ok := m.Vocab[*m.Unknown]
		if !ok {
			return nil, fmt.Errorf("unk_token %q is not in the vocabulary", *m.Unknown)
		}
		b.unknown = int32(id)
	}
	if m.Fallback {
		b.useFallback()
	}
	b.fuse, b.whole = m.Fuse, m.IgnoreMerges
	return b, nil
}
