// Package token turns text into token ids and back exactly as the model's own tokenizer does: byte-level BPE and
// SentencePiece-style BPE, read from a Hugging Face folder or from GGUF metadata. This file holds the Tokenizer
// and what it does; where its parts come from is in hf.go (with names.go), gguf.go and sentencepiece.go, and
// each stage of the work has its own file: added.go, normalize.go (with normalform.go), split.go (with pattern.go),
// bpe.go, decode.go, stream.go.
package token

import (
	"fmt"
	"unicode/utf8"
)

// Tokenizer maps text to ids and ids to text. It never changes once made and may be used from many goroutines.
type Tokenizer struct {
	words      *vocabulary
	raw        matcher // added tokens found in the text as written
	normalized matcher // added tokens found in the text after the normalizer
	normalize  []normalizer
	split      []splitter
	model      *bpe
	decoder    decoder
	ends       ends
}

// Encode returns the ids of text. Added tokens (<|im_start|> and the like) written in the text become their own
// id; nothing is put before or after by itself, as with Hugging Face's add_special_tokens=False. Text that is not
// valid UTF-8 is an error that says at which byte.
func (t *Tokenizer) Encode(text string) ([]int, error) {
	if at := invalidAt(text); at >= 0 {
		return nil, fmt.Errorf("encode: byte %d (0x%02x) of the text is not valid UTF-8", at, text[at])
	}
	ids := make([]int, 0, len(text)/3+1)
	for section := range t.raw.sections(text) {
		if section.id >= 0 {
			ids = append(ids, section.id)
			continue
		}
		ids = t.encodePlain(ids, section)
	}
	return ids, nil
}

func invalidAt(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r != utf8.RuneError {
			continue
		}
		if _, width := utf8.DecodeRuneInString(text[i:]); width == 1 {
			return i
		}
	}
	return -1
}

// encodePlain encodes a stretch of text that holds no raw added token.
func (t *Tokenizer) encodePlain(ids []int, plain section) []int {
	text := plain.text
	for _, normalize := range t.normalize {
		text = normalize(text)
	}
	for section := range t.normalized.sections(text) {
		if section.id >= 0 {
			ids = append(ids, section.id)
			continue
		}
		pieces := []piece{{text: section.text, opens: plain.opens && section.opens}}
		for _, s := range t.split {
			pieces = splitAll(s, pieces)
		}
		for _, p := range pieces {
			ids = t.model.encode(ids, p.text)
		}
	}
	return ids
}

// Decode returns the text of ids, special tokens included and nothing tidied up. Bytes that make no UTF-8
// character become U+FFFD; ids outside the vocabulary give nothing.
func (t *Tokenizer) Decode(ids []int) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if text, ok := t.words.text(id); ok {
			tokens = append(tokens, text)
		}
	}
	return t.decoder.decode(tokens)
}

// Size is one more than the highest id. A model's embedding may have more rows than that, never fewer.
func (t *Tokenizer) Size() int { return len(t.words.texts) }

// Text returns the token as the vocabulary writes it ("Ġthe", "<|im_end|>"), which for all but special tokens is
// not the text it decodes to.
func (t *Tokenizer) Text(id int) (string, bool) { return t.words.text(id) }

// Bytes returns what a token adds to a text that it does not begin, in bytes, which may be a part of a character; nil
// for special tokens and ids that there are not.
func (t *Tokenizer) Bytes(id int) []byte {
	text, ok := t.words.text(id)
	if !ok || t.words.special[id] {
		return nil
	}
	raw, _ := t.decoder.bytes(text, false)
	return raw
}

// ID returns the id of the token that the vocabulary writes as text.
func (t *Tokenizer) ID(text string) (int, bool) {
	id, ok := t.words.ids[text]
	return id, ok
}

// IsSpecial says that id is a control token (a turn's begin or end, padding), not text to show.
func (t *Tokenizer) IsSpecial(id int) bool { return t.words.special[id] }

// BOS returns the token a sequence begins with, if the model has one. Encode never adds it.
func (t *Tokenizer) BOS() (int, bool) { return t.ends.bos, t.ends.bos >= 0 }

// EOS returns every token after which generation is over, in ascending order: the ones the model's files name
// and the well-known ends of a turn that the vocabulary has.
func (t *Tokenizer) EOS() []int { return append([]int(nil), t.ends.eos...) }

// vocabulary is the list of tokens by id and by text.
type vocabulary struct {
	texts   []string // by id
	known   []bool   // by id; a vocabulary may have holes
	ids     map[string]int
	special map[int]bool
}

// maxID bounds ids from a file, so that a broken file cannot ask for all memory. The largest vocabularies known
// have 300,000 entries.
const maxID = 1 << 24

func newVocabulary(size int) *vocabulary {
	return &vocabulary{ids: make(map[string]int, size), special: map[int]bool{}}
}

// add gives text the id. An id that had a text before is known by the new one.
func (v *vocabulary) add(text string, id int) error {
	if id < 0 || id >= maxID {
		return fmt.Errorf("token %q: id %d, want 0 to %d", text, id, maxID-1)
	}
	for len(v.texts) <= id {
		v.texts = append(v.texts, "")
		v.known = append(v.known, false)
	}
	v.texts[id], v.known[id] = text, true
	v.ids[text] = id
	return nil
}

func (v *vocabulary) text(id int) (string, bool) {
	if id < 0 || id >= len(v.texts) || !v.known[id] {
		return "", false
	}
	return v.texts[id], true
}
