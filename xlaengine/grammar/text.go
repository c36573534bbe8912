// Strings inside their quotes, byte by byte: JSON's escapes and UTF-8 over a language of characters.

package grammar

// text is the rest of a string with its closing quote: what of lang may follow in state, and between low and high
// characters of it (high −1 is without bound). A character may be written as itself or escaped, control characters
// and DEL only escaped; half of a surrogate pair never comes without the other.
type text struct {
	lang      *language
	state     int32
	low, high int32 // used with anything only; other languages count for themselves
	spell     letters

	form  form
	left  int8 // bytes or digits that the character still needs
	so    rune // what they are added to
	pair  rune // the first surrogate
	first rune // the lowest character with this many bytes
}

// form is where in a character a text is.
type form int8

const (
	between  form = iota
	utf8Some      // in UTF-8, with not all endings allowed
	utf8All       // in UTF-8, with all endings allowed; state, low and high are already those after it
	escape        // after \
	hex           // in the digits of \u
	secondEscape
	secondU
	secondHex
)

func newText(lang *language, low, high int, spell letters) text {
	return text{lang: lang, low: int32(low), high: int32(high), spell: spell}
}

func (t text) ends() bool { return false }

func (t text) step(b byte) (leaf, bool) {
	var next text
	var ok bool
	switch t.form {
	case between:
		if b == '"' {
			return nil, t.low == 0 && t.lang.states[t.state].accepts
		}
		next, ok = t.begin(b)
	case utf8Some:
		if b&0xc0 == 0x80 {
			next, ok = t.utf8(t.so<<6|rune(b&0x3f), t.left-1)
		}
	case utf8All:
		if next, ok = t, b&0xc0 == 0x80; ok {
			if next.left--; next.left == 0 {
				next.form = between
			}
		}
	case escape:
		if b == 'u' {
			next, ok = t.hex(0, 4)
		} else if r := unescaped(b); r >= 0 {
			next, ok = t.take(r)
		}
	case hex:
		if d := digit(b); d >= 0 {
			next, ok = t.hex(t.so<<4|d, t.left-1)
		}
	case secondEscape:
		next, ok = t, b == '\\'
		next.form = secondU
	case secondU:
		next, ok = t, b == 'u'
		next.form, next.left, next.so = secondHex, 4, 0
	case secondHex:
		if d := digit(b); d >= 0 {
			next, ok = t.secondHex(t.so<<4|d, t.left-1)
		}
	}
	if !ok {
		return nil, false
	}
	return next, true
}

// begin reads the first byte of a character.
func (t text) begin(b byte) (text, bool) {
	if t.high == 0 || len(t.lang.states[t.state].arcs) == 0 {
		return t, false
	}
	switch {
	case b == '\\':
		t.form = escape
		return t, true
	case b >= ' ' && b < 0x7f:
		return t.take(rune(b))
	case b < 0xc2 || b > 0xf4 || !t.spell.has(b):
		return t, false
	case b < 0xe0:
		t.first = 0x80
		return t.utf8(rune(b&0x1f), 1)
	case b < 0xf0:
		t.first = 0x800
		return t.utf8(rune(b&0x0f), 2)
	default:
		t.first = 0x10000
		return t.utf8(rune(b&0x07), 3)
	}
}

// take reads a whole character.
func (t text) take(r rune) (text, bool) {
	to, ok := t.lang.next(t.state, r)
	return t.at(to), ok
}

// at is t with a character done and the language in state.
func (t text) at(state int32) text {
	if t.lang == anything {
		t.low, t.high = max(0, t.low-1), max(-1, t.high-1)
	}
	t.state, t.form, t.left, t.so, t.pair, t.first = state, between, 0, 0, 0, 0
	return t
}

// utf8 reads a byte of a character whose bits so far are so.
func (t text) utf8(so rune, left int8) (text, bool) {
	if left == 0 {
		return t.take(so)
	}
	low, high := t.spanUTF8(so, left)
	if !t.leadsOn(low, high) {
		return t, false
	}
	arcs := t.lang.between(t.state, low, high)
	if high-low == 1<<(6*left)-1 && arcs[0].low <= low && arcs[0].high >= high {
		t = t.at(arcs[0].to)
		t.form, t.left = utf8All, left
		return t, true
	}
	t.form, t.so, t.left = utf8Some, so, left
	return t, true
}

