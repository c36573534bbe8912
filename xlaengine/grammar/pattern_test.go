// Patterns against Go's own regular expressions.

package grammar

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var patterns = []string{
	`^[\p{L} ]+$`, `^\w$`, `^\W$`, `^\s$`, `^\d$`, `^.$`, `^(?i)k$`, `^[^a-z]$`, `^\p{Greek}|\p{Lu}$`, ``, `^$`, `a`, `a$`, `^a|b`, `^(a|b)*c?$`,
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
