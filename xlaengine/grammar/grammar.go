// Package grammar keeps a model's output to JSON, or to the JSON that a JSON Schema describes, token by token: a
// Grammar's State says which tokens may come next, so that what is sampled always parses, always fits, and can
// always be finished within the tokens left. It knows nothing of models: a Vocabulary is the bytes of each token.
//
// This file holds what a caller uses. A schema is read in document.go and keyword.go, taken apart in expand.go and
// turned into an expression by the files named for its types; terms (term.go) are the states of the automaton that
// runs over it, masks (mask.go) what it says of tokens.
package grammar

import (
	"fmt"
	"sync"
)

// Grammar is a set of texts, compiled for a vocabulary. It may be used from many goroutines; what one run learns of
// its states serves the others.
type Grammar struct {
	vocabulary *Vocabulary
	rules      []rule

	mu    sync.Mutex
	store *store
}

// maxStoreBytes is about how much a grammar remembers of its states before it begins anew.
const maxStoreBytes = 64 << 20

func newGrammar(v *Vocabulary, rules []rule) *Grammar {
	g := &Grammar{vocabulary: v, rules: rules}
	g.store = newStore(g)
	return g
}

// Start returns the state before the first token.
func (g *Grammar) Start() *State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return &State{grammar: g, store: g.store, at: g.store.fromRule(0)}
}

// Need returns a number of tokens that is enough for a whole text of the grammar. With cleverly chosen tokens fewer
// may do.
func (g *Grammar) Need() int { return g.Start().Need() }

// State is a place in a text. It belongs to one goroutine.
type State struct {
	grammar *Grammar
	store   *store
	at      *term
}

// Clone returns a state of its own in the same place.
func (s *State) Clone() *State {
	c := *s
	return &c
}

// current returns the grammar's store, with the state in it. The grammar is locked.
func (s *State) current() *store {
	g := s.grammar
	if g.store.bytes > maxStoreBytes {
		g.store = newStore(g)
	}
	if s.store != g.store {
		s.at, s.store = g.store.adopt(s.at, map[*term]*term{}), g.store
	}
	return s.store
}

// Mask returns the tokens allowed now: bit id%64 of word id/64. Tokens that end a text are not among them; they are
// allowed when Done says so. The mask is shared and must not be changed.
func (s *State) Mask() []uint64 {
	s.grammar.mu.Lock()
	defer s.grammar.mu.Unlock()
	return s.current().maskOf(s.at).bits
}

// MaskWithin returns the tokens after which the text can be finished with left tokens in all, the next one included;
// an end token after that is not counted. Kept to from the first token on it never fails, unless left is too small
// to begin with: then the error says how many tokens are enough. The mask must not be changed.
func (s *State) MaskWithin(left int) ([]uint64, error) {
	s.grammar.mu.Lock()
	defer s.grammar.mu.Unlock()
	return s.current().maskWithin(s.at, left)
}

// Need returns a number of tokens that is enough to finish the text from here, 0 if it may end here.
func (s *State) Need() int {
	s.grammar.mu.Lock()
	defer s.grammar.mu.Unlock()
	return s.current().suffices(s.at)
}

// Accept moves the state past a token. A token that is not allowed is an error and leaves the state where it is.
func (s *State) Accept(id int) error {
	g := s.grammar
	if id < 0 || id >= len(g.vocabulary.tokens) || len(g.vocabulary.tokens[id]) == 0 {
		return fmt.Errorf("grammar: token %d has no text; end tokens and other special ones are not for Accept", id)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	store, at := s.current(), s.at
	for i, b := range g.vocabulary.tokens[id] {
		if at = store.after(at, b); at == nil {
			return fmt.Errorf("grammar: token %d (%q) is not allowed here: its byte %d", id, g.vocabulary.tokens[id], i)
		}
	}
	s.at = at
	return nil
}

// Done reports whether the text may end here. More may be allowed all the same, as after the 1 of 12.
func (s *State) Done() bool { return s.at.ends }

// MustEnd reports whether the text ends here and nothing more is allowed.
func (s *State) MustEnd() bool { return s.at.kind == isEmpty }
