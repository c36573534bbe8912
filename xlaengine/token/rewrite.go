// From Oniguruma to regexp2: the differences that change what a tokenizer's pattern matches.

package token

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// rewrite returns expr in regexp2's dialect:
//   - possessive quantifiers (a++) become atomic groups ((?>a+)), and a{1,3}+, which is not one, (?:a{1,3})+;
//   - \p{L} and \p{N} also hold the characters that came after Go's Unicode tables;
//   - where case is ignored, s also stands for ſ, the one letter that folds to ASCII and that regexp2 misses.
//
// Set intersection (&&), \h, \R, \X and nested sets mean something else to regexp2 and are errors.
func rewrite(expr string) (string, error) {
	w := rewriter{in: []rune(expr)}
	for w.at < len(w.in) {
		if err := w.next(); err != nil {
			return "", err
		}
	}
	return string(w.out), nil
}

type rewriter struct {
	in      []rune
	at      int
	out     []rune
	atom    int     // where in out the last atom begins; what a quantifier applies to
	groups  []group // open groups, outermost first
	folding bool    // case is ignored here
}

type group struct {
	start   int  // where in out it begins
	folding bool // what holds again after it
}

// next rewrites one atom, group bracket, quantifier or sign.
func (w *rewriter) next() error {
	switch c := w.in[w.at]; c {
	case '\\':
		start := len(w.out)
		if err := w.escape(false); err != nil {
			return err
		}
		w.atom = start
	case '[':
		return w.set()
	case '(':
		w.open()
	case ')':
		w.atom = len(w.out)
		if n := len(w.groups); n > 0 {
			w.atom, w.folding = w.groups[n-1].start, w.groups[n-1].folding
			w.groups = w.groups[:n-1]
		}
		w.copy(1)
	case '?', '*', '+':
		w.copy(1)
		if w.at < len(w.in) && w.in[w.at] == '+' {
			w.at++
			w.wrap("(?>")
		} else if w.at < len(w.in) && w.in[w.at] == '?' {
			w.copy(1)
		}
	case '{':
		for w.at < len(w.in) && w.in[w.at] != '}' {
			w.copy(1)
		}
		w.copy(1)
		if w.at < len(w.in) && w.in[w.at] == '+' { // a{1,3}+ repeats the whole
			w.wrap("(?:")
		}
	default:
		w.atom = len(w.out)
		if w.folding && (c == 's' || c == 'S') {
			w.at++
			w.out = append(w.out, []rune("[sSſ]")...)
			return nil
		}
		w.copy(1)
	}
	return nil
}

// wrap puts the last atom and its quantifier in a group.
func (w *rewriter) wrap(open string) {
	inner := string(w.out[w.atom:])
	w.out = append(w.out[:w.atom], []rune(open+inner+")")...)
}

func (w *rewriter) copy(n int) {
	n = min(n, len(w.in)-w.at)
	w.out = append(w.out, w.in[w.at:w.at+n]...)
	w.at += n
}

// open copies "(" and what says its kind; of the flags only i matters here.
func (w *rewriter) open() {
	w.groups = append(w.groups, group{start: len(w.out), folding: w.folding})
	rest := string(w.in[w.at:])
	for _, flags := range []string{"(?i:", "(?-i:", "(?i)", "(?-i)"} {
		if !strings.HasPrefix(rest, flags) {
			continue
		}
		w.folding = !strings.HasPrefix(flags, "(?-")
		w.copy(len(flags))
		if flags[len(flags)-1] == ')' { // holds to the end of the group around it
			w.groups = w.groups[:len(w.groups)-1]
		}
		return
	}
	for _, kind := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"} {
		if strings.HasPrefix(rest, kind) {
			w.copy(len(kind))
			return
		}
	}
	w.copy(1)
}

// set rewrites a character set from "[" to "]".
func (w *rewriter) set() error {
	start := len(w.out)
	w.copy(1)
	if w.at < len(w.in) && w.in[w.at] == '^' {
		w.copy(1)
	}
	holdsS := false
	for first := true; w.at < len(w.in); first = false {
		switch c := w.in[w.at]; {
		case c == ']' && !first:
			if w.folding && holdsS {
				w.out = append(w.out, 'ſ')
			}
			w.copy(1)
			w.atom = start
			return nil
		case c == '[':
			return errors.New("a set inside a set is not supported")
		case c == '&' && w.at+1 < len(w.in) && w.in[w.at+1] == '&':
			return errors.New("the intersection of sets (&&) is not supported")
		case c == '\\':
			if err := w.escape(true); err != nil {
				return err
			}
		default:
			holdsS = holdsS || w.reachesS()
			w.copy(1)
		}
	}
	return errors.New("the set is not closed")
}

// reachesS says that the sign here is an s or the hyphen of a range over it.
func (w *rewriter) reachesS() bool {
	lower := func(at int) rune {
		if at < 0 || at >= len(w.in) {
			return 0
		}
		return unicode.ToLower(w.in[at])
	}
	c := lower(w.at)
	return c == 's' || c == '-' && lower(w.at-1) <= 's' && 's' <= lower(w.at+1) && lower(w.at+1) <= 'z'
}

// escape rewrites a backslash and what belongs to it.
func (w *rewriter) escape(inSet bool) error {
	if w.at+1 >= len(w.in) {
		return errors.New("ends with a backslash")
	}
	switch c := w.in[w.at+1]; c {
	case 'h', 'H', 'R', 'X', 'K', 'g', 'G':
		return fmt.Errorf("\\%c is not supported", c)
	case 'p':
		name, _, closed := strings.Cut(string(w.in[w.at+2:]), "}")
		if !closed {
			return errors.New("\\p is not closed")
		}
		newer, ok := map[string]*unicode.RangeTable{"{L": newerLetters, "{N": newerNumbers}[name]
		if ok && !inSet {
			w.out = append(w.out, '[')
		}
		w.copy(len("\\p") + len([]rune(name)) + len("}"))
		w.ranges(newer)
		if ok && !inSet {
			w.out = append(w.out, ']')
		}
	default:
		w.copy(2)
	}
	return nil
}

// ranges writes a table the way a set lists it.
func (w *rewriter) ranges(table *unicode.RangeTable) {
	if table == nil {
		return
	}
	for _, r := range table.R16 {
		w.out = append(w.out, rune(r.Lo), '-', rune(r.Hi))
	}
	for _, r := range table.R32 {
		w.out = append(w.out, rune(r.Lo), '-', rune(r.Hi))
	}
}
