// Methods of str that split texts, change case, or fill up to a width.

package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

// split is str.split(sep, maxsplit); without sep it cuts at runs of white space and drops empty parts.
func split(text string, a arguments) (value.Value, error) {
	most, err := a.number(1, -1)
	if err != nil {
		return value.Undefined(), err
	}
	if !a.given(0) {
		return texts(fields(text, most)), nil
	}
	by, err := a.text(0)
	if err == nil && by == "" {
		err = fmt.Errorf("%s: the separator is empty", a.name)
	}
	if err != nil {
		return value.Undefined(), err
	}
	if most < 0 {
		return texts(strings.Split(text, by)), nil
	}
	return texts(strings.SplitN(text, by, int(min(most, int64(len(text))))+1)), nil
}

func fields(text string, most int64) []string {
	parts := []string{}
	text = strings.TrimLeftFunc(text, isSpace)
	for text != "" {
		end := strings.IndexFunc(text, isSpace)
		if end < 0 || most == 0 {
			return append(parts, text)
		}
		parts = append(parts, text[:end])
		text = strings.TrimLeftFunc(text[end:], isSpace)
		most--
	}
	return parts
}

// rsplit is split from the right, which matters only with maxsplit.
func rsplit(text string, a arguments) (value.Value, error) {
	most, err := a.number(1, -1)
	if err != nil || most < 0 {
		return split(text, a)
	}
	if !a.given(0) {
		return texts(reversed(fields(backwards(text), most))), nil
	}
	by, err := a.text(0)
	if err == nil && by == "" {
		err = fmt.Errorf("%s: the separator is empty", a.name)
	}
	if err != nil {
		return value.Undefined(), err
	}
	parts := strings.SplitN(backwards(text), backwards(by), int(min(most, int64(len(text))))+1)
	return texts(reversed(parts)), nil
}

func backwards(text string) string {
	runes := []rune(text)
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		runes[i], runes[j] = runes[j], runes[i]
	}
	return string(runes)
}

func reversed(parts []string) []string {
	turned := make([]string, len(parts))
	for i, part := range parts {
		turned[len(parts)-1-i] = backwards(part)
	}
	return turned
}

// splitLines knows Python's ends of lines, among them \r\n as one.
func splitLines(text string, a arguments) (value.Value, error) {
	keep := a.given(0) && a.values[0].IsTrue()
	lines := []string{}
	for text != "" {
		at := strings.IndexFunc(text, isLineEnd)
		if at < 0 {
			lines = append(lines, text)
			break
		}
		_, width := utf8.DecodeRuneInString(text[at:])
		if strings.HasPrefix(text[at:], "\r\n") {
			width = 2
		}
		line := text[:at]
		if keep {
			line = text[:at+width]
		}
		lines = append(lines, line)
		text = text[at+width:]
	}
	return texts(lines), nil
}

func isLineEnd(r rune) bool {
	return '\n' <= r && r <= '\r' || 0x1c <= r && r <= 0x1e || r == 0x85 || r == 0x2028 || r == 0x2029
}

// title gives each run of letters a capital.
func title(text string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		letter := unicode.IsLetter(r)
		defer func() { inWord = letter }()
		if letter && inWord {
			return unicode.ToLower(r)
		}
		return unicode.ToTitle(r)
	}, text)
}

func capitalize(text string) string {
	_, width := utf8.DecodeRuneInString(text)
	return strings.ToTitle(text[:width]) + strings.ToLower(text[width:])
}

func swapCase(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, text)
}

// caseMethod asks whether there are cased letters and none is of the other case.
func caseMethod(is, other func(rune) bool) textMethod {
	return textMethod{run: func(text string, _ arguments) (value.Value, error) {
		return value.FromBool(strings.IndexFunc(text, is) >= 0 && strings.IndexFunc(text, other) < 0), nil
	}}
}

const maxWidth = 1 << 16 // characters a text is filled up to

func zfill(text string, a arguments) (value.Value, error) {
	width, err := a.number(0, 0)
	missing := int(min(width, maxWidth)) - utf8.RuneCountInString(text)
	if missing <= 0 || err != nil {
		return value.FromString(text), err
	}
	sign := ""
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		sign, text = text[:1], text[1:]
	}
	return value.FromString(sign + strings.Repeat("0", missing) + text), nil
}

// padMethod fills up on the left, the right, or half on each side.
func padMethod(left, right int) textMethod {
	return textMethod{run: func(text string, a arguments) (value.Value, error) {
		width, err := a.number(0, 0)
		if err != nil {
			return value.Undefined(), err
		}
		with := " "
		if a.given(1) {
			if with, err = a.text(1); err != nil {
				return value.Undefined(), err
			}
		}
		missing := max(0, int(min(width, maxWidth))-utf8.RuneCountInString(text))
		before := missing * left / (left + right)
		if left == right { // an odd one goes to the left if the width is odd, as in Python
			before += missing & int(width) & 1
		}
		return value.FromString(strings.Repeat(with, before) + text + strings.Repeat(with, missing-before)), nil
	}}
}
