// Patterns: regular expressions as languages. As in JSON Schema a pattern may match anywhere in a string unless it is
// anchored. The dot leaves out all line ends of ECMAScript, which is what schemas are written for, and \s is its white
// space.

package grammar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
)

// compilePattern returns the language of the strings in which pattern matches, nil if there is none.
func compilePattern(pattern string) (*language, error) {
	parsed, err := syntax.Parse(withSpace(pattern), syntax.Perl)
	if err != nil {
		var wrong *syntax.Error
		if errors.As(err, &wrong) {
			return nil, fmt.Errorf("%s `%s` is not supported", wrong.Code, wrong.Expr)
		}
		return nil, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, err
	}
	m := &matcher{program: program, number: map[string]int32{}}
	if len(program.Inst) > maxStates {
		return nil, fmt.Errorf("it needs more than %d steps", maxStates)
	}
	for _, inst := range program.Inst {
		if inst.Op == syntax.InstEmptyWidth && inst.Arg&^uint32(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
			return nil, errors.New("word boundaries and line anchors are not supported")
		}
	}
	m.classify()
	return m.language()
}

// ECMAScript's white space and what is none, as parts of a class. The last part is a range, so that a - after it is itself.
const (
	ecmaSpace   = `\t-\r \x{a0}\x{1680}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}\x{2000}-\x{200a}`
	ecmaNoSpace = `\x{0}-\x{8}\x{e}-\x{1f}!-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e}` +
		`\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff}`
)

// patternPiece is a quotation, a POSIX class, the begin of a class, with a ] that does not end it, or a character.
var patternPiece = regexp.MustCompile(`(?s)\\Q.*?(?:\\E|\z)|\[:\^?\w+:\]|\[\^?\]?|\\.|.`)

// withSpace writes \s and \S of a pattern out; Go has fewer characters for them.
func withSpace(pattern string) string {
	class := false
	return patternPiece.ReplaceAllStringFunc(pattern, func(piece string) string {
		out := ""
		switch {
		case piece == `\s`:
			out = ecmaSpace
		case piece == `\S`:
			out = ecmaNoSpace
		case class: // [ is a character here
			class = piece[len(piece)-1] != ']' || piece[0] == '\\' || strings.HasPrefix(piece, "[:")
			return piece
		default:
			class = piece[0] == '[' && !strings.HasPrefix(piece, "[:")
			return piece
		}
		if !class {
			out = "[" + out + "]"
		}
		return out
	})
}

// matcher turns a program into an automaton: its states are sets of instructions.
type matcher struct {
	program *syntax.Prog
	classes []class // of characters that no instruction tells apart
	number  map[string]int32
	queue   []threads
}

type class struct {
	arcs []arc // low and high only
	any  rune
}

// threads are the instructions that the next character meets.
type threads struct {
	at    []uint32 // ascending
	begin bool     // at the begin of the string
	found bool     // the pattern has matched; whatever follows does not matter
}

// ecmaLineEnds are what the dot leaves out.
var ecmaLineEnds = []rune{'\n', '\r', 0x2028, 0x2029}

// classify finds the classes of characters.
func (m *matcher) classify() {
	cuts := []rune{0, firstSurrogate, lastSurrogate + 1}
	single := func(r rune) { cuts = append(cuts, r, r+1) }
	for _, r := range ecmaLineEnds {
		single(r)
	}
	for _, inst := range m.program.Inst {
		if len(inst.Rune) == 1 {
			single(inst.Rune[0])
			for r := unicode.SimpleFold(inst.Rune[0]); r != inst.Rune[0]; r = unicode.SimpleFold(r) {
				single(r)
			}
			continue
		}
		for i := 0; i+1 < len(inst.Rune); i += 2 {
			cuts = append(cuts, inst.Rune[i], inst.Rune[i+1]+1)
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	known := map[string]int{}
	for i, low := range cuts {
		high := rune(lastRune)
		if i+1 < len(cuts) {
			high = cuts[i+1] - 1
		}
		if low > lastRune || low >= firstSurrogate && low <= lastSurrogate {
			continue
		}
		met := make([]byte, len(m.program.Inst))
		for j := range m.program.Inst {
			if m.meets(&m.program.Inst[j], low) {
				met[j] = 1
			}
		}
		n, ok := known[string(met)]
		if !ok {
			n = len(m.classes)
			known[string(met)], m.classes = n, append(m.classes, class{any: low})
		}
		m.classes[n].arcs = append(m.classes[n].arcs, arc{low: low, high: high})
	}
}

func (m *matcher) meets(inst *syntax.Inst, r rune) bool {
	switch inst.Op {
	case syntax.InstRune, syntax.InstRune1:
		return inst.MatchRune(r)
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return !slices.Contains(ecmaLineEnds, r)
	}
	return false
}

// maxPatternWork bounds states times classes, and arcs.
const maxPatternWork = 1 << 19

func (m *matcher) language() (*language, error) {
	m.state(threads{begin: true})
	l := &language{}
	work := 0
	for len(l.states) < len(m.queue) {
		t := m.queue[len(l.states)]
		if t.found {
			l.states = append(l.states, languageState{accepts: true, arcs: allTo(int32(len(l.states)))})
			continue
		}
		now, found := m.closure(t, false)
		_, accepts := m.closure(t, true)
		state := languageState{accepts: accepts || found}
		for _, c := range m.classes {
			next := threads{found: found}
			for _, i := range now {
				if inst := &m.program.Inst[i]; !found && m.meets(inst, c.any) {
					next.at = append(next.at, inst.Out)
				}
			}
			slices.Sort(next.at)
			next.at = slices.Compact(next.at)
			to := m.state(next)
			for _, a := range c.arcs {
				state.arcs = append(state.arcs, arc{a.low, a.high, to})
			}
			work += len(now) + len(c.arcs)
		}
		slices.SortFunc(state.arcs, func(a, b arc) int { return int(a.low - b.low) })
		l.states = append(l.states, state)
		if len(m.queue) > maxStates || work > maxPatternWork*4 {
			return nil, fmt.Errorf("it needs more than %d states", len(l.states))
		}
	}
	return l.trimmed(), nil
}

// state returns the number of the state for t.
func (m *matcher) state(t threads) int32 {
	key := []byte{0}
	if t.begin {
		key[0] = 1
	}
	if t.found {
		key[0] = 2
	}
	for _, i := range t.at {
		key = binary.LittleEndian.AppendUint32(key, i)
	}
	n, ok := m.number[string(key)]
	if !ok {
		n = int32(len(m.queue))
		m.number[string(key)], m.queue = n, append(m.queue, t)
	}
	return n
}

// closure returns the instructions for characters that are reached from t, and from a match that begins here, and
// whether the pattern has matched.
func (m *matcher) closure(t threads, end bool) (at []uint32, found bool) {
	seen := make([]bool, len(m.program.Inst))
	stack := append([]uint32{uint32(m.program.Start)}, t.at...)
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[i] {
			continue
		}
		seen[i] = true
		switch inst := &m.program.Inst[i]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, inst.Out)
		case syntax.InstEmptyWidth:
			begin := syntax.EmptyOp(inst.Arg)&syntax.EmptyBeginText != 0
			ends := syntax.EmptyOp(inst.Arg)&syntax.EmptyEndText != 0
			if (!begin || t.begin) && (!ends || end) {
				stack = append(stack, inst.Out)
			}
		case syntax.InstMatch:
			found = true
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			at = append(at, i)
		}
	}
	return at, found
}