// hex reads a digit of \u….
func (t text) hex(so rune, left int8) (text, bool) {
	t.form, t.so, t.left = hex, so, left
	low, high := span(so, 4*left)
	if left == 0 && so >= firstSurrogate && so < middleSurrogate {
		t.form, t.pair, t.so = secondEscape, so, 0
		return t, t.leadsOn(pairs(so, so))
	}
	if left == 0 {
		return t.take(so)
	}
	return t, t.leadsOn(low, high) || t.leadsOn(pairs(low, high))
}

// secondHex reads a digit of the second half of a pair.
func (t text) secondHex(so rune, left int8) (text, bool) {
	from, to := span(so, 4*left)
	low, high := second(t.pair, from, to)
	if left == 0 && low <= high {
		return t.take(low)
	}
	t.so, t.left = so, left
	return t, t.leadsOn(low, high)
}

// span returns the lowest and the highest number that so becomes with the given number of bits added.
func span(so rune, bits int8) (low, high rune) {
	low = so << bits
	return low, low | (1<<bits - 1)
}

// spanUTF8 returns the lowest and the highest character that so becomes with left more bytes. Forms that are longer
// than they need be are not valid.
func (t text) spanUTF8(so rune, left int8) (low, high rune) {
	low, high = span(so, 6*left)
	return max(low, t.first), min(high, lastRune)
}

// pairs returns the characters whose first surrogate is in low to high; low > high if there are none.
func pairs(low, high rune) (rune, rune) {
	low, high = max(low, firstSurrogate), min(high, middleSurrogate-1)
	return 0x10000 + (low-firstSurrogate)<<10, 0x10000 + (high-firstSurrogate)<<10 + 0x3ff
}

// second returns the characters with a first surrogate whose second one is in low to high.
func second(first, low, high rune) (rune, rune) {
	low, high = max(low, middleSurrogate), min(high, lastSurrogate)
	base := 0x10000 + (first-firstSurrogate)<<10
	return base + low - middleSurrogate, base + high - middleSurrogate
}

func (t text) leadsOn(low, high rune) bool {
	return low <= high && len(t.lang.between(t.state, low, high)) > 0
}

func unescaped(b byte) rune {
	switch b {
	case '"', '\\', '/':
		return rune(b)
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return -1
}

func digit(b byte) rune {
	switch {
	case '0' <= b && b <= '9':
		return rune(b - '0')
	case 'a' <= b && b <= 'f':
		return rune(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return rune(b-'A') + 10
	}
	return -1
}

func (t text) least() int {
	left := int(t.left)
	switch t.form {
	case utf8Some:
		return left + t.from(t.spanUTF8(t.so, t.left))
	case utf8All:
		return left + t.rest(t.state)
	case escape:
		least := 5 + min(t.from(0, 0xffff), 6+t.from(0x10000, lastRune))
		for _, b := range []byte(`"\/bfnrt`) {
			r := unescaped(b)
			least = min(least, 1+t.from(r, r))
		}
		return least
	case hex:
		low, high := span(t.so, 4*t.left)
		return left + min(t.from(low, high), 6+t.from(pairs(low, high)))
	case secondEscape:
		return 6 + t.from(second(t.pair, middleSurrogate, lastSurrogate))
	case secondU:
		return 5 + t.from(second(t.pair, middleSurrogate, lastSurrogate))
	case secondHex:
		low, high := span(t.so, 4*t.left)
		return left + t.from(second(t.pair, low, high))
	}
	return t.rest(t.state)
}

// from returns the least after any character of low to high.
func (t text) from(low, high rune) int {
	least := never
	if low > high {
		return least
	}
	after := t.at(t.state)
	for _, a := range t.lang.between(t.state, low, high) {
		least = min(least, after.rest(a.to))
	}
	return least
}

func (t text) rest(state int32) int {
	if t.lang == anything {
		return int(t.low) + 1
	}
	return t.lang.states[state].least
}

// longestCharacter is the bytes of \ud83d\ude00, which no character exceeds.
const longestCharacter = 12

func (t text) most() int {
	if t.lang == anything {
		return int(t.low) + 1 + longestCharacter
	}
	return t.lang.most + longestCharacter
}
