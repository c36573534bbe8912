// Masks: the tokens that a state allows. What can be said of a string whatever follows it is found once for the whole
// vocabulary (Vocabulary.local); only the few tokens that run past a string's end are looked at state by state.

package grammar

// mask is a set of tokens.
type mask struct {
	bits []uint64
	most int // the highest least, in bytes, of the states after them; an upper bound
}

// maskOf returns the tokens that t allows.
func (s *store) maskOf(t *term) *mask {
	if t.mask == nil {
		t.mask = &mask{bits: make([]uint64, s.grammar.vocabulary.words())}
		s.bytes += 8 * len(t.mask.bits)
		s.gather(t, t.mask)
	}
	return t.mask
}

// gather adds the tokens that t allows to m.
func (s *store) gather(t *term, m *mask) {
	head, tail := t, s.empty
	if t.kind == isSequence {
		head, tail = t.head, t.tail
	}
	switch {
	case head.kind == isChoice:
		var plain []*term // members that are no string
		for _, member := range head.members {
			switch whole := s.sequence(member, tail); {
			case member.kind == isLeaf && !isText(member), member.kind == isSequence && member.head.kind == isLeaf && !isText(member.head):
				plain = append(plain, whole)
			default:
				s.gather(whole, m)
			}
		}
		if len(plain) > 0 {
			s.walk(s.choice(plain...), 0, int32(len(s.grammar.vocabulary.nodes)), m)
		}
	case head.kind == isRule:
		s.gather(s.sequence(s.body(head.rule), tail), m)
	case isText(head):
		s.gatherText(head.leaf, tail, m)
	case head != s.empty:
		s.walk(t, 0, int32(len(s.grammar.vocabulary.nodes)), m)
	}
}

func isText(t *term) bool {
	_, ok := t.leaf.(text)
	return ok
}

// gatherText adds the tokens that l and then tail allow to m.
func (s *store) gatherText(l leaf, tail *term, m *mask) {
	v := s.grammar.vocabulary
	local := v.local(l)
	for i, w := range local.bits {
		m.bits[i] |= w
	}
	m.most = max(m.most, l.most()+tail.least)
	for _, i := range local.exits {
		s.walk(tail, i+1, v.nodes[i].past, m)
	}
}

// walk adds to m the tokens that end in the nodes from start to end, siblings and what is below them, if t allows
// the bytes from there on.
func (s *store) walk(t *term, start, end int32, m *mask) {
	if start >= end {
		return
	}
	v := s.grammar.vocabulary
	top := v.nodes[start].depth
	path := s.path(v.deepest + 1)
	path[0] = t
	for i := start; i < end; {
		n := &v.nodes[i]
		to := s.after(path[n.depth-top], n.b)
		if to == nil {
			i = n.past
			continue
		}
		if n.token >= 0 {
			v.allow(m.bits, n.token)
			m.most = max(m.most, to.least)
		}
		path[n.depth-top+1] = to
		i++
	}
}

// path returns room for the states along a token. walk does not call itself.
func (s *store) path(n int) []*term {
	if len(s.room) < n {
		s.room = make([]*term, n)
	}
	return s.room
}
