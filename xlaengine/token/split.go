// Pre-tokenizers: how text is cut into the pieces that are encoded one by one. No token crosses a cut.

package token

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"unicode"
)

// piece is a stretch of text on its way to the model.
type piece struct {
	text  string
	opens bool // begins where the text given to Encode begins
}

// splitter cuts one piece into several.
type splitter func(p piece) iter.Seq[string]

// splitAll cuts every piece and leaves out empty ones.
func splitAll(s splitter, pieces []piece) []piece {
	cut := make([]piece, 0, len(pieces))
	for _, p := range pieces {
		opens := p.opens
		for text := range s(p) {
			if text != "" {
				cut = append(cut, piece{text: text, opens: opens})
				opens = false
			}
		}
	}
	return cut
}

// gpt2Pattern is what "ByteLevel" cuts with unless told otherwise.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

// readSplitters builds the "pre_tokenizer" of a tokenizer.json; null gives none. byteLevel says that the text
// reaches the model as bytes.
func readSplitters(raw json.RawMessage) (all []splitter, byteLevel bool, err error) {
	if isNull(raw) {
		return nil, false, nil
	}
	var c struct {
		Type             string            `json:"type"`
		Pretokenizers    []json.RawMessage `json:"pretokenizers"`
		AddPrefixSpace   *bool             `json:"add_prefix_space"`
		UseRegex         *bool             `json:"use_regex"`
		Pattern          json.RawMessage   `json:"pattern"`
		Behavior         string            `json:"behavior"`
		Invert           bool              `json:"invert"`
		IndividualDigits bool              `json:"individual_digits"`
		Replacement      string            `json:"replacement"`
		PrependScheme    string            `json:"prepend_scheme"`
		Split            *bool             `json:"split"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, false, fmt.Errorf("pre-tokenizer: %w", err)
	}
	orTrue := func(b *bool) bool { return b == nil || *b }
	switch c.Type {
	case "Sequence":
		for i, r := range c.Pretokenizers {
			some, bytes, err := readSplitters(r)
			if err != nil {
				return nil, false, err
			}
			if bytes && i != len(c.Pretokenizers)-1 {
				return nil, false, fmt.Errorf("pre-tokenizer ByteLevel is supported only as the last of a Sequence")
			}
			all, byteLevel = append(all, some...), bytes
		}
		return all, byteLevel, nil
	case "ByteLevel":
		return byteLevelSplitters(orTrue(c.AddPrefixSpace), orTrue(c.UseRegex)), true, nil
	case "Split":
		p, err := readPattern(c.Pattern)
		if err != nil {
			return nil, false, fmt.Errorf("pre-tokenizer Split: %w", err)
		}
		s, err := splitAt(p.spans, c.Behavior, c.Invert)
		if err != nil {
			return nil, false, fmt.Errorf("pre-tokenizer Split: %w", err)
		}
		return []splitter{s}, false, nil
	case "Digits":
		return []splitter{digits(c.IndividualDigits)}, false, nil
	case "Whitespace":
		return []splitter{mustSplitAt(words, "Removed")}, false, nil
	case "WhitespaceSplit":
		return []splitter{mustSplitAt(runesThat(unicode.IsSpace), "Removed")}, false, nil
	case "Punctuation":
		behavior := c.Behavior
		if behavior == "" {
			behavior = "Isolated"
		}
		s, err := splitAt(runesThat(isPunctuation), behavior, false)
		if err != nil {
			return nil, false, fmt.Errorf("pre-tokenizer Punctuation: %w", err)
		}
		return []splitter{s}, false, nil
	case "Metaspace":
		scheme := c.PrependScheme
		if scheme == "" {
			scheme = map[bool]string{true: "always", false: "never"}[orTrue(c.AddPrefixSpace)]
		}
		s, err := metaspace(c.Replacement, scheme, orTrue(c.Split))
		return []splitter{s}, false, err
	}
	return nil, false, fmt.Errorf("pre-tokenizer %q is not supported", c.Type)
}

func byteLevelSplitters(addSpace, cut bool) []splitter {
	var all []splitter
	if addSpace {
		all = append(all, func(p piece) iter.Seq[string] {
			if !strings.HasPrefix(p.text, " ") {
				return once(" " + p.text)
			}
			return once(p.text)
		})
	}
	if cut {
		p, err := compile(gpt2Pattern)
		if err != nil {
			panic(err) // a constant of this package; a test compiles it
		}
		all = append(all, mustSplitAt(p.spans, "Isolated"))
	}
	return all
}

func once(text string) iter.Seq[string] {
	return func(yield func(string) bool) { yield(text) }
}

// digits cuts numbers out, digit by digit or as whole runs.
func digits(individual bool) splitter {
	if individual {
		return mustSplitAt(runesThat(isNumber), "Isolated")
	}
	return mustSplitAt(runesThat(isNumber), "Contiguous")
}

// metaspace writes spaces as replacement and, if cut, begins a piece at each.
func metaspace(replacement, scheme string, cut bool) (splitter, error) {
	if replacement == "" {
		return nil, fmt.Errorf("pre-tokenizer Metaspace: replacement is empty")
	}
	if scheme != "always" && scheme != "first" && scheme != "never" {
		return nil, fmt.Errorf("pre-tokenizer Metaspace: prepend_scheme %q, want always, first or never", scheme)
	}
	parts := mustSplitAt(pattern{plain: replacement}.spans, "MergedWithNext")
	return func(p piece) iter.Seq[string] {
		text := strings.ReplaceAll(p.text, " ", replacement)
		if (scheme == "always" || scheme == "first" && p.opens) && !strings.HasPrefix(text, replacement) {
			text = replacement + text
		}
		if !cut {
			return once(text)
		}
		return parts(piece{text: text})
	}, nil
}

// runesThat takes every single rune for which is holds as a match.
func runesThat(is func(rune) bool) func(string) iter.Seq[span] {
	return func(text string) iter.Seq[span] {
		return func(yield func(span) bool) {
			done := 0
			for i, r := range text {
				if !is(r) {
					continue
				}
				end := i + runeLen(r)
				if done < i && !yield(span{text: text[done:i]}) || !yield(span{text: text[i:end], match: true}) {
					return
				}
				done = end
			}
			if done < len(text) {
				yield(span{text: text[done:]})
			}
		}
	}
}

// words takes white space as a match, and cuts between words and signs: what is left of \w+|[^\w\s]+.
func words(text string) iter.Seq[span] {
	kind := func(r rune) int {
		switch {
		case isWord(r):
			return 0
		case unicode.IsSpace(r):
			return 1
		}
		return 2
	}
	return func(yield func(span) bool) {
		start, last := 0, -1
		for i, r := range text {
			k := kind(r)
			if last >= 0 && k != last {
				if !yield(span{text: text[start:i], match: last == 1}) {
					return
				}
				start = i
			}
			last = k
		}
		if start < len(text) {
			yield(span{text: text[start:], match: last == 1})
		}
	}
}

func isPunctuation(r rune) bool {
	return unicode.IsPunct(r) || r < 0x80 && strings.ContainsRune("$+<=>^`|~", r)
}
