// The methods of Python's str that templates use.

package chat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

// textMethod is one method; names are its parameters, in order, for those who give them by name.
type textMethod struct {
	names []string
	run   func(text string, a arguments) (value.Value, error)
}

func (m textMethod) call(name, text string, args []value.Value, named map[string]value.Value) (value.Value, error) {
	for given, v := range named {
		at := -1
		for i, n := range m.names {
			if n == given {
				at = i
			}
		}
		if at < 0 {
			return value.Undefined(), fmt.Errorf("%s: there is no argument %s", name, given)
		}
		for len(args) <= at {
			args = append(args, value.None())
		}
		args[at] = v
	}
	return m.run(text, arguments{name: name, values: args})
}

// mapped is a method without arguments that gives a text.
func mapped(f func(string) string) textMethod {
	return textMethod{run: func(text string, _ arguments) (value.Value, error) { return value.FromString(f(text)), nil }}
}

// each is a method that asks whether a text has characters and is holds for all of them.
func each(is func(rune) bool) textMethod {
	return textMethod{run: func(text string, _ arguments) (value.Value, error) {
		no := strings.IndexFunc(text, func(r rune) bool { return !is(r) })
		return value.FromBool(text != "" && no < 0), nil
	}}
}

var textMethods = map[string]textMethod{
	"strip": stripMethod(true, true), "lstrip": stripMethod(true, false), "rstrip": stripMethod(false, true),
	"startswith": affixMethod(strings.HasPrefix), "endswith": affixMethod(strings.HasSuffix),
	"removeprefix": cutMethod(strings.TrimPrefix), "removesuffix": cutMethod(strings.TrimSuffix),
	"split": {[]string{"sep", "maxsplit"}, split}, "rsplit": {[]string{"sep", "maxsplit"}, rsplit},
	"splitlines": {[]string{"keepends"}, splitLines},
	"partition":  partitionMethod(false), "rpartition": partitionMethod(true),
	"upper": mapped(strings.ToUpper), "lower": mapped(strings.ToLower), "casefold": mapped(strings.ToLower),
	"title": mapped(title), "capitalize": mapped(capitalize), "swapcase": mapped(swapCase),
	"replace": {[]string{"old", "new", "count"}, replace}, "join": {nil, join},
	"find": findMethod(strings.Index, false), "rfind": findMethod(strings.LastIndex, false),
	"index": findMethod(strings.Index, true), "rindex": findMethod(strings.LastIndex, true),
	"count":   {nil, count},
	"isdigit": each(unicode.IsDigit), "isdecimal": each(unicode.IsDigit), "isnumeric": each(unicode.IsNumber),
	"isalpha": each(unicode.IsLetter), "isspace": each(isSpace),
	"isalnum": each(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
	"isupper": caseMethod(unicode.IsUpper, unicode.IsLower), "islower": caseMethod(unicode.IsLower, unicode.IsUpper),
	"zfill": {nil, zfill}, "ljust": padMethod(0, 1), "rjust": padMethod(1, 0), "center": padMethod(1, 1),
}

// isSpace is Python's str.isspace: Unicode's white space and four control characters.
func isSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

func stripMethod(left, right bool) textMethod {
	return textMethod{[]string{"chars"}, func(text string, a arguments) (value.Value, error) {
		cut := isSpace
		if a.given(0) {
			chars, err := a.text(0)
			if err != nil {
				return value.Undefined(), err
			}
			cut = func(r rune) bool { return strings.ContainsRune(chars, r) }
		}
		if left {
			text = strings.TrimLeftFunc(text, cut)
		}
		if right {
			text = strings.TrimRightFunc(text, cut)
		}
		return value.FromString(text), nil
	}}
}

// affixMethod takes one text or several, and where in the text to look.
func affixMethod(has func(string, string) bool) textMethod {
	return textMethod{run: func(text string, a arguments) (value.Value, error) {
		text, _, err := within(text, a)
		if err != nil {
			return value.Undefined(), err
		}
		if len(a.values) > 0 && a.values[0].Kind() == value.KindSeq {
			for _, item := range a.values[0].Iter() {
				if affix, ok := item.AsString(); ok && has(text, affix) {
					return value.FromBool(true), nil
				}
			}
			return value.FromBool(false), nil
		}
		affix, err := a.text(0)
		return value.FromBool(err == nil && has(text, affix)), err
	}}
}

// within returns the part of text that arguments 2 and 3 bound, in characters, and how many come before it.
func within(text string, a arguments) (part string, before int64, err error) {
	if !a.given(1) && !a.given(2) {
		return text, 0, nil
	}
	runes := []rune(text)
	n := int64(len(runes))
	bound := func(i int, otherwise int64) int64 {
		at, e := a.number(i, otherwise)
		if e != nil {
			err = e
		}
		if at < 0 {
			at += n
		}
		return max(0, min(at, n))
	}
	from, to := bound(1, 0), bound(2, n)
	return string(runes[from:max(from, to)]), from, err
}

func cutMethod(cut func(string, string) string) textMethod {
	return textMethod{run: func(text string, a arguments) (value.Value, error) {
		affix, err := a.text(0)
		return value.FromString(cut(text, affix)), err
	}}
}

func partitionMethod(last bool) textMethod {
	return textMethod{run: func(text string, a arguments) (value.Value, error) {
		by, err := a.text(0)
		if err == nil && by == "" {
			err = fmt.Errorf("%s: the separator is empty", a.name)
		}
		if err != nil {
			return value.Undefined(), err
		}
		at := strings.Index(text, by)
		if last {
			at = strings.LastIndex(text, by)
		}
		switch {
		case at >= 0:
			return texts([]string{text[:at], by, text[at+len(by):]}), nil
		case last:
			return texts([]string{"", "", text}), nil
		}
		return texts([]string{text, "", ""}), nil
	}}
}

func texts(list []string) value.Value {
	values := make([]value.Value, len(list))
	for i, text := range list {
		values[i] = value.FromString(text)
	}
	return value.FromSlice(values)
}

func replace(text string, a arguments) (value.Value, error) {
	old, err := a.text(0)
	if err != nil {
		return value.Undefined(), err
	}
	with, err := a.text(1)
	if err != nil {
		return value.Undefined(), err
	}
	n, err := a.number(2, -1)
	return value.FromString(strings.Replace(text, old, with, int(n))), err
}

func join(text string, a arguments) (value.Value, error) {
	if len(a.values) == 0 {
		return value.Undefined(), fmt.Errorf("%s: argument 1 is missing", a.name)
	}
	var parts []string
	for i, item := range a.values[0].Iter() {
		part, ok := item.AsString()
		if !ok {
			return value.Undefined(), fmt.Errorf("%s: item %d is %s, want a text", a.name, i, item.Kind())
		}
		parts = append(parts, part)
	}
	return value.FromString(strings.Join(parts, text)), nil
}

// findMethod gives the place in characters; what is not there is −1 or, if must, an error.
func findMethod(index func(string, string) int, must bool) textMethod {
	return textMethod{run: func(text string, a arguments) (value.Value, error) {
		what, err := a.text(0)
		if err != nil {
			return value.Undefined(), err
		}
		part, before, err := within(text, a)
		if err != nil {
			return value.Undefined(), err
		}
		at := index(part, what)
		if at >= 0 {
			return value.FromInt(before + int64(utf8.RuneCountInString(part[:at]))), nil
		}
		if must {
			return value.Undefined(), fmt.Errorf("%s: %q is not in the text", a.name, what)
		}
		return value.FromInt(-1), nil
	}}
}

func count(text string, a arguments) (value.Value, error) {
	what, err := a.text(0)
	if err != nil {
		return value.Undefined(), err
	}
	part, _, err := within(text, a)
	return value.FromInt(int64(strings.Count(part, what))), err
}
