package plugin

// The JSON Schemas that answers are kept to: of calls, made of what functions say of their parameters, and of an app's own.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/grammar"
)

// shape is what an answer must fit; the zero value is any text.
type shape struct {
	object bool            // any JSON object
	schema json.RawMessage // what fits this JSON Schema; may be nil
}

// with adds what c asks for: the answer must be a call, or may be one beside what fits the schema. Where any object will
// do, a call is one.
func (s shape) with(c calling) shape {
	switch {
	case c.must:
		return shape{schema: callSchema(c.offered, nil)}
	case len(c.offered) > 0 && s.schema != nil:
		return shape{schema: callSchema(c.offered, s.schema)}
	}
	return s
}

// callSchema is the schema of a call of one of the functions, or of what fits other, if there is one.
func callSchema(functions []callable, other json.RawMessage) json.RawMessage {
	var all []string
	for i, f := range functions {
		parameters := rebase(f.Parameters, fmt.Sprintf("#/anyOf/%d/properties/arguments", i), aSchema)
		all = append(all, fmt.Sprintf(`{"type":"object","properties":{"name":{"const":%s},"arguments":%s},"required":["name","arguments"],"additionalProperties":false}`, inJSON(f.Name), parameters))
	}
	if other != nil {
		all = append(all, string(rebase(other, fmt.Sprintf("#/anyOf/%d", len(all)), aSchema)))
	}
	return json.RawMessage(`{"anyOf":[` + strings.Join(all, ",") + `]}`)
}

// compile sets the grammars of r: of the whole answer where it must fit something, of arguments where it may be a call.
// Vocabularies keep the grammars they compiled.
func (l *LLM) compile(r *request, asked shape) error {
	s, c := asked.with(r.calling), r.calling
	if s.schema == nil && !s.object && len(c.offered) == 0 {
		return nil
	}
	v, err := l.generator.Vocabulary()
	if err != nil {
		return err
	}
	parameters := map[string]*grammar.Grammar{}
	for _, f := range c.offered { // each by itself, so that the error says whose it is and where in it
		if parameters[f.Name], err = v.Schema(f.Parameters); err != nil {
			return because(ErrSchema, "function %q: parameters: %v", f.Name, err)
		}
	}
	switch {
	case s.schema != nil:
		r.grammar, err = v.Schema(s.schema)
	case s.object:
		r.grammar, err = v.Object()
	default:
		r.parameters, r.letters = parameters, l.alphabet(v)
	}
	var wrong *grammar.SchemaError
	if errors.As(err, &wrong) {
		return because(ErrSchema, "%v", err)
	}
	return err
}

// constraint returns what holds one answer to what r asks for; nil for nothing. opens says that the answer begins within a
// thought, where there are no calls.
func (l *LLM) constraint(r request, opens bool) xlaengine.Constraint {
	switch {
	case r.grammar != nil:
		return fitting{r.grammar.Start()}
	case r.parameters != nil:
		c := &mayCall{alphabet: r.letters, parameters: r.parameters, token: l.generator.Token}
		if opens {
			c.said = thinkBegin
		}
		return c
	}
	return nil
}

// fitting names the one way a grammar can fail.
type fitting struct{ *grammar.State }

func (f fitting) MaskWithin(left int) ([]uint64, error) {
	mask, err := f.State.MaskWithin(left)
	if err != nil {
		err = fmt.Errorf("%w: %v; raise llms.WithMaxTokens", ErrTooShort, err)
	}
	return mask, err
}

