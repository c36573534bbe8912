// Reading a JSON object field by field, so that an error can name the field: a missing one and one of the wrong
// type read the same in encoding/json's own struct decoding.

package config

import (
	"encoding/json"
	"fmt"
)

type fields map[string]json.RawMessage

// has reports whether the field is there and not null.
func (f fields) has(name string) bool { return f[name] != nil && string(f[name]) != "null" }

// tokens reads a token id, a list of them, or nothing.
func (f fields) tokens(name string) ([]int, error) {
	if !f.has(name) {
		return nil, nil
	}
	var one int
	if json.Unmarshal(f[name], &one) == nil {
		return []int{one}, nil
	}
	var list []int
	if json.Unmarshal(f[name], &list) != nil {
		return nil, fmt.Errorf("%s is %s, want a whole number or a list of them", name, short(f[name]))
	}
	return list, nil
}

// reader keeps the first error, so that a run of reads needs one check at its end.
type reader struct {
	fields
	err error
}

// get leaves dst as it is where the field is absent or null.
func (r *reader) get(name string, dst any) {
	if r.err != nil || !r.has(name) {
		return
	}
	if json.Unmarshal(r.fields[name], dst) == nil {
		return
	}
	want := "another type"
	switch dst.(type) {
	case *int:
		want = "a whole number"
	case *float64:
		want = "a number"
	case *bool:
		want = "true or false"
	case *string:
		want = "a string"
	case *[]string:
		want = "a list of strings"
	case *fields:
		want = "an object"
	}
	r.err = fmt.Errorf("%s is %s, want %s", name, short(r.fields[name]), want)
}

func (r *reader) need(name string) {
	if r.err == nil && !r.has(name) {
		r.err = fmt.Errorf("%s is missing", name)
	}
}

func (r *reader) int(name string) int {
	r.need(name)
	return r.intOr(name, 0)
}

func (r *reader) float(name string) float64 {
	r.need(name)
	return r.floatOr(name, 0)
}

func (r *reader) intOr(name string, v int) int           { r.get(name, &v); return v }
func (r *reader) floatOr(name string, v float64) float64 { r.get(name, &v); return v }
func (r *reader) boolOr(name string, v bool) bool        { r.get(name, &v); return v }
func (r *reader) tokens(name string) []int {
	ids, err := r.fields.tokens(name)
	if r.err == nil {
		r.err = err
	}
	return ids
}

func short(raw json.RawMessage) string {
	if len(raw) > 40 {
		return string(raw[:40]) + "…"
	}
	return string(raw)
}
