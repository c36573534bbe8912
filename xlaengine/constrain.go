package xlaengine

// Answers that must fit something: a constraint says at every step which tokens may come next.

import (
	"fmt"
	"math"
	"slices"

	"github.com/latentchain/latentchain/xlaengine/grammar"
)

// Constraint is what an answer must fit, and how far it has come. A grammar.State is one. It is used by one answer.
type Constraint interface {
	// MaskWithin returns the tokens that may come next so that what is said can be completed with left tokens, those
	// included: token i is bit i%64 of word i/64. It is only read, and only until the next call.
	MaskWithin(left int) ([]uint64, error)
	// Accept notes the token that was chosen.
	Accept(id int) error
	// Done says whether what was said so far is complete. It may still be possible to go on.
	Done() bool
}

// Vocabulary returns the model's tokens as grammars need them; it is made once.
func (e *Engine) Vocabulary() (*grammar.Vocabulary, error) {
	e.vocabularyOnce.Do(func() {
		tokens := make([][]byte, e.tokenizer.Size())
		for id := range tokens {
			if !slices.Contains(e.ends, id) {
				tokens[id] = e.tokenizer.Bytes(id)
			}
		}
		e.vocabulary, e.vocabularyErr = grammar.NewVocabulary(tokens)
	})
	return e.vocabulary, e.vocabularyErr
}

// allowed returns logits in which the tokens that may not come next have no chance: those outside the constraint, and
// the ends of an answer that is too short or not complete.
func (d *decoding) allowed(e *Engine, logits []float32) ([]float32, error) {
	made := len(d.result.Tokens)
	c := d.req.Constraint
	mayEnd := made >= d.req.MinTokens && (c == nil || c.Done())
	if c == nil && mayEnd {
		return logits, nil
	}
	ban := float32(math.Inf(-1))
	d.masked = append(d.masked[:0], logits...)
	if c != nil {
		mask, err := c.MaskWithin(d.req.MaxTokens - made)
		if err != nil {
			return nil, fmt.Errorf("constraint: %w", err)
		}
		for id := range d.masked {
			if word := id / 64; word >= len(mask) || mask[word]>>(id%64)&1 == 0 {
				d.masked[id] = ban
			}
		}
	}
	for _, id := range e.ends {
		d.masked[id] = ban
		if mayEnd {
			d.masked[id] = logits[id]
		}
	}
	return d.masked, nil
}

// complete says whether a constraint leaves nothing to add.
func (d *decoding) complete() bool {
	c := d.req.Constraint
	if c == nil || !c.Done() {
		return false
	}
	mask, err := c.MaskWithin(max(1, d.req.MaxTokens-len(d.result.Tokens)))
	return err == nil && !slices.ContainsFunc(mask, func(word uint64) bool { return word != 0 })
}
