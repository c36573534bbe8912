// What of JSON Schema is supported, what it allows, and what is refused by name.

package grammar

import (
	"errors"
	"strings"
	"testing"
)

// writes reports whether a grammar holds text.
func writes(g *Grammar, text string) bool {
	at := g.store.fromRule(0)
	for _, b := range []byte(text) {
		if at = g.store.after(at, b); at == nil {
			return false
		}
	}
	return at.ends
}

func TestSchemaSays(t *testing.T) {
	v := smallVocabulary(t, allBytes()...)
	for _, c := range []struct {
		schema  string
		yes, no []string
	}{
		{`true`,
			[]string{`1`, `"a"`, `[]`, `{}`, `[1,2, {"a": null,"b":[true]}]`, `-0.5e+3`},
			[]string{``, ` 1`, `[1,  2]`, `[1,]`, `{"a"}`, `{a: 1}`, "[\n1]", `1 `, strings.Repeat("[", 40) + strings.Repeat("]", 40)}},
		{`{"type": "object"}`, []string{`{}`, `{"a": [1]}`}, []string{`[]`, `1`}},
		{`{"properties": {"b": {"type": "integer"}, "a": {}}, "required": ["a"]}`,
			[]string{`{"a": 1}`, `{"b": 1, "a": []}`}, []string{`{}`, `{"a": 1, "b": 1}`, `{"b": 1}`, `{"a": 1, "c": 1}`, `3`, `{"b": 1.5, "a": 1}`}},
		{`{"properties": {}}`, []string{`{}`}, []string{`{"a": 1}`}},
		{`{"type": "object", "required": ["a"]}`, []string{`{"a": 1}`, `{"a": 1, "b": 1}`}, []string{`{}`, `{"b": 1}`}},
		{`{"properties": {"a": {}}, "additionalProperties": {"type": "null"}}`, []string{`{}`, `{"x": null}`, `{"a": 1, "x": null, "y": null}`}, []string{`{"x": 1}`, `{"x": null, "a": 1}`}},
		{`{"properties": {"a": {}, "b": {}, "c": {}}, "minProperties": 2, "maxProperties": 2}`, []string{`{"a": 1, "c": 1}`}, []string{`{}`, `{"b": 1}`, `{"a": 1, "b": 1, "c": 1}`}},
		{`{"anyOf": [{"type": "null"}, {"properties": {"a": {}}, "additionalProperties": true, "minProperties": 2, "maxProperties": 1}]}`, []string{`null`}, []string{`{}`, `{"a": 1}`, `{"b": 1}`}},
		{`{"additionalProperties": {"type": "null"}, "minProperties": 1, "maxProperties": 2}`, []string{`{"a": null}`, `{"a": null, "b": null}`}, []string{`{}`, `{"a": null, "b": null, "c": null}`}},
		{`{"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2}`, []string{`[true]`, `[true,false]`}, []string{`[]`, `[1]`, `[true,true,true]`}},
		{`{"prefixItems": [{"const": 1}, {"const": 2}]}`, []string{`[]`, `[1]`, `[1,2]`}, []string{`[2]`, `[1,2,3]`}},
		{`{"prefixItems": [{"const": 1}, {"const": 2}], "items": {"const": 3}, "minItems": 2, "maxItems": 3}`, []string{`[1,2]`, `[1,2,3]`}, []string{`[1]`, `[1,2,3,3]`}},
		{`{"prefixItems": [{"const": 1}], "items": false, "maxItems": 0}`, []string{`[]`}, []string{`[1]`}},
		{`{"type": ["string", "null"], "maxLength": 1}`, []string{`null`, `""`, `"a"`}, []string{`"ab"`, `1`}},
		{`{"type": "string", "nullable": true}`, []string{`null`, `"a"`}, []string{`1`}},
		{`{"nullable": true, "type": "integer"}`, []string{`null`, `1`}, []string{`""`}},
		{`{"type": "integer", "format": "int32"}`, []string{`2147483647`, `-2147483648`}, []string{`2147483648`, `-2147483649`}},
		{`{"type": "integer", "minimum": 100000000000000000000}`, []string{`100000000000000000000`}, []string{`1`, `1000000000000000000000`}},
		{`{"type": "number", "multipleOf": 0.01}`, []string{`1`, `1.25`}, []string{`1.255`}},
		{`{"type": "number", "multipleOf": 5}`, []string{`0`, `-15`}, []string{`1`, `5.0`}},
		{`{"const": {"a": [1, "x"]}}`, []string{`{"a":[1,"x"]}`, `{"a": [1, "x"]}`}, []string{`{"a":[1,"x"],}`}},
		{`{"enum": ["a", 1, 2.5, null], "type": ["string", "integer"]}`, []string{`"a"`, `1`}, []string{`2.5`, `null`}},
		{`{"enum": ["a", "bb", "ccc"], "minLength": 2, "pattern": "^[a-b]"}`, []string{`"bb"`}, []string{`"a"`, `"ccc"`}},
		{`{"enum": [1, 2, 3], "const": 2.0}`, []string{`2`}, []string{`1`}},
		{`{"enum": [{"a": 1}, {"a": "x"}, {"b": 1}, [1], [1, 2]], "properties": {"a": {"type": "integer"}}, "additionalProperties": false, "maxItems": 1}`, []string{`{"a": 1}`, `[1]`}, []string{`{"a": "x"}`, `{"b": 1}`, `[1,2]`}},
		{`{"enum": [{"n": 5}, {"n": 20}, {"n": -1}], "properties": {"n": {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "integer", "maximum": 10}]}}}`, []string{`{"n": 20}`, `{"n": -1}`}, []string{`{"n": 5}`}},
		{`{"enum": [[1], [2], [3], [4]], "items": {"oneOf": [{"oneOf": [{"enum": [1, 2]}, {"enum": [1, 3]}]}, {"enum": [1, 2]}]}}`, []string{`[1]`, `[3]`}, []string{`[2]`, `[4]`}},
		{`{"enum": [{"n": 1}, {"n": 2}, {"n": 3}], "properties": {"n": {"$ref": "#/$defs/n", "anyOf": [{"maximum": 1}, {"minimum": 3}]}}, "$defs": {"n": {"allOf": [{"minimum": 2}]}}}`, []string{`{"n": 3}`}, []string{`{"n": 1}`, `{"n": 2}`}},
		{`{"allOf": [{"properties": {"a": {"minimum": 3}}}, {"properties": {"a": {"type": "integer", "maximum": 5}, "b": {}}, "required": ["b"]}]}`,
			[]string{`{"a": 4, "b": 1}`, `{"b": 1}`}, []string{`{"a": 4}`, `{"a": 6, "b": 1}`, `{"a": 2, "b": 1}`}},
		{`{"allOf": [{"type": ["string", "integer"]}, {"type": ["integer", "null"]}]}`, []string{`1`}, []string{`"a"`, `null`}},
		{`{"type": "object", "properties": {"a": {}, "b": {}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}`, []string{`{"a": 1}`, `{"b": 1}`, `{"a": 1, "b": 1}`}, []string{`{}`}},
		{`{"$ref": "#/$defs/p%20q", "$defs": {"p q": {"type": "null"}}}`, []string{`null`}, []string{`1`}},
		{`{"$ref": "#/definitions/a~1b", "maxLength": 1, "definitions": {"a/b": {"type": "string"}}}`, []string{`"a"`}, []string{`"ab"`}},
		{`{"type": "object", "properties": {"next": {"$ref": "#"}, "end": {"type": "null"}}}`, []string{`{}`, `{"next": {"next": {"end": null}}}`}, []string{`{"next": null}`}},
		{`{"oneOf": [{"properties": {"k": {"const": "a"}, "x": {"type": "integer"}}, "required": ["k"]}, {"properties": {"k": {"const": "b"}, "y": {}}, "required": ["k"]}]}`,
			[]string{`{"k": "a", "x": 1}`, `{"k": "b", "y": 1}`}, []string{`{"k": "b", "x": 1}`, `{"k": "c"}`, `{}`}},
		{`{"oneOf": [{"type": "integer", "maximum": 3}, {"type": "number", "exclusiveMinimum": 3}]}`, []string{`3`, `3.5`, `4`}, []string{`2.5`}},
		{`{"oneOf": [{"type": "string", "pattern": "^a"}, {"type": "string", "pattern": "^b"}]}`, []string{`"a"`, `"bb"`}, []string{`"c"`}},
		{`{"oneOf": [{"type": "array", "maxItems": 1}, {"type": "array", "minItems": 2}]}`, []string{`[]`, `[1,2]`}, []string{`1`}},
		{`{"oneOf": [{"enum": [1, 2]}, {"enum": [3]}, {"type": "string"}]}`, []string{`1`, `3`, `"a"`}, []string{`4`}},
		{`{"allOf": [{"$ref": "#/$defs/p"}, {"$ref": "#/$defs/p"}], "$defs": {"p": {"oneOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]}}}`,
			[]string{`{"a": 1}`, `{"b": 1}`}, []string{`{"a": 1, "b": 1}`, `{}`}},
		{`{"properties": {"a": false, "b": true}}`, []string{`{}`, `{"b": 1}`}, []string{`{"a": 1}`}},
		{`{"type": "string", "title": "t", "description": "d", "default": 3, "examples": [1], "$comment": "c", "x-order": 1, "uniqueItems": false}`, []string{`"a"`}, []string{`1`}},
	} {
		g := compiledFor(t, v, c.schema)
		for _, text := range c.yes {
			if !writes(g, text) {
				t.Errorf("%s does not allow %s", c.schema, text)
			}
		}
		for _, text := range c.no {
			if writes(g, text) {
				t.Errorf("%s allows %s", c.schema, text)
			}
		}
	}
}

