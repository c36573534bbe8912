// Added tokens: the ones that are cut out of the text before anything else is done to it, such as <|im_start|>.

package token

import (
	"iter"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// added is one added token with the flags tokenizer.json gives it.
type added struct {
	ID         int    `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // only where no letter or digit touches it
	LStrip     bool   `json:"lstrip"`      // takes the white space before it
	RStrip     bool   `json:"rstrip"`      // takes the white space after it
	Normalized bool   `json:"normalized"`  // looked for after the normalizer
	Special    bool   `json:"special"`
}

// section is a stretch of text: an added token (id ≥ 0) or what lies between two of them (id −1).
type section struct {
	id    int
	text  string
	opens bool // begins where the text begins
}

// matcher finds added tokens: the leftmost first, of several at one place the longest.
type matcher struct {
	byFirst map[byte][]added // by first byte, longest first
	first   [256]bool
}

func newMatcher(tokens []added) matcher {
	m := matcher{byFirst: map[byte][]added{}}
	for _, a := range tokens {
		if a.Content != "" {
			m.byFirst[a.Content[0]] = append(m.byFirst[a.Content[0]], a)
			m.first[a.Content[0]] = true
		}
	}
	for _, list := range m.byFirst {
		sort.SliceStable(list, func(i, j int) bool { return len(list[i].Content) > len(list[j].Content) })
	}
	return m
}

// sections cuts text at its added tokens. Sections follow each other; empty ones are left out.
func (m *matcher) sections(text string) iter.Seq[section] {
	return func(yield func(section) bool) {
		done := 0
		for at := 0; at < len(text); {
			token, ok := m.at(text, at)
			if !ok {
				at++
				continue
			}
			start, stop := at, at+len(token.Content)
			at = stop
			if token.SingleWord && !aloneInText(text, start, stop) {
				continue
			}
			if token.LStrip {
				start = max(done, len(strings.TrimRightFunc(text[:start], unicode.IsSpace)))
			}
			if token.RStrip {
				stop = len(text) - len(strings.TrimLeftFunc(text[stop:], unicode.IsSpace))
				at = stop
			}
			if done < start && !yield(section{id: -1, text: text[done:start], opens: done == 0}) {
				return
			}
			if !yield(section{id: token.ID, text: text[start:stop], opens: start == 0}) {
				return
			}
			done = stop
		}
		if done < len(text) {
			yield(section{id: -1, text: text[done:], opens: done == 0})
		}
	}
}

func (m *matcher) at(text string, at int) (added, bool) {
	if !m.first[text[at]] {
		return added{}, false
	}
	for _, a := range m.byFirst[text[at]] {
		if strings.HasPrefix(text[at:], a.Content) {
			return a, true
		}
	}
	return added{}, false
}

func aloneInText(text string, start, stop int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	after, _ := utf8.DecodeRuneInString(text[stop:])
	return (start == 0 || !isWord(before)) && (stop == len(text) || !isWord(after))
}

// isWord says what \w means to Rust's regular expressions, which decide this in Hugging Face's library.
func isWord(r rune) bool {
	return isLetter(r) || isNumber(r) && !unicode.Is(unicode.No, r) || r == '\u200c' || r == '\u200d' ||
		unicode.In(r, unicode.M, unicode.Pc, unicode.Other_Alphabetic)
}