// parametersOf returns a function's parameters as a schema of an object that is closed where that does not change what
// its author can have meant: no parameters means no arguments, and those not named are not made up. Nor are arguments ever
// null, which some authors allow for functions that need none.
func parametersOf(given any) (json.RawMessage, error) {
	raw, err := schemaOf(given)
	if err != nil {
		return nil, err
	}
	if string(raw) == "null" {
		raw = json.RawMessage(`{"type":"object","properties":{}}`)
	}
	members, ok := membersOf(raw)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	members = slices.DeleteFunc(members, func(m member) bool { return m.key == "nullable" })
	is := func(key string) func(member) bool { return func(m member) bool { return m.key == key } }
	anObject := json.RawMessage(`"object"`)
	var add []member
	if at := slices.IndexFunc(members, is("type")); at < 0 {
		add = append(add, member{"type", anObject})
	} else if !slices.Contains(typesOf(members[at].value), "object") {
		return nil, fmt.Errorf("of type %s; want an object, by the arguments' names", members[at].value)
	} else {
		members[at].value = anObject
	}
	opens := []string{"additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames", "minProperties",
		"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "dependentRequired"}
	named := slices.ContainsFunc(members, is("properties"))
	if named && !slices.ContainsFunc(members, func(m member) bool { return slices.Contains(opens, m.key) }) {
		add = append(add, member{"additionalProperties", json.RawMessage("false")})
	}
	return inOrder(append(add, members...)), nil
}

// typesOf returns what the keyword type lists.
func typesOf(value json.RawMessage) (types []string) {
	var one string
	if json.Unmarshal(value, &one) == nil {
		return []string{one}
	}
	_ = json.Unmarshal(value, &types) // what is not a list of strings has none
	return types
}

// schemaOf returns a schema, given as text, as bytes or as a value that encoding/json writes, in compact form. It is
// without what names it as a document of its own, so that it can be part of another.
func schemaOf(given any) (json.RawMessage, error) {
	var raw []byte
	switch g := given.(type) {
	case string:
		raw = []byte(g)
	case []byte:
		raw = g
	default:
		var err error
		if raw, err = json.Marshal(given); err != nil {
			return nil, err
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("not JSON: %v", err)
	}
	members, ok := membersOf(compact.Bytes())
	if !ok {
		return compact.Bytes(), nil
	}
	return inOrder(slices.DeleteFunc(members, func(m member) bool { return m.key == "$id" || m.key == "$schema" })), nil
}

// member is one of an object.
type member struct {
	key   string
	value json.RawMessage
}

// membersOf returns the members of an object in the order they are written in; false if raw is none.
func membersOf(raw json.RawMessage) (all []member, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	for decoder.More() {
		token, err := decoder.Token()
		key, isKey := token.(string)
		var value json.RawMessage
		if err != nil || !isKey || decoder.Decode(&value) != nil {
			return nil, false
		}
		all = append(all, member{key, value})
	}
	return all, true
}

// inOrder writes an object.
func inOrder(members []member) json.RawMessage {
	parts := make([]string, len(members))
	for i, m := range members {
		parts[i] = inJSON(m.key) + ":" + string(m.value)
	}
	return json.RawMessage("{" + strings.Join(parts, ",") + "}")
}

// What a part of a schema is.
const (
	aSchema = iota
	byName  // an object with a schema for each name
	data    // a value to compare with
)

// rebase makes references within a schema that becomes part of another point to where it is then, at the JSON pointer.
func rebase(raw json.RawMessage, pointer string, what int) json.RawMessage {
	if what == data || !bytes.Contains(raw, []byte(`"$ref"`)) {
		return raw
	}
	var out bytes.Buffer
	decoder := json.NewDecoder(bytes.NewReader(raw))
	open, err := decoder.Token()
	delim, nested := open.(json.Delim)
	if err != nil || !nested {
		return raw
	}
	out.WriteString(delim.String())
	for first := true; decoder.More(); first = false {
		if !first {
			out.WriteByte(',')
		}
		part := what
		key := ""
		if delim == '{' {
			token, _ := decoder.Token()
			key, _ = token.(string)
			out.WriteString(inJSON(key) + ":")
			part = partOf(what, key)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return raw
		}
		var ref string
		if what == aSchema && key == "$ref" && json.Unmarshal(value, &ref) == nil && (ref == "#" || strings.HasPrefix(ref, "#/")) {
			value = json.RawMessage(inJSON(pointer + ref[1:]))
		}
		out.Write(rebase(value, pointer, part))
	}
	out.WriteByte(map[json.Delim]byte{'{': '}', '[': ']'}[delim])
	return out.Bytes()
}

func partOf(what int, key string) int {
	if what != aSchema {
		return aSchema
	}
	switch key {
	case "properties", "patternProperties", "$defs", "definitions", "dependentSchemas":
		return byName
	case "const", "enum", "default", "examples":
		return data
	}
	return aSchema
}

// inJSON writes what is known to be possible to write, without escapes for HTML, which models were not trained on.
func inJSON(v any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "null"
	}
	return strings.TrimSuffix(b.String(), "\n")
}
