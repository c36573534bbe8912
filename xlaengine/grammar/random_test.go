// Random schemas, of all that is supported, nested and combined.

package grammar

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// author writes schemas.
type author struct {
	*rand.Rand
	defs []string // names of $defs
}

// document returns a whole schema. Its definitions refer to each other through properties that may be left out.
func (a *author) document() string {
	a.defs = nil
	for n := range a.IntN(3) {
		a.defs = append(a.defs, fmt.Sprintf("d%d", n))
	}
	var defs []string
	for _, name := range a.defs {
		defs = append(defs, fmt.Sprintf("%q: %s", name, a.object(2)))
	}
	root := a.schema(3)
	if len(defs) > 0 && strings.HasPrefix(root, "{\"") {
		return `{"$defs": {` + strings.Join(defs, ", ") + "}, " + root[1:]
	}
	a.defs = nil
	return strings.ReplaceAll(root, `{"$ref": "#/$defs/`, `{"x-ref": "`)
}

func (a *author) chance(percent int) bool { return a.IntN(100) < percent }

func (a *author) pick(from ...string) string { return from[a.IntN(len(from))] }

func (a *author) schema(depth int) string {
	if depth <= 0 {
		return a.scalar()
	}
	switch n := a.IntN(21); {
	case n == 20:
		return a.listed()
	case n < 6:
		return a.object(depth)
	case n < 9:
		return a.array(depth)
	case n < 11:
		return a.union(depth)
	case n < 12:
		return a.exclusive(depth)
	case n < 14:
		return a.all(depth)
	case n < 15 && len(a.defs) > 0:
		return a.ref()
	default:
		return a.scalar()
	}
}

func (a *author) ref() string {
	return fmt.Sprintf(`{"$ref": "#/$defs/%s"}`, a.defs[a.IntN(len(a.defs))])
}

func (a *author) scalar() string {
	switch a.IntN(10) {
	case 0:
		return a.pick(`true`, `{}`, `{"description": "anything"}`)
	case 1:
		return a.pick(`{"type": "null"}`, `{"type": "boolean"}`, `{"type": ["boolean", "null"]}`)
	case 2, 3:
		return a.number("integer")
	case 4:
		return a.number("number")
	case 5:
		return a.values()
	case 6:
		return a.pattern()
	case 7:
		return fmt.Sprintf(`{"type": "string", "format": %q}`, a.pick("date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri"))
	case 8:
		low := a.IntN(6)
		return fmt.Sprintf(`{"type": "string", "minLength": %d, "maxLength": %d}`, low, low+a.IntN(30))
	}
	return a.pick(`{"type": "string"}`, `{"type": "string", "minLength": 1}`, `{"type": ["string", "integer", "null"], "maxLength": 9, "maximum": 5}`)
}

