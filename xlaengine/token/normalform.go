// Unicode's normalization forms (UAX 15). The tables are those of golang.org/x/text, the work is done here: that
// library puts U+034F after every 30 combining marks, and composes with the lower 16 bits of a letter (U+10041 U+0301
// gives Á), which Hugging Face's does not.

package token

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// classed is a character and its canonical combining class: 0 for one that others are put on, a starter.
type classed struct {
	rune
	class uint8
}

// inForm returns the normalizer of a form.
func inForm(form norm.Form) normalizer {
	composes := form == norm.NFC || form == norm.NFKC
	return func(text string) string {
		if form.QuickSpanString(text) == len(text) { // nothing to do, as with most texts
			return text
		}
		all := decomposed(form, text)
		if composes {
			all = composed(all)
		}
		var b strings.Builder
		b.Grow(len(text))
		for _, c := range all {
			b.WriteRune(c.rune)
		}
		return b.String()
	}
}

// decomposed returns the characters that text is made of, marks on the same starter in the order of their classes.
func decomposed(form norm.Form, text string) []classed {
	all := make([]classed, 0, len(text))
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		p := form.PropertiesString(text[at:])
		at += size
		if r < utf8.RuneSelf {
			all = append(all, classed{r, 0})
		} else if d := p.Decomposition(); d != nil {
			for len(d) > 0 {
				r, size := utf8.DecodeRune(d)
				all = append(all, classed{r, form.Properties(d).CCC()})
				d = d[size:]
			}
		} else if s := r - hangulFirst; 0 <= s && s < hangulCount {
			all = append(all, classed{leadFirst + s/(vowels*tails), 0}, classed{vowelFirst + s%(vowels*tails)/tails, 0})
			if s%tails != 0 {
				all = append(all, classed{tailFirst + s%tails, 0})
			}
		} else {
			all = append(all, classed{r, p.CCC()})
		}
	}
	for from := 0; from < len(all); from++ {
		to := from
		for to < len(all) && all[to].class != 0 {
			to++
		}
		slices.SortStableFunc(all[from:to], func(a, b classed) int { return cmp.Compare(a.class, b.class) })
		from = to
	}
	return all
}

// composed puts each character into the starter before it where the two make one and no character between them is in
// the way: a starter, or a mark of the same or a higher class.
func composed(all []classed) []classed {
	pairs := compositions()
	kept, starter := all[:0], -1
	var last uint8 // class of the last character kept; 0 right after the starter
	for _, c := range all {
		if starter >= 0 && (last == 0 || last < c.class) {
			if one := compose(pairs, kept[starter].rune, c.rune); one != 0 {
				kept[starter].rune = one
				continue
			}
		}
		if last = c.class; last == 0 {
			starter = len(kept)
		}
		kept = append(kept, c)
	}
	return kept
}

// Syllables of Hangul are computed: each is a leading consonant, a vowel and perhaps a tail.
const (
	hangulFirst, hangulCount = 0xac00, leads * vowels * tails
	leadFirst, leads         = 0x1100, 19
	vowelFirst, vowels       = 0x1161, 21
	tailFirst, tails         = 0x11a7, 28 // the first of the tails stands for none
)

// compose returns the one character that stands for a and b, 0 if there is none.
func compose(pairs map[[2]rune]rune, a, b rune) rune {
	lead, vowel, syllable, tail := a-leadFirst, b-vowelFirst, a-hangulFirst, b-tailFirst
	switch {
	case 0 <= lead && lead < leads && 0 <= vowel && vowel < vowels:
		return hangulFirst + (lead*vowels+vowel)*tails
	case 0 <= syllable && syllable < hangulCount && syllable%tails == 0 && 0 < tail && tail < tails:
		return a + tail
	}
	return pairs[[2]rune{a, b}]
}

// compositions are all pairs of characters that make one. Of a character that decomposes to more than two, all but the
// last make the first of the pair. Some that decompose are never composed; for these x/text says that they are not in
// NFC by themselves.
var compositions = sync.OnceValue(func() map[[2]rune]rune {
	pairs := make(map[[2]rune]rune, 1000)
	for r := rune(0xa0); r < 0x20000; r++ {
		if r == 0x3400 {
			r = 0xf900 // ideographs, syllables, surrogates and private characters don't decompose
		}
		one := string(r)
		d := []rune(string(norm.NFC.PropertiesString(one).Decomposition()))
		if len(d) < 2 || !norm.NFC.IsNormalString(one) {
			continue
		}
		first, _ := utf8.DecodeRuneInString(norm.NFC.String(string(d[:len(d)-1])))
		pairs[[2]rune{first, d[len(d)-1]}] = r
	}
	return pairs
})
