// Terms: the states of a grammar. A term is a set of byte strings, written with leaves, sequence, choice, repetition
// and rules; the term after a byte is its derivative (Brzozowski, J. ACM 1964). The tail of a sequence is what a
// pushdown automaton has on its stack, a choice its nondeterminism. Equal terms are one object, so a term is the key
// under which everything learnt about it is kept.

package grammar

import (
	"encoding/binary"
	"slices"
)

type kind uint8

const (
	isLeaf     kind = iota
	isEmpty         // the empty string
	isSequence      // head, then tail
	isChoice        // one of members
	isRule          // the body of a rule
	isRepeat        // head, from low to high times; high −1 is without bound
)

// term is one state. No term is a dead end: where nothing can follow there is no term, but nil.
type term struct {
	kind       kind
	ends       bool // the empty string is in the set
	least      int  // length of the shortest string in the set, in bytes
	id         int32
	leaf       leaf
	head, tail *term
	members    []*term // by id, at least two
	rule       int
	low, high  int

	// Learnt as needed.
	few     []edge
	all     *[256]*term // instead of few, once those are many; dead stands for nil
	mask    *mask
	cheap   int16 // the byte that the shortest way begins with; −1 before it is known
	suffice int   // tokens that are enough to finish; −1 before it is known
}

type edge struct {
	b  byte
	to *term
}

var dead = &term{}

// manyEdges is the number of edges from which on a table is kept.
const manyEdges = 8

// identity is what makes two terms equal.
type identity struct {
	kind       kind
	leaf       leaf
	head, tail *term
	members    string
	low, high  int
}

// store makes terms and keeps them. It belongs to whoever holds the grammar's lock.
type store struct {
	grammar *Grammar
	known   map[identity]*term
	bodies  []*term // by rule
	built   map[*expr]*term
	empty   *term
	room    []*term
	bytes   int // about what all this takes
}

func newStore(g *Grammar) *store {
	s := &store{grammar: g, known: map[identity]*term{}, bodies: make([]*term, len(g.rules)), built: map[*expr]*term{}}
	s.empty = s.intern(identity{kind: isEmpty}, func(t *term) { t.ends = true })
	return s
}

func (s *store) intern(id identity, fill func(*term)) *term {
	if t, ok := s.known[id]; ok {
		return t
	}
	t := &term{kind: id.kind, leaf: id.leaf, head: id.head, tail: id.tail, low: id.low, high: id.high, id: int32(len(s.known)), cheap: -1, suffice: -1}
	fill(t)
	s.known[id] = t
	s.bytes += 400 + 16*len(t.members)
	return t
}

func (s *store) fromLeaf(l leaf) *term {
	return s.intern(identity{kind: isLeaf, leaf: l}, func(t *term) { t.ends, t.least = l.ends(), l.least() })
}

// sequence is head and then tail; nil if either is.
func (s *store) sequence(head, tail *term) *term {
	switch {
	case head == nil || tail == nil:
		return nil
	case head == s.empty:
		return tail
	case tail == s.empty:
		return head
	case head.kind == isSequence:
		return s.sequence(head.head, s.sequence(head.tail, tail))
	}
	return s.intern(identity{kind: isSequence, head: head, tail: tail}, func(t *term) {
		t.ends, t.least = head.ends && tail.ends, head.least+tail.least
	})
}

// repeat is unit low to high times. unit does not hold the empty string.
func (s *store) repeat(unit *term, low, high int) *term {
	switch {
	case high == 0 || unit == nil && low == 0:
		return s.empty
	case unit == nil:
		return nil
	}
	return s.intern(identity{kind: isRepeat, head: unit, low: low, high: high}, func(t *term) {
		t.ends, t.least = low == 0, low*unit.least
	})
}

// choice is any of from; nil if all of them are. Members with the same head become one, as A·x | A·y = A·(x | y).
func (s *store) choice(from ...*term) *term {
	var members []*term
	for _, t := range from {
		switch {
		case t == nil:
		case t.kind == isChoice:
			members = append(members, t.members...)
		default:
			members = append(members, t)
		}
	}
	if len(members) > 1 {
		members = s.factored(members)
	}
	switch len(members) {
	case 0:
		return nil
	case 1:
		return members[0]
	}
	key := make([]byte, 0, 4*len(members))
	for _, t := range members {
		key = binary.LittleEndian.AppendUint32(key, uint32(t.id))
	}
	return s.intern(identity{kind: isChoice, members: string(key)}, func(t *term) {
		t.members, t.least = members, members[0].least
		for _, m := range members {
			t.ends = t.ends || m.ends
			t.least = min(t.least, m.least)
		}
	})
}

