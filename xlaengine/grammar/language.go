// Languages: sets of strings of characters, as deterministic automata over code points. They say what a string of the
// schema may hold, before JSON's quoting; text.go reads them through that.

package grammar

import (
	"fmt"
	"slices"
	"sort"
)

// language is a set of strings. Every state leads to an accepted one. State 0 is the start.
type language struct {
	states []languageState
	most   int // highest least of the states
}

type languageState struct {
	arcs    []arc // ascending, apart from each other
	accepts bool
	least   int // bytes of the shortest way to an accepted state, quoted, with the closing quote
}

// arc leads over the characters low to high, never surrogates.
type arc struct {
	low, high rune
	to        int32
}

const (
	lastRune        = 0x10ffff
	firstSurrogate  = 0xd800
	middleSurrogate = 0xdc00
	lastSurrogate   = 0xdfff
)

func allTo(to int32) []arc {
	return []arc{{0, firstSurrogate - 1, to}, {lastSurrogate + 1, lastRune, to}}
}

// anything is the language of all strings. Leaves count characters for it alone.
var anything = &language{states: []languageState{{arcs: allTo(0), accepts: true, least: 1}}, most: 1}

// maxStates bounds the states of one language.
const maxStates = 4096

// next returns the state after r.
func (l *language) next(state int32, r rune) (int32, bool) {
	arcs := l.states[state].arcs
	i := sort.Search(len(arcs), func(i int) bool { return arcs[i].high >= r })
	if i == len(arcs) || arcs[i].low > r {
		return 0, false
	}
	return arcs[i].to, true
}

// between returns the arcs that hold a character of low to high.
func (l *language) between(state int32, low, high rune) []arc {
	arcs := l.states[state].arcs
	i := sort.Search(len(arcs), func(i int) bool { return arcs[i].high >= low })
	j := i
	for j < len(arcs) && arcs[j].low <= high {
		j++
	}
	return arcs[i:j]
}

// accepts reports whether the language holds s.
func (l *language) accepts(s string) bool {
	state := int32(0)
	for _, r := range s {
		var ok bool
		if state, ok = l.next(state, r); !ok {
			return false
		}
	}
	return l.states[state].accepts
}

// other is the language of all strings that are not in names.
func other(names []string) *language {
	const rest = 1
	states := []languageState{{accepts: true}, {accepts: true, arcs: allTo(rest)}}
	next := []map[rune]int32{{}, nil}
	for _, name := range names {
		at := int32(0)
		for _, r := range name {
			to, ok := next[at][r]
			if !ok {
				to = int32(len(states))
				states, next = append(states, languageState{accepts: true}), append(next, map[rune]int32{})
				next[at][r] = to
			}
			at = to
		}
		states[at].accepts = false
	}
	for i, to := range next {
		if i == rest {
			continue
		}
		for r, n := range to {
			states[i].arcs = append(states[i].arcs, arc{r, r, n})
		}
		states[i].arcs = filled(states[i].arcs, rest)
	}
	return &language{states: states}
}

// filled returns arcs in order with the characters that they leave out leading to rest.
func filled(arcs []arc, rest int32) []arc {
	slices.SortFunc(arcs, func(a, b arc) int { return int(a.low - b.low) })
	var all []arc
	for _, gap := range allTo(rest) {
		low := gap.low
		for _, a := range arcs {
			if a.low < gap.low || a.high > gap.high {
				continue
			}
			if a.low > low {
				all = append(all, arc{low, a.low - 1, rest})
			}
			all, low = append(all, a), a.high+1
		}
		if low <= gap.high {
			all = append(all, arc{low, gap.high, rest})
		}
	}
	return all
}