func TestSchemaRefusesByName(t *testing.T) {
	for raw, want := range map[string]string{
		`{"properties": {"x": {"not": {}}}}`:                     `schema: /properties/x: keyword "not" is not supported`,
		`{"if": {}, "then": {}}`:                                 `schema: the root: keyword "if" is not supported`,
		`{"type": "array", "uniqueItems": true}`:                 `keyword "uniqueItems" is not supported unless it is false`,
		`{"type": "array", "contains": {}}`:                      `keyword "contains" is not supported`,
		`{"patternProperties": {"a": {}}}`:                       `keyword "patternProperties" is not supported`,
		`{"propertyNames": {}}`:                                  `keyword "propertyNames" is not supported`,
		`{"dependentRequired": {}}`:                              `keyword "dependentRequired" is not supported`,
		`{"unevaluatedProperties": false}`:                       `keyword "unevaluatedProperties" is not supported`,
		`{"$dynamicRef": "#a"}`:                                  `keyword "$dynamicRef" is not supported`,
		`{"requird": ["a"]}`:                                     `keyword "requird" is not supported`,
		`{"items": {"$id": "a"}}`:                                `schema: /items: keyword "$id" is not supported`,
		`{"items": [{}]}`:                                        `keyword "items" with a list is not supported; the name for that is prefixItems`,
		`{"$ref": "other.json"}`:                                 `reference "other.json" is not supported`,
		`{"$ref": "#anchor"}`:                                    `reference "#anchor" is not supported`,
		`{"$ref": "#/$defs/a"}`:                                  `reference "#/$defs/a" leads nowhere`,
		`{"$ref": "#"}`:                                          `schema: the root: it refers to itself in a circle`,
		`{"anyOf": [{"$ref": "#"}, {"type": "null"}]}`:           `it refers to itself in a circle`,
		`{"const": [1], "items": {"$ref": "#/items"}}`:           `schema: /items: it refers to itself in a circle`,
		`{"type": "string", "format": "regex"}`:                  `format "regex" is not supported; supported are date, date-time, duration,`,
		`{"type": "string", "pattern": "(?=a)"}`:                 "pattern \"(?=a)\": invalid or unsupported Perl syntax `(?=` is not supported",
		`{"type": "string", "pattern": "a", "maxLength": 1e6}`:   `minLength and maxLength with a pattern`,
		`{"type": "integer", "multipleOf": 0.3}`:                 `keyword "multipleOf" is supported for 1, 0.1`,
		`{"type": "integer", "multipleOf": 12345}`:               `keyword "multipleOf" is supported for 1, 0.1`,
		`{"type": "integer", "minimum": 1e999}`:                  `keyword "minimum" wants a number, with an exponent of at most 400`,
		`{"type": "integer", "minimum": 1e70}`:                   `a bound of 71 digits, at most 64 are supported`,
		`{"minimum": 0, "exclusiveMinimum": true}`:               `keyword "exclusiveMinimum" wants a number`,
		`{"type": "text"}`:                                       `keyword "type" wants one of array`,
		`{"minLength": -1}`:                                      `keyword "minLength" wants a whole number`,
		`{"maxItems": 1e9}`:                                      `keyword "maxItems" is supported up to 1048576`,
		`{"anyOf": []}`:                                          `keyword "anyOf" wants a list of schemas`,
		`{"properties": []}`:                                     `keyword "properties" wants an object of schemas`,
		`{"properties": {"a": 3}}`:                               `schema: /properties/a: want a schema`,
		`{"additionalProperties": true, "minProperties": 3}`:     `keyword "minProperties" is supported up to one more than the properties named`,
		`{"properties": {"a": {"enum": []}}, "required": ["a"]}`: `schema: /properties/a: no value fits`,
		`{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}`:            `no value fits`,
		`{"type": "integer", "minimum": 3, "maximum": 2}`:                                      `schema: the root: no value fits`,
		`{"oneOf": [{"type": "integer"}, {"type": "number"}]}`:                                 `schema: the root: keyword "oneOf": a value may fit both branch 0 and branch 1`,
		`{"oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}`:                    `keyword "oneOf": a value may fit both branch 0 and branch 1`,
		`{"oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}, "required": ["b"]}]}`: `keyword "oneOf": a value may fit both branch 0 and branch 1`,
		`{"a": 1, "a": 2}`:                 `schema: the root: a key is there twice`,
		`{"type": `:                        `schema: the root: it is not JSON: unexpected EOF`,
		`{} {}`:                            `schema: the root: something follows the end`,
		strings.Repeat("[", 1000):          `nests deeper than 128`,
		strings.Repeat(" ", maxSize) + "1": `it has 1048577 bytes`,
	} {
		err := Check([]byte(raw))
		var wrong *SchemaError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.200s: %v, want %q", raw, err, want)
		}
	}
}

