// Keywords: what a schema may say. Each is read into the fields of a schema, ignored knowingly, or refused by name.

package grammar

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// SchemaError says what of a schema is wrong or not supported.
type SchemaError struct {
	Path    string // of the schema within the document, as a JSON pointer
	Problem string
}

func (e *SchemaError) Error() string {
	return fmt.Sprintf("schema: %s: %s", place(e.Path), e.Problem)
}

func problem(path, format string, args ...any) error {
	return &SchemaError{Path: path, Problem: fmt.Sprintf(format, args...)}
}

// kinds is a set of types.
type kinds uint8

const (
	null kinds = 1 << iota
	boolean
	object
	array
	str
	integer
	fraction // a number that is not an integer
	numeric  = integer | fraction
	anyKind  = null | boolean | object | array | str | numeric
)

var kindNames = map[string]kinds{
	"null": null, "boolean": boolean, "object": object, "array": array, "string": str, "integer": integer, "number": numeric,
}

// schema is one schema object, read. What it does not say has the value that allows all.
type schema struct {
	id       int
	path     string
	no       bool  // the schema false
	says     bool  // anything at all
	kinds    kinds // stated types
	nullable bool
	hints    kinds    // the types that its other keywords are about
	values   []values // of enum and const
	ref      *document
	all      []*document
	any      []*document
	one      []*document

	properties           []property
	closes               bool // has properties, so others are left out unless additional says otherwise
	required             []string
	additional           *document
	minCount, maxCount   int // properties; −1 is without bound
	prefix               []*document
	items                *document
	minItems, maxItems   int
	minLength, maxLength int
	patterns             []string // as regular expressions
	low, high            []bound
	multiples            []*big.Rat
}

type property struct {
	name  string
	value *document
}

type bound struct {
	at   *big.Rat
	over bool // the bound itself is out
}

// ignored say nothing about which values fit.
var ignored = []string{
	"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples", "example",
	"deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "contentSchema", "discriminator",
	"externalDocs", "xml",
}

// highestCount bounds counts in a schema.
const highestCount = 1 << 20

// readSchema reads d, which is anything that stands where a schema should.
func readSchema(d *document) (*schema, error) {
	s := &schema{path: d.path, kinds: anyKind, maxCount: -1, maxItems: -1, maxLength: -1}
	switch d.kind {
	case 't':
		return s, nil
	case 'f':
		s.no, s.says = true, true
		return s, nil
	case '{':
	default:
		return nil, problem(d.path, "want a schema: an object, true or false")
	}
	for i, key := range d.keys {
		if slices.Contains(ignored, key) && (key != "$id" || d.path == "") || strings.HasPrefix(key, "x-") {
			continue
		}
		if err := s.keyword(key, d.parts[i]); err != nil {
			return nil, err
		}
		s.says = true
	}
	if s.nullable {
		s.kinds |= null
	}
	return s, nil
}

func (s *schema) keyword(key string, value *document) error {
	switch key {
	case "type":
		return s.readType(value)
	case "nullable": // of OpenAPI 3.0
		if s.nullable = value.kind == 't'; !s.nullable && value.kind != 'f' {
			return wants(s, key, "true or false")
		}
	case "enum":
		if value.kind != '[' {
			return wants(s, key, "a list of values")
		}
		s.values = append(s.values, newValues(value.parts...))
	case "const":
		s.values = append(s.values, newValues(value))
	case "$ref":
		if s.ref = value; value.kind != '"' {
			return wants(s, key, "a string")
		}
	case "allOf":
		return s.list(key, value, &s.all)
	case "anyOf":
		return s.list(key, value, &s.any)
	case "oneOf":
		return s.list(key, value, &s.one)
	case "properties", "required", "additionalProperties", "minProperties", "maxProperties":
		s.hints |= object
		return s.objectKeyword(key, value)
	case "items", "prefixItems", "minItems", "maxItems":
		s.hints |= array
		return s.arrayKeyword(key, value)
	case "uniqueItems":
		if value.kind != 'f' {
			return problem(s.path, "keyword %q is not supported unless it is false", key)
		}
	case "minLength":
		s.hints |= str
		return s.count(key, value, &s.minLength)
	case "maxLength":
		s.hints |= str
		return s.count(key, value, &s.maxLength)
	case "pattern":
		if s.hints |= str; value.kind != '"' {
			return wants(s, key, "a string")
		}
		s.patterns = append(s.patterns, value.text)
	case "format":
		return s.readFormat(value)
	case "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf":
		s.hints |= numeric
		return s.numberKeyword(key, value)
	default:
		return problem(s.path, "keyword %q is not supported", key)
	}
	return nil
}

func wants(s *schema, key, what string) error {
	return problem(s.path, "keyword %q wants %s", key, what)
}

func (s *schema) readType(value *document) error {
	names := []*document{value}
	if value.kind == '[' {
		names = value.parts
	}
	s.kinds = 0
	for _, n := range names {
		k, ok := kindNames[n.text]
		if !ok || n.kind != '"' {
			return problem(s.path, "keyword \"type\" wants one of array, boolean, integer, null, number, object, string, or a list of them")
		}
		s.kinds |= k
	}
	return nil
}

func (s *schema) list(key string, value *document, to *[]*document) error {
	if value.kind != '[' || len(value.parts) == 0 {
		return wants(s, key, "a list of schemas")
	}
	*to = value.parts
	return nil
}

func (s *schema) count(key string, value *document, to *int) error {
	n, ok := value.number()
	if !ok || !n.IsInt() || n.Sign() < 0 {
		return wants(s, key, "a whole number")
	}
	if !n.Num().IsInt64() || n.Num().Int64() > highestCount {
		return problem(s.path, "keyword %q is supported up to %d", key, highestCount)
	}
	*to = int(n.Num().Int64())
	return nil
}

func (s *schema) objectKeyword(key string, value *document) error {
	switch key {
	case "properties":
		if value.kind != '{' {
			return wants(s, key, "an object of schemas")
		}
		s.closes = true
		for i, name := range value.keys {
			s.properties = append(s.properties, property{name, value.parts[i]})
		}
	case "required":
		for _, name := range value.parts {
			if name.kind != '"' {
				return wants(s, key, "a list of names")
			}
			s.required = append(s.required, name.text)
		}
		if value.kind != '[' {
			return wants(s, key, "a list of names")
		}
	case "additionalProperties":
		s.additional = value
	case "minProperties":
		return s.count(key, value, &s.minCount)
	case "maxProperties":
		return s.count(key, value, &s.maxCount)
	}
	return nil
}

func (s *schema) arrayKeyword(key string, value *document) error {
	switch key {
	case "items":
		if s.items = value; value.kind == '[' {
			return problem(s.path, "keyword \"items\" with a list is not supported; the name for that is prefixItems")
		}
	case "prefixItems":
		return s.list(key, value, &s.prefix)
	case "minItems":
		return s.count(key, value, &s.minItems)
	case "maxItems":
		return s.count(key, value, &s.maxItems)
	}
	return nil
}

func (s *schema) numberKeyword(key string, value *document) error {
	n, ok := value.number()
	if !ok {
		return problem(s.path, "keyword %q wants a number, with an exponent of at most %d", key, maxExponent)
	}
	switch key {
	case "minimum", "exclusiveMinimum":
		s.low = append(s.low, bound{n, key != "minimum"})
	case "maximum", "exclusiveMaximum":
		s.high = append(s.high, bound{n, key != "maximum"})
	case "multipleOf":
		if n.Sign() <= 0 {
			return wants(s, key, "a number above 0")
		}
		s.multiples = append(s.multiples, n)
	}
	return nil
}
