// Values written as Python's str and repr write them.

package chat

import (
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

// str is what {{ v }} prints.
func str(v value.Value) string {
	if text, ok := v.AsString(); ok {
		return text
	}
	return repr(v)
}

// repr is what v looks like inside a list or dict.
func repr(v value.Value) string {
	switch v.Kind() {
	case value.KindUndefined:
		return ""
	case value.KindNone:
		return "None"
	case value.KindBool:
		if v.IsTrue() {
			return "True"
		}
		return "False"
	case value.KindNumber:
		return numeral(v)
	case value.KindString:
		text, _ := v.AsString()
		return quoted(text)
	case value.KindSeq, value.KindIterable:
		var parts []string
		for _, item := range v.Iter() {
			parts = append(parts, repr(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case value.KindMap:
		d, ok := asDict(v)
		if !ok {
			break
		}
		var parts []string
		for _, key := range d.keys {
			parts = append(parts, quoted(key)+": "+repr(d.values[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return v.String()
}

func numeral(v value.Value) string {
	if !v.IsActualFloat() {
		return v.String()
	}
	f, _ := v.AsFloat()
	return float(f)
}

// float writes f with the fewest digits that give it back, with an exponent below 1e-4 and from 1e16.
func float(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// quoted writes text in single quotes, or in double ones if it holds only single ones.
func quoted(text string) string {
	mark := '\''
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		mark = '"'
	}
	var b strings.Builder
	b.WriteRune(mark)
	for _, r := range text {
		switch {
		case r == mark || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			b.WriteString(`\x` + hex(r, 2))
		case r < 0x10000:
			b.WriteString(`\u` + hex(r, 4))
		default:
			b.WriteString(`\U` + hex(r, 8))
		}
	}
	b.WriteRune(mark)
	return b.String()
}

func hex(r rune, digits int) string {
	text := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", digits-len(text)) + text
}
