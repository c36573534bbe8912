// Normalizers: what is done to the text before it is cut into pieces; Unicode's own forms are in normalform.go.
// Unicode tables are Go's (15.0); Hugging Face's library carries older ones for NFKC and NFKD and newer ones for lower
// case, which differ for some 130 and 50 rare characters.

package token

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites text.
type normalizer func(text string) string

// readNormalizers builds the "normalizer" of a tokenizer.json; null gives none.
func readNormalizers(raw json.RawMessage) ([]normalizer, error) {
	if isNull(raw) {
		return nil, nil
	}
	var c struct {
		Type        string            `json:"type"`
		Normalizers []json.RawMessage `json:"normalizers"`
		Prepend     string            `json:"prepend"`
		Pattern     json.RawMessage   `json:"pattern"`
		Content     string            `json:"content"`
		Left        bool              `json:"strip_left"`
		Right       bool              `json:"strip_right"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	switch c.Type {
	case "Sequence":
		var all []normalizer
		for _, r := range c.Normalizers {
			some, err := readNormalizers(r)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	case "NFC":
		return []normalizer{inForm(norm.NFC)}, nil
	case "NFD":
		return []normalizer{inForm(norm.NFD)}, nil
	case "NFKC":
		return []normalizer{inForm(norm.NFKC)}, nil
	case "NFKD":
		return []normalizer{inForm(norm.NFKD)}, nil
	case "Lowercase":
		return []normalizer{lower}, nil
	case "StripAccents":
		return []normalizer{withoutMarks}, nil
	case "Strip":
		return []normalizer{stripSpace(c.Left, c.Right)}, nil
	case "Prepend":
		return []normalizer{prepend(c.Prepend)}, nil
	case "Replace":
		p, err := readPattern(c.Pattern)
		if err != nil {
			return nil, fmt.Errorf("normalizer Replace: %w", err)
		}
		return []normalizer{func(text string) string { return replaceAll(p, text, c.Content) }}, nil
	}
	return nil, fmt.Errorf("normalizer %q is not supported", c.Type)
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// lower maps each rune by itself (no final sigma), as Hugging Face's does.
func lower(text string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if r == 'İ' {
			return r
		}
		return unicode.ToLower(r)
	}, text), "İ", "i\u0307")
}

func withoutMarks(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.M, r) {
			return -1
		}
		return r
	}, text)
}

func stripSpace(left, right bool) normalizer {
	return func(text string) string {
		if left {
			text = strings.TrimLeftFunc(text, unicode.IsSpace)
		}
		if right {
			text = strings.TrimRightFunc(text, unicode.IsSpace)
		}
		return text
	}
}

func prepend(with string) normalizer {
	return func(text string) string {
		if text == "" {
			return text
		}
		return with + text
	}
}

func replaceAll(p pattern, text, with string) string {
	var b strings.Builder
	for span := range p.spans(text) {
		if span.match {
			b.WriteString(with)
		} else {
			b.WriteString(span.text)
		}
	}
	return b.String()
}