func TestSchemaErrorSaysWhere(t *testing.T) {
	var wrong *SchemaError
	err := Check([]byte(`{"properties": {"a/b": {"items": {"not": {}}}}}`))
	if !errors.As(err, &wrong) || wrong.Path != "/properties/a~1b/items" {
		t.Errorf("%v is of %+v", err, wrong)
	}
}

func FuzzSchema(f *testing.F) {
	for _, raw := range smallSchemas {
		f.Add([]byte(raw))
	}
	f.Add([]byte(`{"oneOf": [{"properties": {"k": {"const": "a"}}, "required": ["k"]}, {"properties": {"k": {"enum": ["b", 1]}}, "required": ["k"]}]}`))
	f.Add([]byte(`{"allOf": [{"$ref": "#/$defs/a"}, {"minItems": 3}], "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}, "prefixItems": [{"multipleOf": 7}]}}}`))
	f.Add([]byte(`{"type": "string", "pattern": "^(a|b)*[^\\x00-\\x7f]{2,5}\\p{L}?$", "format": "date", "maxLength": 12}`))
	v := smallVocabulary(f, `":`, `", "`, "12")
	f.Fuzz(func(t *testing.T, raw []byte) {
		g, err := v.Schema(raw)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "schema: ") {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		s := g.Start()
		need := s.Need()
		for left := min(need, 300); left > 0 && need <= 300; left-- {
			mask, err := s.MaskWithin(left)
			if err != nil {
				t.Fatalf("%q: %v", raw, err)
			}
			some := ids(mask)
			if len(some) == 0 {
				if !s.Done() {
					t.Fatalf("%q: stuck", raw)
				}
				return
			}
			if err := s.Accept(some[(left+len(raw))%len(some)]); err != nil {
				t.Fatal(err)
			}
		}
	})
}
