// Patterns: the regular expressions and plain strings that tokenizer.json cuts text with. They are written for
// Oniguruma in its Ruby dialect; this file rewrites them so that regexp2 finds the same matches, and refuses
// what it cannot rewrite.

package token

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/dlclark/regexp2"
)

// pattern finds what to cut at: a regular expression or, when that is nil, a plain string.
type pattern struct {
	re    *regexp2.Regexp
	plain string
}

// span is a match or the text between two matches; never empty.
type span struct {
	text  string
	match bool
}

// readPattern reads {"Regex": "…"} or {"String": "…"}.
func readPattern(raw json.RawMessage) (pattern, error) {
	var c struct {
		Regex  *string
		String *string
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return pattern{}, fmt.Errorf("pattern: %w", err)
	}
	switch {
	case c.Regex != nil:
		return compile(*c.Regex)
	case c.String != nil:
		return pattern{plain: *c.String}, nil
	}
	return pattern{}, fmt.Errorf("pattern %s has neither Regex nor String", raw)
}

func compile(expr string) (pattern, error) {
	rewritten, err := rewrite(expr)
	if err != nil {
		return pattern{}, fmt.Errorf("pattern %q: %w", expr, err)
	}
	// In Ruby's dialect ^ and $ hold at every line.
	re, err := regexp2.Compile(rewritten, regexp2.Multiline)
	if err != nil {
		return pattern{}, fmt.Errorf("pattern %q: %w", expr, err)
	}
	return pattern{re: re}, nil
}

// spans cuts text at the matches of p.
func (p pattern) spans(text string) iter.Seq[span] {
	if p.re == nil {
		return p.plainSpans(text)
	}
	return func(yield func(span) bool) {
		runes := []rune(text)
		done, doneRune := 0, 0 // bytes and runes given so far
		upTo := func(toRune int) string {
			from := done
			for ; doneRune < toRune; doneRune++ {
				done += runeLen(runes[doneRune])
			}
			return text[from:done]
		}
		// Without a timeout, which this package never sets, matching cannot fail.
		for m, _ := p.re.FindRunesMatch(runes); m != nil; m, _ = p.re.FindNextMatch(m) {
			if before := upTo(m.Index); before != "" && !yield(span{text: before}) {
				return
			}
			// An empty match is a cut and nothing more.
			if found := upTo(m.Index + m.Length); found != "" && !yield(span{text: found, match: true}) {
				return
			}
		}
		if rest := text[done:]; rest != "" {
			yield(span{text: rest})
		}
	}
}

func runeLen(r rune) int {
	switch {
	case r < 0x80:
		return 1
	case r < 0x800:
		return 2
	case r < 0x10000:
		return 3
	}
	return 4
}

func (p pattern) plainSpans(text string) iter.Seq[span] {
	return func(yield func(span) bool) {
		for text != "" {
			at := -1
			if p.plain != "" {
				at = strings.Index(text, p.plain)
			}
			if at < 0 {
				yield(span{text: text})
				return
			}
			if at > 0 && !yield(span{text: text[:at]}) {
				return
			}
			if !yield(span{text: p.plain, match: true}) {
				return
			}
			text = text[at+len(p.plain):]
		}
	}
}
