// Strings and numbers of a schema.

package grammar

import "math/big"

// text returns the expression for strings that fit all of plain.
func (c *compiler) text(plain []*schema) (*expr, error) {
	lang, low, high, err := c.language(plain)
	if err != nil || lang == nil {
		return nothing(), err
	}
	return inOrder(word(`"`), leafExpr(newText(lang, low, high, c.spell))), nil
}

// language returns the strings that fit all of plain: those of a language with low to high characters. Without any
// the language is nil; high −1 is without bound.
func (c *compiler) language(plain []*schema) (lang *language, low, high int, err error) {
	high = -1
	for _, s := range plain {
		low = max(low, s.minLength)
		if s.maxLength >= 0 && (high < 0 || s.maxLength < high) {
			high = s.maxLength
		}
	}
	if high >= 0 && low > high {
		return nil, 0, 0, nil
	}
	lang = anything
	for _, s := range plain {
		for _, p := range s.patterns {
			one, err := c.pattern(s, p)
			if err != nil || one == nil {
				return nil, 0, 0, err
			}
			if lang == anything {
				lang = one
			} else if lang, err = c.both(s, lang, one); err != nil || lang == nil {
				return nil, 0, 0, err
			}
		}
	}
	if lang == anything || low == 0 && high < 0 {
		return lang, low, high, nil
	}
	counted, err := ofLength(low, high)
	if err != nil {
		return nil, 0, 0, problem(plain[0].path, "minLength and maxLength with a pattern: %v", err)
	}
	lang, err = c.both(plain[0], lang, counted)
	return lang, 0, -1, err
}

// pattern returns the language of a pattern, nil if nothing fits it.
func (c *compiler) pattern(s *schema, pattern string) (*language, error) {
	if lang, ok := c.words[pattern]; ok {
		return lang, nil
	}
	lang, err := compilePattern(pattern)
	if err != nil {
		return nil, problem(s.path, "pattern %q: %v", pattern, err)
	}
	if lang != nil {
		lang = lang.measured(c.spell)
		err = c.spend(s, len(lang.states))
	}
	c.words[pattern] = lang
	return lang, err
}

// both returns what is in two languages, nil if nothing is.
func (c *compiler) both(s *schema, a, b *language) (*language, error) {
	lang, err := intersect(a, b)
	if err != nil {
		return nil, problem(s.path, "pattern, minLength and maxLength: %v", err)
	}
	if lang == nil {
		return nil, nil
	}
	return lang.measured(c.spell), c.spend(s, len(lang.states))
}

// number returns the expression for numbers that fit all of plain.
func (c *compiler) number(plain []*schema) (*expr, error) {
	l, err := c.limits(plain)
	if err != nil {
		return nil, err
	}
	if l.low != nil && l.high != nil && l.low.Cmp(l.high) > 0 {
		return nothing(), nil
	}
	digits, err := numbers(l)
	if err != nil {
		return nil, problem(plain[0].path, "minimum, maximum and multipleOf: %v", err)
	}
	if digits == nil {
		return nothing(), nil
	}
	return leafExpr(number{digits, 0}), c.spend(plain[0], len(digits.states))
}

// maxMultiple bounds multipleOf.
const maxMultiple = 1000

// limits gathers what plain say about numbers.
func (c *compiler) limits(plain []*schema) (limits, error) {
	l := limits{decimals: decimalDigits}
	if intended(plain)&fraction == 0 {
		l.decimals = 0
	}
	for _, s := range plain {
		for _, b := range s.low {
			if l.low == nil || b.at.Cmp(l.low) > 0 || b.at.Cmp(l.low) == 0 && b.over {
				l.low, l.overLow = b.at, b.over
			}
		}
		for _, b := range s.high {
			if l.high == nil || b.at.Cmp(l.high) < 0 || b.at.Cmp(l.high) == 0 && b.over {
				l.high, l.overHigh = b.at, b.over
			}
		}
		for _, m := range s.multiples {
			if places, ok := places(m); ok { // 1, 0.1, 0.01 …
				l.decimals = min(l.decimals, places)
				continue
			}
			if !m.IsInt() || !m.Num().IsInt64() || m.Num().Int64() > maxMultiple || l.multiple != 0 && int64(l.multiple) != m.Num().Int64() {
				return l, problem(s.path, "keyword \"multipleOf\" is supported for 1, 0.1, 0.01 … and one integer up to %d", maxMultiple)
			}
			l.multiple, l.decimals = int(m.Num().Int64()), 0
		}
	}
	return l, nil
}

// places returns n if m is a tenth to the power of n that decimals reach.
func places(m *big.Rat) (int, bool) {
	ten := big.NewRat(10, 1)
	m = new(big.Rat).Set(m)
	for n := range decimalDigits {
		if m.Cmp(big.NewRat(1, 1)) == 0 {
			return n, true
		}
		m.Mul(m, ten)
	}
	return 0, false
}