// factored returns members in order of id with no two of the same head.
func (s *store) factored(members []*term) []*term {
	headOf := func(t *term) *term {
		if t.kind == isSequence {
			return t.head
		}
		return t
	}
	slices.SortFunc(members, func(a, b *term) int {
		if a, b := headOf(a).id, headOf(b).id; a != b {
			return int(a - b)
		}
		return int(a.id - b.id)
	})
	members = slices.Compact(members)
	kept := members[:0]
	for len(members) > 0 {
		head, n := headOf(members[0]), 1
		for n < len(members) && headOf(members[n]) == head {
			n++
		}
		joined := members[0]
		if n > 1 {
			tails := make([]*term, n)
			for i, t := range members[:n] {
				if tails[i] = s.empty; t.kind == isSequence {
					tails[i] = t.tail
				}
			}
			joined = s.sequence(head, s.choice(tails...))
		}
		kept = append(kept, joined)
		members = members[n:]
	}
	slices.SortFunc(kept, func(a, b *term) int { return int(a.id - b.id) })
	return kept
}

func (s *store) fromRule(rule int) *term {
	if s.grammar.rules[rule].least == never {
		return nil
	}
	return s.intern(identity{kind: isRule, low: rule}, func(t *term) { t.rule, t.least = rule, s.grammar.rules[rule].least })
}

// body returns what a rule stands for.
func (s *store) body(rule int) *term {
	if s.bodies[rule] == nil {
		s.bodies[rule] = s.build(s.grammar.rules[rule].body)
	}
	return s.bodies[rule]
}

// after returns what may follow b, nil if b is not allowed.
func (s *store) after(t *term, b byte) *term {
	if t.all != nil {
		if to := t.all[b]; to == dead {
			return nil
		} else if to != nil {
			return to
		}
	}
	return s.learn(t, b)
}

func (s *store) learn(t *term, b byte) *term {
	for _, e := range t.few {
		if e.b == b {
			return e.to
		}
	}
	to := s.derive(t, b)
	switch {
	case t.all != nil:
		if t.all[b] = to; to == nil {
			t.all[b] = dead
		}
	case to == nil:
	case len(t.few) < manyEdges:
		t.few = append(t.few, edge{b, to})
	default:
		t.all = new([256]*term)
		for _, e := range t.few {
			t.all[e.b] = e.to
		}
		t.all[b], t.few = to, nil
		s.bytes += 256 * 8
	}
	return to
}

func (s *store) derive(t *term, b byte) *term {
	switch t.kind {
	case isLeaf:
		next, ok := t.leaf.step(b)
		switch {
		case !ok:
			return nil
		case next == nil:
			return s.empty
		}
		return s.fromLeaf(next)
	case isSequence:
		first := s.sequence(s.after(t.head, b), t.tail)
		if !t.head.ends {
			return first
		}
		return s.choice(first, s.after(t.tail, b))
	case isChoice:
		var found []*term
		for _, m := range t.members {
			if to := s.after(m, b); to != nil {
				found = append(found, to)
			}
		}
		return s.choice(found...)
	case isRule:
		return s.after(s.body(t.rule), b)
	case isRepeat:
		return s.sequence(s.after(t.head, b), s.repeat(t.head, max(0, t.low-1), max(-1, t.high-1)))
	}
	return nil
}

// adopt returns the term of this store that equals t of another one.
func (s *store) adopt(t *term, seen map[*term]*term) *term {
	if here, ok := seen[t]; ok {
		return here
	}
	var here *term
	switch t.kind {
	case isLeaf:
		here = s.fromLeaf(t.leaf)
	case isSequence:
		here = s.sequence(s.adopt(t.head, seen), s.adopt(t.tail, seen))
	case isChoice:
		members := make([]*term, len(t.members))
		for i, m := range t.members {
			members[i] = s.adopt(m, seen)
		}
		here = s.choice(members...)
	case isRule:
		here = s.fromRule(t.rule)
	case isRepeat:
		here = s.repeat(s.adopt(t.head, seen), t.low, t.high)
	default:
		here = s.empty
	}
	seen[t] = here
	return here
}
