// Filters and tests that behave otherwise in Python's Jinja than in the library.

package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2"
	"github.com/mitsuhiko/minijinja/minijinja-go/v2/filters"
	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

func addFilters(env *minijinja.Environment) {
	env.AddFilter("tojson", toJSON)
	env.AddFilter("items", itemsFilter)
	env.AddFilter("string", func(_ filters.State, v value.Value, _ []value.Value, _ map[string]value.Value) (value.Value, error) {
		return value.FromString(str(v)), nil
	})
	env.AddFilter("join", joinFilter)
	env.AddFilter("default", defaultFilter)
	env.AddFilter("d", defaultFilter)
	env.AddFilter("length", lengthFilter)
	env.AddFilter("count", lengthFilter)
	for name, method := range map[string]textMethod{"trim": stripMethod(true, true), "title": mapped(titleFilter), "capitalize": mapped(capitalize)} {
		env.AddFilter(name, func(_ filters.State, v value.Value, args []value.Value, named map[string]value.Value) (value.Value, error) {
			return method.call(name, str(v), args, named)
		})
	}
	env.AddFilter("int", numberFilter(value.FromInt(0), func(f float64) value.Value { return value.FromInt(int64(f)) }))
	env.AddFilter("float", numberFilter(value.FromFloat(0), value.FromFloat))
	env.AddTest("sequence", func(_ filters.State, v value.Value, _ []value.Value) (bool, error) {
		return v.Kind() == value.KindSeq || v.Kind() == value.KindString || v.Kind() == value.KindMap, nil
	})
	env.AddTest("iterable", func(_ filters.State, v value.Value, _ []value.Value) (bool, error) {
		switch v.Kind() {
		case value.KindSeq, value.KindString, value.KindMap, value.KindIterable, value.KindUndefined:
			return true, nil
		}
		return false, nil
	})
	env.AddTest("in", func(_ filters.State, v value.Value, args []value.Value) (bool, error) {
		in, err := searchable(nil, args, nil)
		return err == nil && in.Contains(v), err
	})
}

func itemsFilter(_ filters.State, v value.Value, _ []value.Value, _ map[string]value.Value) (value.Value, error) {
	if v.IsUndefined() {
		return value.FromSlice(nil), nil
	}
	d, ok := asDict(v)
	if !ok {
		return value.Undefined(), fmt.Errorf("items: the value is %s, want a dict", v.Kind())
	}
	return items(d), nil
}

// joinFilter is join(d="", attribute=none).
func joinFilter(_ filters.State, v value.Value, args []value.Value, named map[string]value.Value) (value.Value, error) {
	by, attribute := "", named["attribute"]
	if d, ok := named["d"]; ok {
		by = str(d)
	}
	if len(args) > 0 {
		by = str(args[0])
	}
	if len(args) > 1 {
		attribute = args[1]
	}
	key, byKey := attribute.AsString()
	var parts []string
	for _, item := range v.Iter() {
		if byKey {
			item = item.GetAttr(key)
		}
		parts = append(parts, str(item))
	}
	return value.FromString(strings.Join(parts, by)), nil
}

// defaultFilter is default(default_value="", boolean=false).
func defaultFilter(_ filters.State, v value.Value, args []value.Value, named map[string]value.Value) (value.Value, error) {
	otherwise := value.FromString("")
	boolean := false
	if d, ok := named["default_value"]; ok {
		otherwise = d
	}
	if b, ok := named["boolean"]; ok {
		boolean = b.IsTrue()
	}
	if len(args) > 0 {
		otherwise = args[0]
	}
	if len(args) > 1 {
		boolean = args[1].IsTrue()
	}
	if v.IsUndefined() || boolean && !v.IsTrue() {
		return otherwise, nil
	}
	return v, nil
}

func lengthFilter(_ filters.State, v value.Value, _ []value.Value, _ map[string]value.Value) (value.Value, error) {
	if v.IsUndefined() {
		return value.FromInt(0), nil
	}
	n, ok := v.Len()
	if !ok {
		return value.Undefined(), fmt.Errorf("length: the value is %s, which has none", v.Kind())
	}
	return value.FromInt(int64(n)), nil
}

// numberFilter is int or float, which give a default, zero at first, where there is no number.
func numberFilter(zero value.Value, convert func(float64) value.Value) filters.FilterFunc {
	return func(_ filters.State, v value.Value, args []value.Value, named map[string]value.Value) (value.Value, error) {
		otherwise := zero
		if d, ok := named["default"]; ok {
			otherwise = d
		}
		if len(args) > 0 {
			otherwise = args[0]
		}
		if v.IsActualInt() && zero.IsActualInt() {
			return v, nil
		}
		if f, ok := v.AsFloat(); ok {
			return convert(f), nil
		}
		if b, ok := v.AsBool(); ok {
			return convert(map[bool]float64{true: 1}[b]), nil
		}
		if text, ok := v.AsString(); ok {
			if f, err := strconv.ParseFloat(strings.TrimFunc(text, isSpace), 64); err == nil {
				return convert(f), nil
			}
		}
		return otherwise, nil
	}
}

// titleFilter gives a capital to what follows white space, a hyphen or an opening bracket, unlike str.title.
func titleFilter(text string) string {
	opens := true
	return strings.Map(func(r rune) rune {
		first := opens
		opens = isSpace(r) || strings.ContainsRune("-({[<", r)
		if first {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, text)
}

func sorted(keys []string) []string {
	keys = slices.Clone(keys)
	slices.Sort(keys)
	return keys
}