func (a *author) number(kind string) string {
	fields := []string{fmt.Sprintf(`"type": %q`, kind)}
	low := a.IntN(400) - 200
	if a.chance(50) {
		fields = append(fields, fmt.Sprintf(`%q: %d.%d`, a.pick("minimum", "exclusiveMinimum"), low, a.IntN(100)))
	}
	if a.chance(50) {
		fields = append(fields, fmt.Sprintf(`%q: %d.%d`, a.pick("maximum", "exclusiveMaximum"), low+12+a.IntN(2000), a.IntN(100)))
	}
	if a.chance(20) && kind == "number" {
		fields = append(fields, `"multipleOf": `+a.pick("0.1", "0.01", "3"))
	} else if a.chance(20) {
		fields = append(fields, `"multipleOf": `+a.pick("1", "2", "5", "7"))
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func (a *author) values() string {
	all := []string{`"red"`, `"red "`, `"é\n"`, `""`, `null`, `true`, `0`, `-12`, `12`, `1.50`, `1e3`, `[]`, `[1, "a", {}]`, `{"a": {"b": [false]}, "é": 1}`}
	a.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if a.chance(30) {
		return `{"const": ` + all[0] + `}`
	}
	return `{"enum": [` + strings.Join(all[:1+a.IntN(6)], ", ") + `]}`
}

func (a *author) pattern() string {
	pattern := a.pick(`^[a-z]+$`, `^(foo|bar)?[0-9]{2,4}$`, `[A-Z]`, `^\d{3}-\d{4}$`, `x$`, `^[^"\\]*$`, `^\w+(\.\w+)*$`, `^.{3,8}$`, `a|b$`, `^[\t ]?é+$`, `^[\p{L} ]+$`)
	p, _ := json.Marshal(pattern) // strings always have a form
	if a.chance(30) {
		return fmt.Sprintf(`{"type": "string", "pattern": %s, "maxLength": %d}`, p, 8+a.IntN(9))
	}
	return fmt.Sprintf(`{"type": "string", "pattern": %s}`, p)
}

var names = []string{"name", "age", "id", "é", "a b", "a/b", `q"`, "na", "next", "kind of thing"}

func (a *author) object(depth int) string {
	var properties, required []string
	for _, i := range a.Perm(len(names))[:a.IntN(6)] {
		value := a.schema(depth - 1)
		isRef := false
		if len(a.defs) > 0 && a.chance(20) {
			value, isRef = a.ref(), true
		}
		properties = append(properties, fmt.Sprintf("%q: %s", names[i], value))
		if a.chance(50) && !isRef && !strings.Contains(value, "$ref") {
			required = append(required, fmt.Sprintf("%q", names[i]))
		}
	}
	fields := []string{`"type": "object"`, `"title": "an object"`}
	if len(properties) > 0 || a.chance(50) {
		fields = append(fields, `"properties": {`+strings.Join(properties, ", ")+`}`)
	}
	if len(required) > 0 {
		fields = append(fields, `"required": [`+strings.Join(required, ", ")+`]`)
	}
	switch a.IntN(6) {
	case 0:
		fields = append(fields, `"additionalProperties": false`)
	case 1:
		fields = append(fields, `"additionalProperties": true`)
	case 2:
		fields = append(fields, `"additionalProperties": `+a.schema(depth-1))
	}
	if a.chance(15) {
		fields = append(fields, fmt.Sprintf(`"maxProperties": %d`, len(required)+a.IntN(3)))
	}
	if a.chance(15) {
		fields = append(fields, fmt.Sprintf(`"minProperties": %d`, a.IntN(len(properties)+1)))
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func (a *author) array(depth int) string {
	fields := []string{`"type": "array"`}
	low := a.IntN(3)
	if a.chance(80) {
		fields = append(fields, `"items": `+a.schema(depth-1))
	}
	if a.chance(25) {
		fields = append(fields, `"prefixItems": [`+a.schema(depth-1)+", "+a.scalar()+`]`)
	}
	if a.chance(40) {
		fields = append(fields, fmt.Sprintf(`"minItems": %d`, low))
	}
	if a.chance(40) {
		fields = append(fields, fmt.Sprintf(`"maxItems": %d`, low+a.IntN(4)))
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func (a *author) union(depth int) string {
	var branches []string
	for range 1 + a.IntN(3) {
		branches = append(branches, a.schema(depth-1))
	}
	return `{"anyOf": [` + strings.Join(branches, ", ") + `]}`
}

// listed writes values of which some fit the rest of the schema: branches within them overlap, which only a list allows.
func (a *author) listed() string {
	var list []string
	for n := range 8 {
		list = append(list, fmt.Sprintf(`{"n": %d, "s": [%q]}`, n*5, strings.Repeat("a", n)))
	}
	number := fmt.Sprintf(`{%q: [{"minimum": %d}, {"maximum": %d}, {"multipleOf": %d}]}`, a.pick("oneOf", "anyOf", "allOf"), a.IntN(20), 10+a.IntN(20), 2+a.IntN(4))
	text := fmt.Sprintf(`{%q: [{"minLength": %d}, {"pattern": "^a*$", "maxLength": %d}]}`, a.pick("oneOf", "anyOf"), a.IntN(6), a.IntN(8))
	return fmt.Sprintf(`{"enum": [%s, "other", 3], "properties": {"n": %s, "s": {"type": "array", "items": %s}}}`, strings.Join(list, ", "), number, text)
}

// exclusive writes a oneOf whose branches differ by type, by the value of a property, or by which one they require.
func (a *author) exclusive(depth int) string {
	var branches []string
	switch a.IntN(3) {
	case 0:
		branches = []string{a.number("integer"), a.pattern(), `{"type": "null"}`, a.array(depth - 1)}
	case 1:
		for _, kind := range []string{"cat", "dog", "eel"} {
			branches = append(branches, fmt.Sprintf(`{"type": "object", "properties": {"kind": {"const": %q}, "x": %s}, "required": ["kind"]}`, kind, a.schema(depth-1)))
		}
	default:
		for _, name := range []string{"by", "to"} {
			branches = append(branches, fmt.Sprintf(`{"type": "object", "properties": {%q: %s}, "required": [%q]}`, name, a.schema(depth-1), name))
		}
	}
	return `{"oneOf": [` + strings.Join(branches, ", ") + `]}`
}

func (a *author) all(depth int) string {
	switch a.IntN(4) {
	case 0:
		return `{"allOf": [` + a.number("integer") + `, {"minimum": 3}]}`
	case 1:
		return `{"allOf": [{"pattern": "^[a-z]"}, {"type": "string", "minLength": 2}, {"maxLength": 7}]}`
	case 2:
		return fmt.Sprintf(`{"allOf": [{"type": "object", "properties": {"a": %s}}, {"properties": {"b": %s}, "required": ["b"]}], "minProperties": 1}`, a.schema(depth-1), a.scalar())
	}
	return fmt.Sprintf(`{"type": "object", "properties": {"a": %s, "b": %s}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}`, a.scalar(), a.schema(depth-1))
}
