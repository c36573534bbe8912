// The normalization forms against Python's (testdata/normal.py) and, where x/text is right, against x/text.

package token

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var forms = map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}

func TestFormsEqualPythons(t *testing.T) {
	raw, err := os.ReadFile("testdata/normal.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]string
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 300 {
		t.Errorf("%d texts, want at least 300", len(all))
	}
	for name, form := range forms {
		for _, g := range all {
			if got := inForm(form)(g["text"]); got != g[name] {
				t.Errorf("%s of %+q is %+q, want %+q", name, g["text"], got, g[name])
			}
		}
	}
}

func TestFormsOfEveryCharacterEqualXText(t *testing.T) {
	for name, form := range forms {
		normalize := inForm(form)
		for r := range unicode.MaxRune + 1 {
			text := string(r)
			if got, want := normalize(text), form.String(text); got != want {
				t.Errorf("%s of %U is %+q, want %+q", name, r, got, want)
			}
		}
	}
}

// Pairs of all that begins and all that ends a composition, and of the letters whose lower 16 bits equal one's.
func TestPairsComposeAsInXTextButForCutOnes(t *testing.T) {
	type short [2]uint16
	pairs := compositions()
	cut := map[short][2]rune{}
	firsts, seconds := map[rune]bool{}, map[rune]bool{}
	for p := range pairs {
		cut[short{uint16(p[0]), uint16(p[1])}] = p
		for high := rune(0); high < 0x30000; high += 0x10000 {
			firsts[p[0]&0xffff|high] = true
		}
		seconds[p[1]] = true
	}
	normalize, same := inForm(norm.NFC), 0
	for a := range firsts {
		for b := range seconds {
			text := string([]rune{a, b})
			want := norm.NFC.String(text)
			if p, ok := cut[short{uint16(a), uint16(b)}]; ok && p != [2]rune{a, b} {
				want = norm.NFC.String(string(a)) + string(b)
			} else {
				same++
			}
			if got := normalize(text); got != want {
				t.Errorf("%U %U gives %+q, want %+q", a, b, got, want)
			}
		}
	}
	if len(pairs) < 941 || same < 60_000 {
		t.Errorf("%d pairs, %d texts compared with x/text; want 941 and 60000", len(pairs), same)
	}
}

func FuzzForms(f *testing.F) {
	f.Add("a" + strings.Repeat("\u0301\u0323", 40) + "\U00010041\u0301")
	f.Add("\u1e0b\u0323 \u1100\u1161\u11a8 \uff76\uff9e \U0001d15e")
	nfc, nfd, nfkc, nfkd := inForm(norm.NFC), inForm(norm.NFD), inForm(norm.NFKC), inForm(norm.NFKD)
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		for _, same := range []struct{ law, a, b string }{
			{"NFC twice", nfc(nfc(text)), nfc(text)}, {"NFC of NFD", nfc(nfd(text)), nfc(text)}, {"NFD of NFC", nfd(nfc(text)), nfd(text)},
			{"NFKC of NFKD", nfkc(nfkd(text)), nfkc(text)}, {"NFKD of NFC", nfkd(nfc(text)), nfkd(text)},
		} {
			if same.a != same.b {
				t.Errorf("%s of %+q: %+q, %+q", same.law, text, same.a, same.b)
			}
		}
	})
}

func BenchmarkForms(b *testing.B) {
	normalize := inForm(norm.NFC)
	for name, text := range map[string]string{
		"ASCII": "The planner wrote a short plan.", "normal": "Où est l'école ? 世界", "decomposed": "Ou\u0300 est l'e\u0301cole ? 世界",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				normalize(text)
			}
		})
	}
}
