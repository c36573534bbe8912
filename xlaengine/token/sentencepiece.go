// SentencePiece: a vocabulary whose pieces carry scores instead of a list of merges. Joining the neighbours whose
// piece scores highest is the same as byte pair encoding with the pieces ranked by score, so it runs on bpe.

package token

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// scored is one piece of the vocabulary; kind is one of the type constants.
type scored struct {
	text  string
	score float64
	kind  int64
}

// sentencePiece says how text is prepared.
type sentencePiece struct {
	prefix   bool // a space is put before the text
	collapse bool // runs of spaces become one, none is left at the ends
}

// space is how pieces write a space.
const space = "▁"

// fromPieces returns the tokenizer over pieces, whose ids are their places in the list.
func fromPieces(pieces []scored, how sentencePiece) (*Tokenizer, error) {
	t := &Tokenizer{words: newVocabulary(len(pieces))}
	if how.collapse {
		t.normalize = append(t.normalize, func(text string) string {
			return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
		})
	}
	if how.prefix {
		t.normalize = append(t.normalize, prepend(" "))
	}
	t.normalize = append(t.normalize, func(text string) string { return strings.ReplaceAll(text, " ", space) })

	model := &bpe{vocab: map[string]int32{}, merges: map[pair]merge{}, unknown: -1, fuse: true}
	var control, user []added
	for id, p := range pieces {
		if err := t.words.add(p.text, id); err != nil {
			return nil, err
		}
		switch p.kind {
		case typeControl, typeUnknown:
			if p.kind == typeUnknown {
				model.unknown = int32(id)
			}
			control = append(control, added{ID: id, Content: p.text, Special: true})
			t.words.special[id] = true
		case typeUser:
			user = append(user, added{ID: id, Content: p.text})
		case typeNormal, typeUnused, typeByte:
			model.vocab[p.text] = int32(id)
		default:
			return nil, fmt.Errorf("token %d (%q) has the unknown type %d", id, p.text, p.kind)
		}
	}
	if len(model.vocab) == 0 {
		return nil, errors.New("vocabulary is empty")
	}
	model.useFallback()
	rankByScore(model, pieces)
	t.model = model
	// User-defined pieces are looked for in the prepared text, where a space is ▁.
	t.raw, t.normalized = newMatcher(control), newMatcher(user)
	t.decoder = decoder{replace: []replacement{{pattern{plain: space}, " "}}, fallback: true}
	if how.prefix {
		t.decoder.lead, t.decoder.strip = ' ', 1
	}
	t.ends = newEnds(t.words, -1, nil)
	return t, nil
}

// rankByScore makes every way to put a piece together from two others a merge. Pieces of one score share a rank,
// so that the leftmost goes first among them.
func rankByScore(model *bpe, pieces []scored) {
	order := make([]int, 0, len(pieces))
	for id, p := range pieces {
		if p.kind == typeNormal || p.kind == typeUnused {
			order = append(order, id)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(pieces[b].score, pieces[a].score) })
	rank := int32(0)
	for i, id := range order {
		if i > 0 && pieces[order[i-1]].score != pieces[id].score {
			rank++
		}
		text := pieces[id].text
		for at := range text {
			left, okLeft := model.vocab[text[:at]]
			right, okRight := model.vocab[text[at:]]
			if okLeft && okRight {
				model.merges[pair{left, right}] = merge{rank: rank, id: int32(id)}
			}
		}
	}
}

// fromSentencePiece reads a tokenizer.model, SentencePiece's own file (a protobuf message, ModelProto).
func fromSentencePiece(raw []byte) (*Tokenizer, error) {
	const (
		unigram = 1
		byPairs = 2
	)
	how := sentencePiece{prefix: true, collapse: true} // what the format says when it is not written out
	kind, charsMap, bos, eos := uint64(unigram), 0, 1, 2
	escape := true
	var pieces []scored
	err := eachField(raw, func(field protowire.Number, value uint64, data []byte) error {
		switch field {
		case 1: // pieces
			p := scored{kind: typeNormal}
			err := eachField(data, func(field protowire.Number, value uint64, data []byte) error {
				switch field {
				case 1:
					p.text = string(data)
				case 2:
					p.score = float32Of(value)
				case 3:
					p.kind = int64(value)
				}
				return nil
			})
			if err == nil && !utf8.ValidString(p.text) {
				err = fmt.Errorf("%q is not valid UTF-8", p.text)
			}
			if err != nil {
				return fmt.Errorf("piece %d: %w", len(pieces), err)
			}
			pieces = append(pieces, p)
		case 2: // trainer_spec
			return eachField(data, func(field protowire.Number, value uint64, _ []byte) error {
				switch field {
				case 3:
					kind = value
				case 41:
					bos = int(int32(value))
				case 42:
					eos = int(int32(value))
				}
				return nil
			})
		case 3: // normalizer_spec
			return eachField(data, func(field protowire.Number, value uint64, data []byte) error {
				switch field {
				case 2:
					charsMap = len(data)
				case 3:
					how.prefix = value != 0
				case 4:
					how.collapse = value != 0
				case 5:
					escape = value != 0
				}
				return nil
			})
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case kind != byPairs:
		return nil, fmt.Errorf("SentencePiece model type %d is not supported, only BPE (%d); convert it to tokenizer.json", kind, byPairs)
	case charsMap > 0:
		return nil, errors.New("a normalizer table (precompiled_charsmap) is not supported; convert the model to tokenizer.json")
	case !escape:
		return nil, errors.New("escape_whitespaces false is not supported; convert the model to tokenizer.json")
	}
	t, err := fromPieces(pieces, how)
	if err != nil {
		return nil, err
	}
	t.ends = newEnds(t.words, bos, []int{eos})
	return t, nil
}
