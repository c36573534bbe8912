// The filter tojson, as transformers has it: Python's json.dumps with characters left as they are.

package chat

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2/filters"
	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

// dump is how JSON is laid out.
type dump struct {
	item, key string // what separates items, and a key from its value
	indent    string // of one level; with lines set, items stand on lines of their own
	lines     bool
	ascii     bool // other characters are escaped
	sort      bool
}

// toJSON is the filter: tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false).
func toJSON(_ filters.State, v value.Value, args []value.Value, named map[string]value.Value) (value.Value, error) {
	given := map[string]value.Value{}
	for i, name := range []string{"ensure_ascii", "indent", "separators", "sort_keys"} {
		if i < len(args) {
			given[name] = args[i]
		} else if arg, ok := named[name]; ok {
			given[name] = arg
		}
	}
	isTrue := func(name string) bool {
		v, ok := given[name]
		return ok && v.IsTrue()
	}
	d := dump{item: ", ", key: ": ", ascii: isTrue("ensure_ascii"), sort: isTrue("sort_keys")}
	if indent, ok := given["indent"]; ok && !indent.IsNone() {
		d.lines, d.item = true, ","
		if n, ok := indent.AsInt(); ok {
			d.indent = strings.Repeat(" ", int(max(0, min(n, 64))))
		} else if d.indent, ok = indent.AsString(); !ok {
			return value.Undefined(), fmt.Errorf("tojson: indent is %s, want a number or a text", repr(indent))
		}
	}
	if separators, ok := given["separators"]; ok && !separators.IsNone() {
		two := separators.Iter()
		if len(two) != 2 {
			return value.Undefined(), fmt.Errorf("tojson: separators are %s, want two texts", repr(separators))
		}
		d.item, d.key = str(two[0]), str(two[1])
	}
	var b strings.Builder
	if err := d.write(&b, v, "\n"); err != nil {
		return value.Undefined(), fmt.Errorf("tojson: %w", err)
	}
	return value.FromString(b.String()), nil
}

// write writes v; newline is a line break and the indent where v stands.
func (d *dump) write(b *strings.Builder, v value.Value, newline string) error {
	switch v.Kind() {
	case value.KindUndefined:
		return errors.New("the value is undefined")
	case value.KindNone:
		b.WriteString("null")
	case value.KindBool:
		b.WriteString(strings.ToLower(repr(v)))
	case value.KindNumber:
		b.WriteString(jsonNumeral(v))
	case value.KindString:
		text, _ := v.AsString()
		d.text(b, text)
	case value.KindSeq, value.KindIterable:
		items := v.Iter()
		return d.list(b, '[', ']', len(items), newline, func(i int, newline string) error {
			return d.write(b, items[i], newline)
		})
	case value.KindMap:
		m, ok := asDict(v)
		if !ok {
			return fmt.Errorf("%s cannot be written as JSON", v.String())
		}
		keys := m.keys
		if d.sort {
			keys = sorted(keys)
		}
		return d.list(b, '{', '}', len(keys), newline, func(i int, newline string) error {
			d.text(b, keys[i])
			b.WriteString(d.key)
			return d.write(b, m.values[keys[i]], newline)
		})
	default:
		return fmt.Errorf("%s cannot be written as JSON", v.String())
	}
	return nil
}

func (d *dump) list(b *strings.Builder, open, shut byte, n int, newline string, item func(int, string) error) error {
	b.WriteByte(open)
	inner := newline + d.indent
	for i := range n {
		if i > 0 {
			b.WriteString(d.item)
		}
		if d.lines {
			b.WriteString(inner)
		}
		if err := item(i, inner); err != nil {
			return err
		}
	}
	if d.lines && n > 0 {
		b.WriteString(newline)
	}
	b.WriteByte(shut)
	return nil
}

func jsonNumeral(v value.Value) string {
	if f, ok := v.AsFloat(); ok && v.IsActualFloat() {
		switch {
		case math.IsNaN(f):
			return "NaN"
		case math.IsInf(f, 1):
			return "Infinity"
		case math.IsInf(f, -1):
			return "-Infinity"
		}
	}
	return numeral(v)
}

func (d *dump) text(b *strings.Builder, text string) {
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ' || d.ascii && r >= 0x7f && r < 0x10000:
			b.WriteString(`\u` + hex(r, 4))
		case d.ascii && r >= 0x10000: // a surrogate pair
			r -= 0x10000
			b.WriteString(`\u` + hex(0xd800+r>>10, 4) + `\u` + hex(0xdc00+r&0x3ff, 4))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
