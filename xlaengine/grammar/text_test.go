// Which strings are allowed, byte by byte.

package grammar

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestStrings(t *testing.T) {
	v := smallVocabulary(t, allBytes()...)
	for _, c := range []struct {
		schema, text string
		want         bool
	}{
		{`{"type":"string"}`, `"a"`, true},
		{`{"type":"string"}`, `"\ud83d\ude00"`, true},
		{`{"type":"string"}`, `"\ud83d"`, false},
		{`{"type":"string"}`, `"\ude00"`, false},
		{`{"type":"string"}`, `"\uD7FF\uE000"`, true},
		{`{"type":"string"}`, "\"\n\"", false},
		{`{"type":"string"}`, "\"\x7f\"", false},
		{`{"type":"string"}`, `"\x"`, false},
		{`{"type":"string"}`, "\"\xed\xa0\x80\"", false},
		{`{"type":"string"}`, "\"\xc0\x80\"", false},
		{`{"type":"string"}`, "\"\xe0\x80\x80\"", false},
		{`{"type":"string"}`, "\"\xf4\x90\x80\x80\"", false},
		{`{"type":"string"}`, "\"\xf4\x8f\xbf\xbf\"", true},
		{`{"type":"string","maxLength":1}`, `"\ud83d\ude00"`, true},
		{`{"type":"string","maxLength":1}`, `"😀"`, true},
		{`{"type":"string","maxLength":1}`, `"😀a"`, false},
		{`{"type":"string","minLength":2}`, `"é"`, false},
		{`{"type":"string","minLength":2}`, `"éé"`, true},
		{`{"type":"string","pattern":"^é$"}`, `"\u00e9"`, true},
		{`{"type":"string","pattern":"^é$"}`, `"\u00e8"`, false},
		{`{"type":"string","pattern":"b"}`, `"abc"`, true},
		{`{"type":"string","pattern":"b"}`, `"ac"`, false},
		{`{"type":"string","pattern":"^b|c$"}`, `"bx"`, true},
		{`{"type":"string","pattern":"^b|c$"}`, `"xc"`, true},
		{`{"type":"string","pattern":"^b|c$"}`, `"xcb"`, false},
		{`{"type":"string","pattern":"^(?i)straße$"}`, `"STRAßE"`, true},
		{`{"type":"string","pattern":"^[^a]{2}$","maxLength":3}`, `"\n\""`, true},
		{`{"type":"string","pattern":"^a.c$"}`, `"a\nc"`, false},
		{`{"type":"string","pattern":"a","minLength":3}`, `"ba"`, false},
		{`{"type":"string","pattern":"a","minLength":3}`, `"bab"`, true},
		{`{"allOf":[{"pattern":"^a"},{"pattern":"b$"}],"maxLength":3}`, `"acb"`, true},
		{`{"allOf":[{"pattern":"^a"},{"pattern":"b$"}],"maxLength":3}`, `"accb"`, false},
		{`{"type":"string","format":"ipv4"}`, `"255.0.10.1"`, true},
		{`{"type":"string","format":"ipv4"}`, `"256.0.10.1"`, false},
		{`{"type":"object","properties":{"a":{}},"additionalProperties":{"type":"null"}}`, `{"\u0061": null}`, false},
		{`{"type":"object","properties":{"a":{}},"additionalProperties":{"type":"null"}}`, `{"ab": null}`, true},
		{`{"enum":["é\u0001\"😀"]}`, `"é\u0001\"😀"`, true},
	} {
		if got := writes(compiledFor(t, v, c.schema), c.text); got != c.want {
			t.Errorf("%s allows %s: %v, want %v", c.schema, c.text, got, c.want)
		}
	}
}

func TestTextIsUTF8(t *testing.T) {
	lang, err := compilePattern(`^[^\x{1234}]*$`) // so that not all characters lead to the same state
	if err != nil {
		t.Fatal(err)
	}
	all := ^letters(0)
	for _, start := range []text{newText(anything, 0, -1, all), newText(lang.measured(all), 0, -1, all)} {
		for first := 0x80; first < 0x100; first++ {
			for second := range 256 {
				for _, rest := range []string{"", "\x80", "\xbf", "\x80\x80", "\xbf\xb4", "\xb4\xbf"} {
					s := string([]byte{byte(first), byte(second)}) + rest
					want := utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
						return r < ' ' || r == '"' || r == '\\' || r == 0x7f || r == 0x1234 && start.lang != anything
					})
					if got := reads(start, s+`"`); got != want {
						t.Fatalf("%+q: %v, want %v", s, got, want)
					}
				}
			}
		}
	}
}
