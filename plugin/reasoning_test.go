package plugin

import (
	"strings"
	"testing"
)

// Each answer is taken in whole and cut into pieces of every length; the parts are the same.
func TestThoughtsArePartedHoweverTheyCome(t *testing.T) {
	for _, test := range []struct {
		claim, answer string
		opens         bool
		thought, said string
	}{
		{"no thought", "plain <b>text</b>", false, "", "plain <b>text</b>"},
		{"a block first", "<think>\nhm, 2 < 3\n</think>\n\nyes", false, "hm, 2 < 3", "yes"},
		{"empty block", "<think>\n\n</think>\n\nyes", false, "", "yes"},
		{"space before the block", "\n <think>a</think>b", false, "a", "\n b"},
		{"two blocks", "<think>a</think>b\n<think>c</think>d", false, "ac", "b\nd"},
		{"the prompt opened it", "a\n</think>\nb", true, "a", "b"},
		{"cut off in a thought", "<think>a b ", false, "a b", ""},
		{"cut off in the closing tag", "<think>a</thi", false, "a</thi", ""},
		{"cut off in the opening tag", "<thi", false, "", "<thi"},
		{"in the middle of a line it is a word", "write <think> or </think>", false, "", "write <think> or </think>"},
		{"an end without a beginning", "a</think>b", false, "", "a</think>b"},
		{"nothing", "", false, "", ""},
	} {
		for size := 1; size <= len(test.answer)+1; size++ {
			parted := &thoughts{inside: test.opens, swallow: test.opens}
			var thought, said strings.Builder
			add := func(a, b string) { thought.WriteString(a); said.WriteString(b) }
			for at := 0; at < len(test.answer); at += size {
				add(parted.take(test.answer[at:min(at+size, len(test.answer))], false))
			}
			add(parted.take("", true))
			if thought.String() != test.thought || said.String() != test.said {
				t.Errorf("%s, pieces of %d: thought %q, said %q; want %q, %q", test.claim, size, &thought, &said, test.thought, test.said)
				break
			}
		}
	}
}

// Nothing is made up or lost but tags and space, and pieces make no difference.
func FuzzThoughts(f *testing.F) {
	f.Add("<think>a</think>b", 3, false)
	f.Add("a\n <think>\n</think> \n<th<think></think", 1, true)
	f.Fuzz(func(t *testing.T, answer string, size int, opens bool) {
		size = max(1, size%64)
		whole := &thoughts{inside: opens, swallow: opens}
		wantThought, wantSaid := whole.take(answer, true)
		parted := &thoughts{inside: opens, swallow: opens}
		var thought, said string
		for at := 0; at < len(answer); at += size {
			a, b := parted.take(answer[at:min(at+size, len(answer))], false)
			thought, said = thought+a, said+b
		}
		a, b := parted.take("", true)
		if thought, said = thought+a, said+b; thought != wantThought || said != wantSaid {
			t.Errorf("%q in pieces of %d: %q, %q; whole %q, %q", answer, size, thought, said, wantThought, wantSaid)
		}
		if len(thought)+len(said) > len(answer) {
			t.Errorf("%q became longer: %q, %q", answer, thought, said)
		}
	})
}
