// Calling methods: what rewrite makes of value.name(arguments).

package chat

import (
	"fmt"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2"
	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

// method calls args[0].args[1](args[2:]).
func method(state *minijinja.State, args []value.Value, named map[string]value.Value) (value.Value, error) {
	if len(args) < 2 {
		return value.Undefined(), fmt.Errorf("%s takes a value and a name", callMethod)
	}
	of, rest := args[0], args[2:]
	name, _ := args[1].AsString()
	switch of.Kind() {
	case value.KindUndefined, value.KindNone:
		return value.Undefined(), fmt.Errorf("cannot call %s() of a value that is %s", name, of.Kind())
	case value.KindString:
		if m, ok := textMethods[name]; ok {
			text, _ := of.AsString()
			return m.call("str."+name, text, rest, named)
		}
	case value.KindSeq, value.KindIterable:
		if m, ok := listMethods[name]; ok {
			return m(of.Iter(), arguments{name: "list." + name, values: rest})
		}
		if changing[name] {
			return value.Undefined(), fmt.Errorf("list.%s() would change a value, which templates may not", name)
		}
	}
	// A macro or other function kept under a name; a dict's own key before its method, as far as it can be called.
	if callable, ok := of.GetAttr(name).AsCallable(); ok {
		return callable.Call(state, rest, named)
	}
	if object, ok := of.AsObject(); ok {
		if o, ok := object.(value.MethodCallable); ok {
			return o.CallMethod(state, name, rest, named)
		}
	}
	if d, ok := asDict(of); ok {
		if m, ok := dictMethods[name]; ok {
			return m(d, arguments{name: "dict." + name, values: rest})
		}
		if changing[name] {
			return value.Undefined(), fmt.Errorf("dict.%s() would change a value, which templates may not", name)
		}
	}
	return value.Undefined(), fmt.Errorf("%s has no method %s() here", of.Kind(), name)
}

// changing are the methods that change a list or dict; transformers' sandbox refuses them too.
var changing = map[string]bool{
	"append": true, "extend": true, "insert": true, "remove": true, "pop": true, "clear": true, "sort": true,
	"reverse": true, "update": true, "setdefault": true, "popitem": true,
}

var dictMethods = map[string]func(*dict, arguments) (value.Value, error){
	"items": func(d *dict, _ arguments) (value.Value, error) { return items(d), nil },
	"keys": func(d *dict, _ arguments) (value.Value, error) {
		keys := make([]value.Value, len(d.keys))
		for i, key := range d.keys {
			keys[i] = value.FromString(key)
		}
		return value.FromSlice(keys), nil
	},
	"values": func(d *dict, _ arguments) (value.Value, error) {
		values := make([]value.Value, len(d.keys))
		for i, key := range d.keys {
			values[i] = d.values[key]
		}
		return value.FromSlice(values), nil
	},
	"get": func(d *dict, a arguments) (value.Value, error) {
		key, err := a.text(0)
		if err != nil {
			return value.Undefined(), err
		}
		if v, ok := d.values[key]; ok {
			return v, nil
		}
		if len(a.values) > 1 {
			return a.values[1], nil
		}
		return value.None(), nil
	},
	"copy": func(d *dict, _ arguments) (value.Value, error) { return value.FromObject(d), nil },
}

func items(d *dict) value.Value {
	pairs := make([]value.Value, len(d.keys))
	for i, key := range d.keys {
		pairs[i] = value.FromSlice([]value.Value{value.FromString(key), d.values[key]})
	}
	return value.FromSlice(pairs)
}

var listMethods = map[string]func([]value.Value, arguments) (value.Value, error){
	"index": func(list []value.Value, a arguments) (value.Value, error) {
		for i, item := range list {
			if len(a.values) > 0 && item.Equal(a.values[0]) {
				return value.FromInt(int64(i)), nil
			}
		}
		return value.Undefined(), fmt.Errorf("%s: the value is not in the list", a.name)
	},
	"count": func(list []value.Value, a arguments) (value.Value, error) {
		n := int64(0)
		for _, item := range list {
			if len(a.values) > 0 && item.Equal(a.values[0]) {
				n++
			}
		}
		return value.FromInt(n), nil
	},
	"copy": func(list []value.Value, _ arguments) (value.Value, error) { return value.FromSlice(list), nil },
}

// arguments are what a method was called with.
type arguments struct {
	name   string // of the method, for errors
	values []value.Value
}

// given says that argument i is there and not none.
func (a arguments) given(i int) bool {
	return i < len(a.values) && !a.values[i].IsNone() && !a.values[i].IsUndefined()
}

func (a arguments) text(i int) (string, error) {
	if i < len(a.values) {
		if text, ok := a.values[i].AsString(); ok {
			return text, nil
		}
		return "", fmt.Errorf("%s: argument %d is %s, want a text", a.name, i+1, a.values[i].Kind())
	}
	return "", fmt.Errorf("%s: argument %d is missing", a.name, i+1)
}

// number returns argument i, or otherwise if it was not given.
func (a arguments) number(i int, otherwise int64) (int64, error) {
	if !a.given(i) {
		return otherwise, nil
	}
	if n, ok := a.values[i].AsInt(); ok {
		return n, nil
	}
	return 0, fmt.Errorf("%s: argument %d is %s, want a whole number", a.name, i+1, a.values[i].Kind())
}
