// Patterns against Go's own regular expressions.

package grammar

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var patterns = []string{
	`^[\p{L} ]+$`, `^\w$`, `^\W$`, `^\d$`, `^.$`, `^(?i)k$`, `^[^a-z]$`, `^\p{Greek}|\p{Lu}$`, ``, `^$`, `a`, `a$`, `^a|b`, `^(a|b)*c?$`,
	`(^a)?b`, `a{2,3}`, `^a{3}$`, `^(ab){1,2}$`, `[\x{1F600}-\x{1F64F}]`, `^[\x00-\x{10FFFF}]$`, `\.`, `a.b`, `^a(?:$|b)`, `$a`,
}

func TestPatternsAreThoseOfRegexp(t *testing.T) {
	var texts []string
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if utf8.ValidRune(r) {
			texts = append(texts, string(r))
		}
	}
	const letters = "abc.\n"
	for n := range 4000 {
		var b strings.Builder
		for ; n > 0; n /= len(letters) {
			b.WriteByte(letters[n%len(letters)])
		}
		texts = append(texts, b.String())
	}
	for _, p := range patterns {
		lang, err := compilePattern(p)
		if err != nil {
			t.Fatalf("%s: %v", p, err)
		}
		re := regexp.MustCompile(p)
		for _, text := range texts {
			got, want := lang != nil && lang.accepts(text), re.MatchString(text)
			if got != want && !(want && strings.Contains(p, ".") && strings.ContainsAny(text, "\r\u2028\u2029")) {
				t.Errorf("%s matches %+q: %v, want %v", p, text, got, want)
				break
			}
		}
	}
}

func TestWhiteSpaceIsThatOfECMAScript(t *testing.T) {
	const space = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
	accepts := func(pattern string) func(string) bool {
		lang, err := compilePattern(pattern)
		if err != nil || lang == nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		return lang.accepts
	}
	for pattern, ofSpace := range map[string]bool{
		`^\s$`: true, `^\S$`: false, `^[\s]$`: true, `^[^\s]$`: false, `^[\S]$`: false, `^[^\S]$`: true, `^[]\s]$`: true, `^[^]\S]$`: true,
		`^[[\s]$`: true, `^[[:upper:]\s]$`: true, `^(?:[[]|\s)$`: true, `^[\]\s]$`: true, `^(?:\[|\s)$`: true, `^(?:\Q[\E|\s)$`: true,
	} {
		is := accepts(pattern)
		for r := rune(0); r <= utf8.MaxRune; r++ {
			isSpace := strings.ContainsRune(space, r)
			if !utf8.ValidRune(r) || !isSpace && strings.ContainsRune("[]", r) || !isSpace && unicode.IsUpper(r) {
				continue
			}
			if is(string(r)) != (isSpace == ofSpace) {
				t.Errorf("%s matches %U: %v", pattern, r, is(string(r)))
			}
		}
	}
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{`^[\w\s-.]+$`, "a\u00a0-.b", true}, {`^[\w\s-.]+$`, ",", false}, {`^[\S-]+$`, "a-", true}, {`^\\s$`, `\s`, true}, {`^\\s$`, " ", false},
		{`^\Q\s\E$`, `\s`, true}, {`^\Q\s\E$`, " ", false}, {`^\S+\s\S+$`, "a\u3000b", true}, {`^\S+$`, "a\u00a0b", false},
	} {
		if accepts(c.pattern)(c.text) != c.want {
			t.Errorf("%s matches %+q: %v", c.pattern, c.text, !c.want)
		}
	}
}

func TestPatternsRefused(t *testing.T) {
	for p, want := range map[string]string{
		`(?=a)b`: "`(?=` is not supported", `(a)\1`: "`\\1` is not supported", `\bword`: "word boundaries", `(?m)^a`: "line anchors",
		`(`: "missing closing )", `a{1000}{1000}`: "{1000}{1000}", `(a|b)*a(a|b){14}$`: "states", `^(a{1,100}){1,100}$`: "invalid repeat count", `^(a{1,30}){1,30}b?$`: "",
	} {
		_, err := compilePattern(p)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", p, err, want)
		}
	}
}
