package token

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func ExampleTokenizer_Encode() {
	t, err := Open("../../testdata/models/tiny-llama3")
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, err := t.Encode("<|im_start|>Hello world")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ids)
	fmt.Println(t.Decode(ids))
	// Output:
	// [1 42 71 78 296 299 265 78 70]
	// <|im_start|>Hello world
}

func ExampleStream() {
	t, err := Open("../../testdata/models/tiny-llama3")
	if err != nil {
		fmt.Println(err)
		return
	}
	ids, err := t.Encode("é 🗾")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := t.NewStream()
	for _, id := range ids {
		fmt.Printf("%q ", s.Push(id))
	}
	fmt.Printf("%q\n", s.Flush())
	// Output: "" "é" " " "" "" "" "🗾" ""
}

func TestLookupsAgreeWithTheVocabulary(t *testing.T) {
	tokenizer := smollm(t)
	if n := tokenizer.Size(); n != 49152 {
		t.Errorf("size %d, want 49152", n)
	}
	if id, ok := tokenizer.ID("<|im_end|>"); !ok || id != 2 {
		t.Errorf("<|im_end|> is %d, %v, want 2", id, ok)
	}
	if id, ok := tokenizer.ID("no such token"); ok {
		t.Errorf("a token that is not there has id %d", id)
	}
	if text, ok := tokenizer.Text(2); !ok || text != "<|im_end|>" {
		t.Errorf("2 is %q, %v", text, ok)
	}
	for _, id := range []int{-1, 49152, 1 << 40} {
		if text, ok := tokenizer.Text(id); ok {
			t.Errorf("%d is %q", id, text)
		}
		if text := tokenizer.Decode([]int{id, 28120}); text != tokenizer.Decode([]int{28120}) {
			t.Errorf("%d decodes to something: %q", id, text)
		}
	}
	if !tokenizer.IsSpecial(2) || tokenizer.IsSpecial(28120) || tokenizer.IsSpecial(-1) {
		t.Error("special are not just the control tokens")
	}
	if bos, ok := tokenizer.BOS(); !ok || bos != 1 {
		t.Errorf("begin is %d, %v, want 1", bos, ok)
	}
	if eos := tokenizer.EOS(); !slices.Equal(eos, []int{0, 2}) {
		t.Errorf("ends are %v, want [0 2]", eos)
	}
	tiny := open(t, models+"tiny-qwen3")
	if bos, ok := tiny.BOS(); ok {
		t.Errorf("tiny-qwen3 begins with %d, want nothing", bos)
	}
	if eos := tiny.EOS(); !slices.Equal(eos, []int{0, 2}) {
		t.Errorf("tiny-qwen3 ends are %v, want [0 2]", eos)
	}
}

func TestInvalidUTF8IsAnError(t *testing.T) {
	tokenizer := open(t, models+"tiny-llama3")
	for text, want := range map[string]string{
		"ab\xffc":       "byte 2 (0xff)",
		"\xe6\x97":      "byte 0 (0xe6)",
		"é\xed\xa0\x80": "byte 2 (0xed)", // half of a surrogate pair
	} {
		_, err := tokenizer.Encode(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", text, err, want)
		}
	}
	if _, err := tokenizer.Encode("\ufffd"); err != nil {
		t.Errorf("U+FFFD itself: %v", err)
	}
}

func TestDecodeReplacesBrokenCharactersAsHuggingFace(t *testing.T) {
	// 🗾 is f0 9f 97 be. The expected strings are those of Rust's and Python's lossy decoding.
	for raw, want := range map[string]string{
		"\xf0\x9f\x97":      "\ufffd",
		"\xf0\x9fA":         "\ufffdA",
		"\xff\xfe":          "\ufffd\ufffd",
		"\xe0\x80\x80":      "\ufffd\ufffd\ufffd",
		"\xed\xa0\x80":      "\ufffd\ufffd\ufffd",
		"a\xe6\x97\xe6\x97": "a\ufffd\ufffd",
	} {
		if got := lossy([]byte(raw)); got != want {
			t.Errorf("%q becomes %q, want %q", raw, got, want)
		}
	}
}

