// Expressions: a grammar as the compiler writes it down, before it is known which parts no value can fit. Rules may
// refer to one another and to themselves; settle finds the shortest text of each, and with it those that have none.

package grammar

import "math"

// never is the length of the shortest string of an empty set.
const never = math.MaxInt32

// expr is a node of a grammar. Nodes may be shared.
type expr struct {
	kind      kind
	leaf      leaf
	parts     []*expr // in order for a sequence, the unit for a repetition
	rule      int
	low, high int

	least int
	round int // in which least was found
}

func nothing() *expr                { return oneOf() }
func leafExpr(l leaf) *expr         { return &expr{kind: isLeaf, leaf: l} }
func word(s string) *expr           { return leafExpr(literal(s)) }
func inOrder(parts ...*expr) *expr  { return &expr{kind: isSequence, parts: parts} }
func oneOf(parts ...*expr) *expr    { return &expr{kind: isChoice, parts: parts} }
func ruleExpr(rule int) *expr       { return &expr{kind: isRule, rule: rule} }
func maybe(part *expr) *expr        { return oneOf(&expr{kind: isEmpty}, part) }
func times(e *expr, l, h int) *expr { return &expr{kind: isRepeat, parts: []*expr{e}, low: l, high: h} }

// anyWord is one of some words, sorted. What they begin with in common is written once, so that many words are no more
// than a few to choose from at each byte.
func anyWord(sorted []string) *expr {
	var parts []*expr
	for len(sorted) > 0 {
		head := sorted[0]
		if head == "" {
			parts, sorted = append(parts, &expr{kind: isEmpty}), sorted[1:]
			continue
		}
		n := 1
		for n < len(sorted) && sorted[n][0] == head[0] {
			n++
		}
		last := sorted[n-1] // in sorted words it is the furthest from the first
		same := 1
		for same < len(head) && same < len(last) && head[same] == last[same] {
			same++
		}
		rest := make([]string, n)
		for i, w := range sorted[:n] {
			rest[i] = w[same:]
		}
		if n == 1 {
			parts = append(parts, word(head))
		} else {
			parts = append(parts, inOrder(word(head[:same]), anyWord(rest)))
		}
		sorted = sorted[n:]
	}
	return oneOf(parts...)
}

// rule is a named part of a grammar.
type rule struct {
	path  string // of the schema it is for
	body  *expr
	least int // length of its shortest text in bytes; never if it has none
}

// settle finds the least of every rule. Later rules are mostly parts of earlier ones, so it goes from the back.
func settle(rules []rule) {
	for i := range rules {
		rules[i].least = never
	}
	for round := 1; ; round++ {
		changed := false
		for i := len(rules) - 1; i >= 0; i-- {
			if least := rules[i].body.shortest(rules, round); least < rules[i].least {
				rules[i].least, changed = least, true
			}
		}
		if !changed {
			return
		}
	}
}

func (e *expr) shortest(rules []rule, round int) int {
	if e.round == round {
		return e.least
	}
	least := 0
	switch e.kind {
	case isLeaf:
		least = e.leaf.least()
	case isSequence:
		for _, p := range e.parts {
			least = min(never, least+p.shortest(rules, round))
		}
	case isChoice:
		least = never
		for _, p := range e.parts {
			least = min(least, p.shortest(rules, round))
		}
	case isRule:
		least = rules[e.rule].least
	case isRepeat:
		if unit := e.parts[0].shortest(rules, round); e.low > 0 {
			least = min(never, e.low*unit)
		}
	}
	e.least, e.round = least, round
	return least
}

// build returns the term for e, nil if nothing fits it.
func (s *store) build(e *expr) *term {
	if t, ok := s.built[e]; ok {
		return t
	}
	var t *term
	switch e.kind {
	case isLeaf:
		t = s.fromLeaf(e.leaf)
	case isEmpty:
		t = s.empty
	case isSequence:
		t = s.empty
		for i := len(e.parts) - 1; i >= 0; i-- {
			t = s.sequence(s.build(e.parts[i]), t)
		}
	case isChoice:
		members := make([]*term, len(e.parts))
		for i, p := range e.parts {
			members[i] = s.build(p)
		}
		t = s.choice(members...)
	case isRule:
		t = s.fromRule(e.rule)
	case isRepeat:
		t = s.repeat(s.build(e.parts[0]), e.low, e.high)
	}
	s.built[e] = t
	return t
}
