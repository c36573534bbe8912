// Dicts that keep the order of their keys, as Python's do, and how Go values become template values.

package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/mitsuhiko/minijinja/minijinja-go/v2"
	"github.com/mitsuhiko/minijinja/minijinja-go/v2/value"
)

// dict is an object of the template library that looks like a map. It never changes once made.
type dict struct {
	keys   []string
	values map[string]value.Value
}

func newDict() *dict { return &dict{values: map[string]value.Value{}} }

func (d *dict) set(key string, v value.Value) {
	if _, ok := d.values[key]; !ok {
		d.keys = append(d.keys, key)
	}
	d.values[key] = v
}

// GetAttr returns the value of a key.
func (d *dict) GetAttr(key string) value.Value {
	if v, ok := d.values[key]; ok {
		return v
	}
	return value.Undefined()
}

// ObjectRepr says that d is a map.
func (d *dict) ObjectRepr() value.ObjectRepr { return value.ObjectReprMap }

// Keys returns the keys in order.
func (d *dict) Keys() []string { return d.keys }

// Map returns d without its order, for comparing and for ** arguments.
func (d *dict) Map() map[string]value.Value { return d.values }

// String writes d as Python does.
func (d *dict) String() string { return repr(value.FromObject(d)) }

// asDict returns v as a dict; keys of the library's own maps, which have no order, come sorted.
func asDict(v value.Value) (*dict, bool) {
	if object, ok := v.AsObject(); ok {
		if d, ok := object.(*dict); ok {
			return d, true
		}
	}
	m, ok := v.AsMap()
	if !ok {
		return nil, false
	}
	d := newDict()
	for _, key := range v.Iter() {
		if text, ok := key.AsString(); ok {
			d.set(text, m[text])
		}
	}
	return d, true
}

// dictLiteral is what rewrite makes of {key: value, …}.
func dictLiteral(_ *minijinja.State, args []value.Value, _ map[string]value.Value) (value.Value, error) {
	d := newDict()
	for i := 0; i+1 < len(args); i += 2 {
		d.set(str(args[i]), args[i+1])
	}
	return value.FromObject(d), nil
}

// searchable is what rewrite puts around the right side of "in": the library finds nothing in objects.
func searchable(_ *minijinja.State, args []value.Value, _ map[string]value.Value) (value.Value, error) {
	if len(args) != 1 {
		return value.Undefined(), fmt.Errorf("in takes one value, got %d", len(args))
	}
	if object, ok := args[0].AsObject(); ok {
		if d, ok := object.(*dict); ok {
			return value.FromMap(d.values), nil
		}
	}
	if args[0].Kind() == value.KindIterable {
		return value.FromSlice(args[0].Iter()), nil
	}
	return args[0], nil
}

// fromGo returns v as a template sees it: what encoding/json writes, read back with the order of keys.
func fromGo(v any) (value.Value, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return value.Undefined(), err
	}
	r := json.NewDecoder(bytes.NewReader(raw))
	r.UseNumber()
	return readValue(r)
}

func readValue(r *json.Decoder) (value.Value, error) {
	t, err := r.Token()
	if err != nil {
		return value.Undefined(), err
	}
	switch t := t.(type) {
	case nil:
		return value.None(), nil
	case bool:
		return value.FromBool(t), nil
	case string:
		return value.FromString(t), nil
	case json.Number:
		return number(t)
	case json.Delim:
		if t == '[' {
			return readList(r)
		}
		return readDict(r)
	}
	return value.Undefined(), fmt.Errorf("unexpected %v", t)
}

func number(n json.Number) (value.Value, error) {
	if i, err := n.Int64(); err == nil {
		return value.FromInt(i), nil
	}
	if i, ok := new(big.Int).SetString(n.String(), 10); ok {
		return value.FromBigInt(i), nil
	}
	f, err := n.Float64()
	return value.FromFloat(f), err
}

func readList(r *json.Decoder) (value.Value, error) {
	items := []value.Value{}
	for r.More() {
		v, err := readValue(r)
		if err != nil {
			return value.Undefined(), err
		}
		items = append(items, v)
	}
	_, err := r.Token()
	return value.FromSlice(items), err
}

func readDict(r *json.Decoder) (value.Value, error) {
	d := newDict()
	for r.More() {
		key, err := r.Token()
		if err != nil {
			return value.Undefined(), err
		}
		v, err := readValue(r)
		if err != nil {
			return value.Undefined(), err
		}
		d.set(key.(string), v) // the decoder gives no other keys
	}
	_, err := r.Token()
	return value.FromObject(d), err
}
