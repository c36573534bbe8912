// What becomes of a match when text is cut at it: the five behaviours of the "Split" pre-tokenizer.

package token

import (
	"fmt"
	"iter"
)

// splitAt cuts a piece where spans finds matches. With invert, what lies between the matches counts as the match.
func splitAt(spans func(string) iter.Seq[span], behavior string, invert bool) (splitter, error) {
	join, ok := behaviors[behavior]
	if !ok {
		return nil, fmt.Errorf("behavior %q is not supported", behavior)
	}
	return func(p piece) iter.Seq[string] {
		found := func(yield func(span) bool) {
			for s := range spans(p.text) {
				if !yield(span{text: s.text, match: s.match != invert}) {
					return
				}
			}
		}
		return join(p.text, found)
	}, nil
}

// mustSplitAt is splitAt for this package's own behaviours.
func mustSplitAt(spans func(string) iter.Seq[span], behavior string) splitter {
	s, err := splitAt(spans, behavior, false)
	if err != nil {
		panic(err)
	}
	return s
}

// behaviors say, by their name in tokenizer.json, how the spans of text become pieces. Spans lie next to each
// other, so that joining some is taking a longer part of text.
var behaviors = map[string]func(text string, spans iter.Seq[span]) iter.Seq[string]{
	"Isolated": func(_ string, spans iter.Seq[span]) iter.Seq[string] {
		return func(yield func(string) bool) {
			for s := range spans {
				if !yield(s.text) {
					return
				}
			}
		}
	},
	"Removed": func(_ string, spans iter.Seq[span]) iter.Seq[string] {
		return func(yield func(string) bool) {
			for s := range spans {
				if !s.match && !yield(s.text) {
					return
				}
			}
		}
	},
	// A run of matches, or of spans between matches, is one piece.
	"Contiguous": func(text string, spans iter.Seq[span]) iter.Seq[string] {
		return joined(text, spans, func(last, now span) bool { return last.match == now.match })
	},
	// A match goes with what stands before it, unless that is a match too.
	"MergedWithPrevious": func(text string, spans iter.Seq[span]) iter.Seq[string] {
		return joined(text, spans, func(last, now span) bool { return now.match && !last.match })
	},
	// A match goes with what stands after it, unless that is a match too.
	"MergedWithNext": func(text string, spans iter.Seq[span]) iter.Seq[string] {
		return joined(text, spans, func(last, now span) bool { return last.match && !now.match })
	},
}

// joined gives pieces made of neighbouring spans for which together holds.
func joined(text string, spans iter.Seq[span], together func(last, now span) bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, end := 0, 0
		var last span
		for s := range spans {
			if end > start && !together(last, s) {
				if !yield(text[start:end]) {
					return
				}
				start = end
			}
			end += len(s.text)
			last = s
		}
		if end > start {
			yield(text[start:end])
		}
	}
}
