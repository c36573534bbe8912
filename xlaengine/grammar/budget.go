// Budgets: how few tokens are enough to finish, and which tokens leave that many. The shortest way from a state is a
// fixed string of bytes, whose rest is the shortest way from every state along it; cut into the longest tokens from
// the left it costs one token less after each of them, so who keeps to tokens that leave enough is never stuck.

package grammar

import "fmt"

// suffices returns the number of tokens that the shortest way from t takes, cut into longest tokens.
func (s *store) suffices(t *term) int {
	if t.suffice >= 0 {
		return t.suffice
	}
	v := s.grammar.vocabulary
	shortest := make([]byte, 0, t.least)
	for at := t; len(shortest) < t.least; {
		b := s.cheapest(at)
		shortest = append(shortest, b)
		at = s.after(at, b)
	}
	at := t
	var starts []*term // where the tokens begin
	for len(shortest) > 0 && at.suffice < 0 {
		starts = append(starts, at)
		n := v.longestPrefix(shortest)
		for _, b := range shortest[:n] {
			at = s.after(at, b)
		}
		shortest = shortest[n:]
	}
	count := max(0, at.suffice)
	if at.suffice < 0 {
		at.suffice = 0 // the end
	}
	for i := len(starts) - 1; i >= 0; i-- {
		count++
		starts[i].suffice = count
	}
	return count
}

// cheapest returns the lowest byte with which a shortest way from t begins. t does not end here.
func (s *store) cheapest(t *term) byte {
	if t.cheap >= 0 {
		return byte(t.cheap)
	}
	var cheap byte
	switch t.kind {
	case isLeaf:
		for b := 0; b < 256; b++ {
			if to := s.after(t, byte(b)); to != nil && to.least == t.least-1 {
				cheap = byte(b)
				break
			}
		}
	case isSequence:
		if cheap = 0; t.head.least > 0 {
			cheap = s.cheapest(t.head)
		} else {
			cheap = s.cheapest(t.tail)
		}
	case isChoice:
		cheap = 255
		for _, m := range t.members {
			if m.least == t.least {
				cheap = min(cheap, s.cheapest(m))
			}
		}
	case isRule:
		cheap = s.cheapest(s.body(t.rule))
	case isRepeat:
		cheap = s.cheapest(t.head)
	}
	t.cheap = int16(cheap)
	return cheap
}

// maskWithin returns the tokens after which left−1 more are enough.
func (s *store) maskWithin(t *term, left int) ([]uint64, error) {
	all := s.maskOf(t)
	if all.most < left {
		return all.bits, nil
	}
	if needed := s.suffices(t); needed > left {
		return nil, fmt.Errorf("grammar: %d tokens are left, %d are enough to finish what is begun", left, needed)
	}
	v := s.grammar.vocabulary
	bits := make([]uint64, v.words())
	if left <= 0 {
		return bits, nil
	}
	path := make([]*term, v.deepest+1)
	path[0] = t
	var last *term // the state after the token before, mostly the same
	enough := false
	for i := int32(0); i < int32(len(v.nodes)); {
		n := &v.nodes[i]
		to := s.after(path[n.depth-1], n.b)
		if to == nil {
			i = n.past
			continue
		}
		if n.token >= 0 {
			if to != last {
				last, enough = to, to.least < left || s.suffices(to) < left
			}
			if enough {
				v.allow(bits, n.token)
			}
		}
		path[n.depth] = to
		i++
	}
	return bits, nil
}
