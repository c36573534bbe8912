// The vocabulary: what each token adds to the text, as a tree of bytes that is walked to find the tokens allowed.

package grammar

import (
	"bytes"
	"container/list"
	"fmt"
	"slices"
	"sync"
)

// Vocabulary is a tokenizer's tokens, prepared once for all grammars that are compiled for it. It may be used from
// many goroutines.
type Vocabulary struct {
	tokens  [][]byte // by id
	nodes   []node   // each before what begins with it, after what begins with its elder siblings
	twin    []int32  // by id: another token of the same bytes, −1 if there is none
	longest int      // bytes of the longest token
	deepest int
	spell   letters

	mu       sync.Mutex
	locals   map[leaf]*local
	grammars map[[32]byte]*list.Element // by digest of the schema
	recent   *list.List                 // of compiled, latest first
}

// node is a byte that follows the bytes above it.
type node struct {
	past  int32 // the node after this one and all below it
	token int32 // the token that ends here, −1 if none does
	depth int32 // bytes up to here, itself included
	b     byte
}

// NewVocabulary prepares tokens: by id, the bytes that each adds to a text it is not the first of; nil or empty for
// special tokens, which no grammar allows. There must be a token for each printable ASCII character by itself, so
// that whatever is begun can be ended. Other characters are used as themselves if their bytes have tokens, otherwise
// escaped.
func NewVocabulary(tokens [][]byte) (*Vocabulary, error) {
	v := &Vocabulary{
		tokens: tokens, twin: make([]int32, len(tokens)),
		locals: map[leaf]*local{}, grammars: map[[32]byte]*list.Element{}, recent: list.New(),
	}
	ids := make([]int32, 0, len(tokens))
	var single [256]bool
	for id, t := range tokens {
		if v.twin[id] = -1; len(t) == 0 {
			continue
		}
		ids = append(ids, int32(id))
		v.longest = max(v.longest, len(t))
		if len(t) == 1 {
			single[t[0]] = true
		}
	}
	for b := byte(' '); b <= '~'; b++ {
		if !single[b] {
			return nil, fmt.Errorf("vocabulary: no token is %q alone, without which not all that is begun can be ended", b)
		}
	}
	if !slices.Contains(single[0x80:0xc0], false) {
		for b := byte(0xc2); b <= 0xf4; b++ {
			if single[b] {
				v.spell |= 1 << (b - 0xc2)
			}
		}
	}
	slices.SortFunc(ids, func(a, b int32) int {
		if c := bytes.Compare(tokens[a], tokens[b]); c != 0 {
			return c
		}
		return int(a - b)
	})
	v.plant(ids)
	v.local(newText(anything, 0, -1, v.spell)) // what most strings need
	return v, nil
}

// plant builds the tree from ids in the order of their bytes.
func (v *Vocabulary) plant(ids []int32) {
	var path []int32 // the nodes of the token before
	var last []byte
	for i, id := range ids {
		t := v.tokens[id]
		if i > 0 && bytes.Equal(t, last) {
			end := &v.nodes[path[len(path)-1]]
			v.twin[id], end.token = end.token, id
			continue
		}
		same := 0
		for same < len(last) && same < len(t) && last[same] == t[same] {
			same++
		}
		for _, n := range path[same:] {
			v.nodes[n].past = int32(len(v.nodes))
		}
		path = path[:same]
		for d := same; d < len(t); d++ {
			path = append(path, int32(len(v.nodes)))
			v.nodes = append(v.nodes, node{token: -1, depth: int32(d + 1), b: t[d]})
		}
		v.nodes[len(v.nodes)-1].token, last = id, t
		v.deepest = max(v.deepest, len(t))
	}
	for _, n := range path {
		v.nodes[n].past = int32(len(v.nodes))
	}
}

// Size is one more than the highest token.
func (v *Vocabulary) Size() int { return len(v.tokens) }

// words is the length of a bit set over the tokens.
func (v *Vocabulary) words() int { return (len(v.tokens) + 63) / 64 }

// allow sets the bits of the token that ends at a node and of its twins.
func (v *Vocabulary) allow(bits []uint64, token int32) {
	for ; token >= 0; token = v.twin[token] {
		bits[token>>6] |= 1 << (token & 63)
	}
}

// longestPrefix returns the length of the longest token that s begins with. s is not empty and begins with a byte
// that is a token.
func (v *Vocabulary) longestPrefix(s []byte) int {
	longest := 1
	for i, end, depth := int32(0), int32(len(v.nodes)), 0; i < end && depth < len(s); {
		n := &v.nodes[i]
		if n.b != s[depth] {
			i = n.past
			continue
		}
		if depth++; n.token >= 0 {
			longest = depth
		}
		i, end = i+1, n.past
	}
	return longest
}

// local is what can be said of a leaf whatever comes after it.
type local struct {
	bits  []uint64 // the tokens that are all within the leaf
	exits []int32  // the nodes where the leaf may be over and more bytes come
}

// maxLocals bounds the leaves that are remembered.
const maxLocals = 256

// local returns what can be said of l.
func (v *Vocabulary) local(l leaf) *local {
	l = v.blurred(l)
	v.mu.Lock()
	known := v.locals[l]
	v.mu.Unlock()
	if known != nil {
		return known
	}
	known = v.walkLeaf(l)
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.locals) >= maxLocals {
		clear(v.locals)
	}
	v.locals[l] = known
	return known
}

// blurred returns a leaf that is the same for all tokens there are: no token can tell counts beyond its length.
func (v *Vocabulary) blurred(l leaf) leaf {
	t, ok := l.(text)
	if !ok {
		return l
	}
	if most := int32(v.longest + 1); t.low > most {
		t.low = most
	}
	if t.high > int32(v.longest) {
		t.high = -1
	}
	return t
}

// walkLeaf walks the whole tree with tables of the leaf's states that grow as they are needed.
func (v *Vocabulary) walkLeaf(start leaf) *local {
	type state struct {
		leaf leaf
		ends bool
		next [256]*state
	}
	none, over := &state{}, &state{ends: true} // nothing may come, and nothing may follow
	known := map[leaf]*state{}
	stateOf := func(l leaf) *state {
		s, ok := known[l]
		if !ok {
			s = &state{leaf: l, ends: l.ends()}
			known[l] = s
		}
		return s
	}
	step := func(from *state, b byte) *state {
		switch next, ok := from.leaf.step(b); {
		case !ok:
			return none
		case next == nil:
			return over
		default:
			return stateOf(next)
		}
	}
	found := &local{bits: make([]uint64, v.words())}
	path := make([]*state, v.deepest+1)
	path[0] = stateOf(start)
	for i := int32(0); i < int32(len(v.nodes)); {
		n := &v.nodes[i]
		from := path[n.depth-1]
		to := from.next[n.b]
		if to == nil {
			to = step(from, n.b)
			from.next[n.b] = to
		}
		if to == none {
			i = n.past
			continue
		}
		if n.token >= 0 {
			v.allow(found.bits, n.token)
		}
		if to.ends && n.past > i+1 {
			found.exits = append(found.exits, i)
		}
		if to == over {
			i = n.past
			continue
		}
		path[n.depth] = to
		i++
	}
	return found
}
