// Numbers: automata over digits for integers and decimals between bounds. A number has at most 18 digits before the
// point (more if a bound has) and 15 after it, so that none runs on for ever; only numbers without bounds have an
// exponent, of one or two digits, so that all fit a float64.

package grammar

import (
	"fmt"
	"math/big"
	"strings"
)

const (
	wholeDigits    = 18
	decimalDigits  = 15
	exponentDigits = 2
	maxBoundDigits = 64
)

// limits are what a schema says about a number.
type limits struct {
	low, high         *big.Rat // nil is without bound
	overLow, overHigh bool     // the bound itself is out
	decimals          int      // digits after the point; 0 is an integer
	multiple          int      // of what the digits, without the point, are a multiple; 0 is of anything
}

// numbers returns the automaton for l, nil if no number is within.
func numbers(l limits) (*digits, error) {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(l.decimals)), nil)
	low, high := scaled(l.low, scale, l.overLow, true), scaled(l.high, scale, l.overHigh, false)
	r := reader{decimals: l.decimals, multiple: l.multiple, whole: wholeDigits}
	r.exponent = l.decimals == decimalDigits && low == nil && high == nil
	zero, one := new(big.Int), big.NewInt(1)
	// Magnitudes: from zero up for positive numbers, from one unit up for negative ones, so that there is no −0.
	if high == nil || high.Sign() >= 0 {
		from := zero
		if low != nil && low.Sign() > 0 {
			from = low
		}
		r.positive = r.between(from, high)
	}
	if low == nil || low.Sign() < 0 {
		from, to := one, (*big.Int)(nil)
		if high != nil && high.Sign() < 0 {
			from = new(big.Int).Neg(high)
		}
		if low != nil {
			to = new(big.Int).Neg(low)
		}
		r.negative = r.between(from, to)
	}
	if r.whole > maxBoundDigits {
		return nil, fmt.Errorf("a bound of %d digits, at most %d are supported", r.whole, maxBoundDigits)
	}
	return explore(r)
}

// scaled returns the integer bound of the number in units of 1/scale: the first (or last) one that is in.
func scaled(bound *big.Rat, scale *big.Int, over, low bool) *big.Int {
	if bound == nil {
		return nil
	}
	x := new(big.Rat).Mul(bound, new(big.Rat).SetInt(scale))
	n := new(big.Int).Div(x.Num(), x.Denom()) // rounded down
	switch {
	case low && (!x.IsInt() || over):
		n.Add(n, big.NewInt(1))
	case !low && x.IsInt() && over:
		n.Sub(n, big.NewInt(1))
	}
	return n
}

// reader is a number's rules in digits: what it may be with a sign and without. An interval that is nil holds nothing.
type reader struct {
	positive, negative *interval
	whole, decimals    int
	multiple           int
	exponent           bool
}

type interval struct{ from, to decimal }

// decimal is a magnitude in digits; without any it is no bound.
type decimal struct{ whole, part string }

func (r *reader) between(from, to *big.Int) *interval {
	if to != nil && from.Cmp(to) > 0 {
		return nil
	}
	i := &interval{from: r.decimal(from)}
	if to != nil {
		i.to = r.decimal(to)
	}
	return i
}

func (r *reader) decimal(n *big.Int) decimal {
	s := n.String()
	if missing := r.decimals + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	d := decimal{s[:len(s)-r.decimals], strings.TrimRight(s[len(s)-r.decimals:], "0")}
	r.whole = max(r.whole, len(d.whole))
	return d
}

// reading is how far a number is read. from and to compare its digits so far with those of the bounds.
type reading struct {
	phase    phase
	negative bool
	count    int8 // digits of this phase
	from, to int8
	rest     int32 // by multiple
}

type phase int8

const (
	atStart phase = iota
	afterSign
	inZero
	inWhole
	afterPoint
	inPart
	afterE
	afterExponentSign
	inExponent
)

func (r *reader) interval(n reading) *interval {
	if n.negative {
		return r.negative
	}
	return r.positive
}

func (r *reader) step(n reading, b byte) (reading, bool) {
	d := int8(b - '0')
	isDigit := b >= '0' && b <= '9'
	switch n.phase {
	case atStart, afterSign:
		if b == '-' && n.phase == atStart {
			n.phase, n.negative = afterSign, true
			return n, r.negative != nil
		}
		if !isDigit || r.interval(n) == nil {
			return n, false
		}
		if n.phase = inWhole; d == 0 {
			n.phase = inZero
		}
		return r.digit(n, d), true
	case inZero, inWhole:
		switch {
		case isDigit:
			return r.digit(n, d), n.phase == inWhole && int(n.count) < r.whole
		case b == '.' && r.decimals > 0:
			i := r.interval(n)
			n.from, n.to = settled(n.from, n.count, i.from), settled(n.to, n.count, i.to)
			n.phase, n.count = afterPoint, 0
			return n, true
		}
	case afterPoint, inPart:
		if isDigit && int(n.count) < r.decimals {
			i := r.interval(n)
			n.from, n.to = compared(n.from, d, n.count, i.from.part), compared(n.to, d, n.count, i.to.part)
			if i.to.whole == "" {
				n.to = 0
			}
			n.phase, n.count = inPart, n.count+1
			return n, true
		}
	case afterE:
		if b == '+' || b == '-' {
			return reading{phase: afterExponentSign}, true
		}
		return reading{phase: inExponent, count: 1}, isDigit
	case afterExponentSign:
		return reading{phase: inExponent, count: 1}, isDigit
	case inExponent:
		n.count++
		return n, isDigit && n.count <= exponentDigits
	}
	return reading{phase: afterE}, (b == 'e' || b == 'E') && r.exponent && n.phase != afterPoint
}

// digit reads one digit before the point.
func (r *reader) digit(n reading, d int8) reading {
	i := r.interval(n)
	n.from, n.to = compared(n.from, d, n.count, i.from.whole), compared(n.to, d, n.count, i.to.whole)
	if i.to.whole == "" {
		n.to = 0
	}
	n.count++
	if r.multiple > 0 {
		n.rest = (n.rest*10 + int32(d)) % int32(r.multiple)
	}
	return n
}

// compared returns the comparison after digit number at, of which bound may have fewer.
func compared(before, d, at int8, bound string) int8 {
	b := byte('0')
	if int(at) < len(bound) {
		b = bound[at]
	}
	switch {
	case before != 0 || byte(d)+'0' == b:
		return before
	case byte(d)+'0' > b:
		return 1
	}
	return -1
}

// settled returns the comparison of a whole part of count digits with that of bound.
func settled(c, count int8, bound decimal) int8 {
	switch {
	case int(count) > len(bound.whole):
		return 1
	case int(count) < len(bound.whole):
		return -1
	}
	return c
}

func (r *reader) ends(n reading) bool {
	i := r.interval(n)
	switch n.phase {
	case inExponent:
		return true
	case inZero, inWhole:
		n.from, n.to = settled(n.from, n.count, i.from), settled(n.to, n.count, i.to)
		n.count = 0
	case inPart:
	default:
		return false
	}
	if n.from == 0 && int(n.count) < len(i.from.part) {
		n.from = -1
	}
	return n.from >= 0 && (n.to <= 0 || i.to.whole == "") && n.rest == 0
}
