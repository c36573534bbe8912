// Where a sequence begins and where generation is over.

package token

import (
	"slices"
)

// ends are a model's begin and end tokens; bos is −1 if there is none.
type ends struct {
	bos int
	eos []int // ascending
}

// wellKnownEnds end a turn or a text in the chat formats in use. Models' files often name only one of theirs.
var wellKnownEnds = []string{
	"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>", "<|return|>",
	"<end_of_turn>", "<｜end▁of▁sentence｜>", "</s>", "<eos>",
}

// newEnds gathers the ids that the model's files name and the well-known ends among its special tokens.
func newEnds(words *vocabulary, bos int, eos []int) ends {
	e := ends{bos: -1}
	if _, ok := words.text(bos); ok {
		e.bos = bos
	}
	for _, text := range wellKnownEnds {
		if id, ok := words.ids[text]; ok && words.special[id] {
			eos = append(eos, id)
		}
	}
	for _, id := range eos {
		if _, ok := words.text(id); ok {
			e.eos = append(e.eos, id)
		}
	}
	slices.Sort(e.eos)
	e.eos = slices.Compact(e.eos)
	return e
}