// ofLength is the language of strings of low to high characters; high −1 is without bound.
func ofLength(low, high int) (*language, error) {
	last := max(low, high)
	if last >= maxStates {
		return nil, fmt.Errorf("a length of %d together with other limits needs more than %d states", last, maxStates)
	}
	states := make([]languageState, last+1)
	for i := range states {
		states[i].accepts = i >= low
		switch {
		case i < last:
			states[i].arcs = allTo(int32(i + 1))
		case high < 0:
			states[i].arcs = allTo(int32(i))
		}
	}
	return &language{states: states}, nil
}

// intersect returns what is in both a and b; nil if nothing is.
func intersect(a, b *language) (*language, error) {
	type pair struct{ a, b int32 }
	found := map[pair]int32{{0, 0}: 0}
	queue := []pair{{0, 0}}
	var states []languageState
	for len(states) < len(queue) {
		at := queue[len(states)]
		x, y := a.states[at.a], b.states[at.b]
		state := languageState{accepts: x.accepts && y.accepts}
		for i, j := 0, 0; i < len(x.arcs) && j < len(y.arcs); {
			p, q := x.arcs[i], y.arcs[j]
			if low, high := max(p.low, q.low), min(p.high, q.high); low <= high {
				to, ok := found[pair{p.to, q.to}]
				if !ok {
					to = int32(len(queue))
					found[pair{p.to, q.to}], queue = to, append(queue, pair{p.to, q.to})
				}
				state.arcs = append(state.arcs, arc{low, high, to})
			}
			if p.high < q.high {
				i++
			} else {
				j++
			}
		}
		if states = append(states, state); len(queue) > maxStates {
			return nil, fmt.Errorf("patterns and lengths together need more than %d states", maxStates)
		}
	}
	return (&language{states: states}).trimmed(), nil
}

// trimmed returns l without the states that lead nowhere; nil if nothing is left.
func (l *language) trimmed() *language {
	from := make([][]int32, len(l.states))
	var queue []int32
	alive := make([]bool, len(l.states))
	for i, s := range l.states {
		for _, a := range s.arcs {
			from[a.to] = append(from[a.to], int32(i))
		}
		if s.accepts {
			alive[i], queue = true, append(queue, int32(i))
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, i := range from[at] {
			if !alive[i] {
				alive[i], queue = true, append(queue, i)
			}
		}
	}
	if !alive[0] {
		return nil
	}
	number := make([]int32, len(l.states))
	var kept []languageState
	for i, s := range l.states {
		if number[i] = int32(len(kept)); alive[i] {
			kept = append(kept, s)
		}
	}
	for i := range kept {
		var arcs []arc
		for _, a := range kept[i].arcs {
			if !alive[a.to] {
				continue
			}
			a.to = number[a.to]
			if n := len(arcs); n > 0 && arcs[n-1].to == a.to && arcs[n-1].high+1 == a.low {
				arcs[n-1].high = a.high
			} else {
				arcs = append(arcs, a)
			}
		}
		kept[i].arcs = arcs
	}
	return &language{states: kept}
}

// measured returns l, trimmed, with the least of every state, for a vocabulary that can spell letters.
func (l *language) measured(spell letters) *language {
	type step struct {
		from int32
		cost int
	}
	into := make([][]step, len(l.states))
	byLeast := make([][]int32, 2) // states by their distance, in bytes
	for i := range l.states {
		s := &l.states[i]
		if s.least = never; s.accepts {
			s.least, byLeast[1] = 1, append(byLeast[1], int32(i))
		}
		for _, a := range s.arcs {
			into[a.to] = append(into[a.to], step{int32(i), spell.cost(a.low, a.high)})
		}
	}
	for least := 1; least < len(byLeast); least++ {
		for n := 0; n < len(byLeast[least]); n++ {
			at := byLeast[least][n]
			if l.states[at].least < least {
				continue
			}
			l.most = least
			for _, from := range into[at] {
				if to := least + from.cost; to < l.states[from.from].least {
					l.states[from.from].least = to
					for len(byLeast) <= to {
						byLeast = append(byLeast, nil)
					}
					byLeast[to] = append(byLeast[to], from.from)
				}
			}
		}
	}
	return l
}