func TestLongInputsTakeLinearTime(t *testing.T) {
	tokenizer := smollm(t)
	for name, text := range map[string]string{
		"one letter":   strings.Repeat("a", 200_000), // one piece
		"two letters":  strings.Repeat("ab", 100_000),
		"spaces":       strings.Repeat(" ", 200_000),
		"newlines":     strings.Repeat("\n", 200_000),
		"quotes":       strings.Repeat("'", 200_000),
		"angles":       strings.Repeat("<|", 100_000),
		"digits":       strings.Repeat("7", 200_000),
		"added tokens": strings.Repeat("<|im_end|>", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			ids, err := tokenizer.Encode(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := tokenizer.Decode(ids); got != text {
				t.Error("does not come back")
			}
			// 200 kB take some 0.1 s; were time quadratic it would be minutes.
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestParallelUseGivesTheSameIDs(t *testing.T) {
	tokenizer := open(t, models+"tiny-qwen3")
	all := readGolden(t, "tokens-tiny-qwen3.json")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, g := range all {
				if ids, err := tokenizer.Encode(g.Text); err != nil || !slices.Equal(ids, g.IDs) {
					t.Errorf("%q: %v, %v", g.Text, ids, err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzRoundTrip(f *testing.F) {
	for _, g := range readGolden(f, "tokens-smollm2-135m.json") {
		f.Add(g.Text)
	}
	f.Add("a" + strings.Repeat("\u0301", 31) + " \U00010041\u0301")
	tokenizers := map[string]*Tokenizer{
		"smollm2": smollm(f), "tiny-llama3": open(f, models+"tiny-llama3"), "tiny-qwen3": open(f, models+"tiny-qwen3"),
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, tokenizer := range tokenizers {
			ids, err := tokenizer.Encode(text)
			if !utf8.ValidString(text) {
				if err == nil {
					t.Errorf("%s: %q is not UTF-8 and gives no error", name, text)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %q: %v", name, text, err)
			}
			want := text
			switch name {
			case "tiny-qwen3": // whose normalizer is NFC
				want = inForm(norm.NFC)(text)
			case "smollm2":
				want = withoutMissingBytes(tokenizer, text)
			}
			if got := tokenizer.Decode(ids); got != want {
				t.Errorf("%s: %q comes back as %q", name, want, got)
			}
			if got := streamed(t, tokenizer.NewStream(), ids); got != want {
				t.Errorf("%s: %q streams as %q", name, want, got)
			}
		}
	})
}

// withoutMissingBytes leaves out the bytes that SmolLM2's vocabulary has no token for, some control characters and
// bytes of rare characters. Hugging Face's tokenizer drops them too; TestMissingBytesAreDropped counts them.
func withoutMissingBytes(tokenizer *Tokenizer, text string) string {
	var kept []byte
	for i := range len(text) {
		if tokenizer.model.single[text[i]] >= 0 {
			kept = append(kept, text[i])
		}
	}
	return lossy(kept)
}

func TestMissingBytesAreDropped(t *testing.T) {
	tokenizer := smollm(t)
	var missing []byte
	for b := range 256 {
		if tokenizer.model.single[b] < 0 {
			missing = append(missing, byte(b))
		}
	}
	// c0, c1 and f5 on never stand in UTF-8; the others are what this vocabulary really lacks.
	want := "\x04\x06\x13\x14\x16\x1d\xc0\xc1\xf1\xf2\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff"
	if string(missing) != want {
		t.Errorf("without a token are %q, want %q", missing, want)
	}
	ids, err := tokenizer.Encode("a\x06b")
	if err != nil || !slices.Equal(ids, []int{81, 82}) { // as Hugging Face's
		t.Errorf("%v, %v, want [81 82]", ids, err)
	}
}

// streamed pushes ids through s and checks that no push gives a broken character.
func streamed(t *testing.T, s *Stream, ids []int) string {
	t.Helper()
	var b strings.Builder
	for _, id := range ids {
		text := s.Push(id)
		if !utf8.ValidString(text) {
			t.Errorf("push of %d gives %q", id, text)
		}
		b.WriteString(text)
	}
	b.WriteString(s.Flush())
	return b.String()
}

func BenchmarkEncode(b *testing.B) {
	tokenizer := smollm(b)
	var all strings.Builder
	for _, g := range readGolden(b, "tokens-smollm2-135m.json") {
		all.WriteString("The planner wrote a short plan for this question, and 3 more agents read it. ")
		all.WriteString(g.Text)
	}
	text := all.String()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := tokenizer.Encode(text); err != nil {
			b.Fatal(err)
		}
	}
}
