// Spelling: what characters cost in JSON, and strings as JSON, with the bytes that a vocabulary has.

package grammar

import (
	"strings"
	"unicode/utf8"
)

// letters are the bytes 0xc2 to 0xf4 with which a character may begin in UTF-8: bit 0 is 0xc2.
type letters uint64

func (l letters) has(b byte) bool { return l>>(b-0xc2)&1 == 1 }

// spells reports whether r may be written as itself.
func (l letters) spells(r rune) bool {
	if r < 0x80 {
		return r >= ' ' && r < 0x7f && r != '"' && r != '\\'
	}
	var raw [utf8.UTFMax]byte
	utf8.EncodeRune(raw[:], r)
	return l.has(raw[0])
}

// cost is the number of bytes that the cheapest character of low to high takes.
func (l letters) cost(low, high rune) int {
	if low <= '~' && high >= ' ' && high-low > 1 {
		return 1
	}
	cost := longestCharacter
	for r := low; r <= high; {
		last := r // of the characters that cost the same as r
		switch {
		case r < 0x80:
		case r < 0x800:
			last = r | 0x3f
		case r < 0x10000:
			last = r | 0xfff
		default:
			last = r | 0x3ffff
		}
		switch {
		case l.spells(r):
			cost = min(cost, utf8.RuneLen(r))
		case r < 0x80 && len(quoted(string(r), l)) == len(`"\n"`):
			cost = min(cost, 2)
		case r < 0x10000:
			cost = min(cost, 6)
		}
		if cost == 1 {
			return cost
		}
		r = last + 1
	}
	return cost
}

// quoted returns s as a JSON string, as short as letters allow.
func quoted(s string, l letters) string {
	const digits = "0123456789abcdef"
	q := []byte{'"'}
	unit := func(r rune) {
		q = append(q, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
	}
	for _, r := range s {
		switch {
		case l.spells(r):
			q = utf8.AppendRune(q, r)
		case r == '"' || r == '\\':
			q = append(q, '\\', byte(r))
		case r >= 0x10000:
			unit(firstSurrogate + (r-0x10000)>>10)
			unit(middleSurrogate + (r-0x10000)&0x3ff)
		default:
			if i := strings.IndexRune("\b\f\n\r\t", r); i >= 0 {
				q = append(q, '\\', "bfnrt"[i])
			} else {
				unit(r)
			}
		}
	}
	return string(append(q, '"'))
}
