// Byte pair encoding: a piece of text starts as single symbols (bytes or characters), and the pair whose merge
// ranks first is joined until none is left; of equal pairs the leftmost goes first.

package token

import (
	"errors"
	"fmt"
)

// bpe is the model of a tokenizer: its vocabulary and the merges.
type bpe struct {
	vocab     map[string]int32 // by the bytes a token stands for if byteLevel, else by its text
	merges    map[pair]merge
	single    [256]int32 // byteLevel: the id of each byte, −1 if it has none
	fallback  [256]int32 // the ids of <0x00> to <0xFF>, used for characters that have none of their own
	byteLevel bool
	unknown   int32 // for what has no id at all; −1 drops it
	fuse      bool  // a run of unknowns is one
	whole     bool  // a piece that is a token is taken whole, without merging ("ignore_merges")
	cache     cache
}

type pair struct{ left, right int32 }

type merge struct{ rank, id int32 }

// rule is a merge as files list it, by text; the first has rank 0.
type rule struct{ left, right string }

// newByteLevel returns a model over bytes. words and rules spell bytes in the alphabet of byte-level BPE.
func newByteLevel(words map[string]int, rules []rule) (*bpe, error) {
	m, err := newModel(words, rules)
	if err != nil {
		return nil, err
	}
	m.byteLevel = true
	m.vocab = make(map[string]int32, len(words))
	for text, id := range words {
		if raw, ok := fromAlphabet(text); ok {
			m.vocab[string(raw)] = int32(id)
		}
	}
	for b := range m.single {
		m.single[b] = idOr(m.vocab, string([]byte{byte(b)}), -1)
	}
	return m, nil
}

// newModel returns a model over characters.
func newModel(words map[string]int, rules []rule) (*bpe, error) {
	if len(words) == 0 {
		return nil, errors.New("vocabulary is empty")
	}
	m := &bpe{vocab: make(map[string]int32, len(words)), merges: make(map[pair]merge, len(rules)), unknown: -1}
	for text, id := range words {
		if id < 0 || id >= maxID {
			return nil, fmt.Errorf("token %q: id %d, want 0 to %d", text, id, maxID-1)
		}
		m.vocab[text] = int32(id)
	}
	for b := range m.fallback {
		m.fallback[b] = -1
	}
	for rank, r := range rules {
		var ids [3]int32
		for i, text := range []string{r.left, r.right, r.left + r.right} {
			id, ok := m.vocab[text]
			if !ok {
				return nil, fmt.Errorf("merge %d (%q %q): %q is not in the vocabulary", rank, r.left, r.right, text)
			}
			ids[i] = id
		}
		m.merges[pair{ids[0], ids[1]}] = merge{rank: int32(rank), id: ids[2]}
	}
	return m, nil
}

// useFallback makes characters without an id go byte by byte.
func (m *bpe) useFallback() {
	for b := range m.fallback {
		m.fallback[b] = idOr(m.vocab, byteToken(byte(b)), -1)
	}
}

// byteToken is how SentencePiece vocabularies write a single byte.
func byteToken(b byte) string { return fmt.Sprintf("<0x%02X>", b) }

func idOr(ids map[string]int32, text string, otherwise int32) int32 {
	if id, ok := ids[text]; ok {
		return id
	}
	return otherwise
}

// encode adds the ids of one piece to ids.
func (m *bpe) encode(ids []int, text string) []int {
	if m.whole {
		if id, ok := m.vocab[text]; ok {
			return append(ids, int(id))
		}
	}
	found, ok := m.cache.get(text)
	if !ok {
		found = m.merged(text)
		m.cache.put(text, found)
	}
	for _, id := range found {
		ids = append(ids, int(id))
	}
	return ids
}

// symbol is a token in the making, in a list linked both ways.
type symbol struct {
	id, prev, next int32 // next is −1 at the end
	gone           bool  // joined into the one before
}

// merged does the work of encode.
func (m *bpe) merged(text string) []int32 {
	w := m.symbols(text)
	var queue heap
	push := func(at int32) {
		if at < 0 || w[at].next < 0 {
			return
		}
		if found, ok := m.merges[pair{w[at].id, w[w[at].next].id}]; ok {
			queue.push(candidate{rank: found.rank, at: at, id: found.id})
		}
	}
	for i := range w {
		push(int32(i))
	}
	for len(queue) > 0 {
		top := queue.pop()
		left := &w[top.at]
		if left.gone || left.next < 0 {
			continue
		}
		right := &w[left.next]
		// The pair may have changed since it was queued.
		if found, ok := m.merges[pair{left.id, right.id}]; !ok || found.id != top.id {
			continue
		}
		left.id, left.next, right.gone = top.id, right.next, true
		if right.next >= 0 {
			w[right.next].prev = top.at
		}
		push(left.prev)
		push(top.at)
	}
	var ids []int32
	for _, s := range w {
		if !s.gone {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// symbols is what merging starts from.
func (m *bpe) symbols(text string) []symbol {
	w := make([]symbol, 0, len(text))
	add := func(id int32) { w = append(w, symbol{id: id, prev: int32(len(w)) - 1, next: int32(len(w)) + 1}) }
	unknown := false // an unknown waits to be added, until the next known symbol
	flush := func() {
		if unknown {
			add(m.unknown)
		}
		unknown = false
	}
	one := func(id int32, text string) {
		switch {
		case id >= 0:
			flush()
			add(id)
		case !m.byteLevel && m.addBytes(text, add):
		case m.unknown >= 0:
			if !m.fuse {
				flush()
			}
			unknown = true
		}
	}
	if m.byteLevel {
		for i := range len(text) {
			one(m.single[text[i]], "")
		}
	} else {
		for i, r := range text {
			char := text[i : i+runeLen(r)]
			one(idOr(m.vocab, char, -1), char)
		}
	}
	flush()
	if len(w) > 0 {
		w[len(w)-1].next = -1
	}
	return w
}

// addBytes adds the fallback tokens of text if each of its bytes has one.
func (m *bpe) addBytes(text string, add func(int32)) bool {
	for i := range len(text) {
		if m.fallback[text[i]] < 0 {
			return false
		}
	}
	for i := range len(text) {
		add(m.fallback[text[i]])
	}
	return true
}
