// Documents: JSON with its members in the order they are written in, which encoding/json does not keep. Schemas and
// the values in them are documents.

package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// document is a JSON value.
type document struct {
	path  string // from the root, as a JSON pointer
	kind  byte   // one of { [ " 0 t f n
	text  string // of a string, or of a number as written
	keys  []string
	parts []*document // values of an object by keys, or items of an array
}

// maxDepth bounds how deep a document nests, maxSize its bytes.
const (
	maxDepth = 128
	maxSize  = 1 << 20
)

// parse reads a document. What is wrong with it is a *SchemaError.
func parse(raw []byte) (*document, error) {
	if len(raw) > maxSize {
		return nil, problem("", "it has %d bytes, at most %d are supported", len(raw), maxSize)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	d, err := read(decoder, "", 0)
	var wrong *SchemaError
	if err != nil && !errors.As(err, &wrong) {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, problem("", "it is not JSON: %v", err)
	}
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, problem("", "something follows the end, at byte %d", decoder.InputOffset())
	}
	return d, nil
}

func read(decoder *json.Decoder, path string, depth int) (*document, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	d := &document{path: path}
	switch x := token.(type) {
	case string:
		d.kind, d.text = '"', x
	case json.Number:
		d.kind, d.text = '0', string(x)
	case bool:
		if d.kind = 'f'; x {
			d.kind = 't'
		}
	case nil:
		d.kind = 'n'
	case json.Delim:
		if depth == maxDepth {
			return nil, problem(path, "it nests deeper than %d", maxDepth)
		}
		d.kind = byte(x)
		for decoder.More() {
			at := strconv.Itoa(len(d.parts))
			if d.kind == '{' {
				key, err := decoder.Token()
				if err != nil {
					return nil, err
				}
				at = key.(string) // the decoder takes nothing else
				d.keys = append(d.keys, at)
			}
			part, err := read(decoder, path+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(at), depth+1)
			if err != nil {
				return nil, err
			}
			d.parts = append(d.parts, part)
		}
		if _, err := decoder.Token(); err != nil {
			return nil, err
		}
		sorted := slices.Clone(d.keys)
		if slices.Sort(sorted); len(slices.Compact(sorted)) < len(d.keys) {
			return nil, problem(path, "a key is there twice")
		}
	}
	return d, nil
}

// place names a path in an error.
func place(path string) string {
	if path == "" {
		return "the root"
	}
	return path
}

// get returns the value of a key, nil if there is none.
func (d *document) get(key string) *document {
	if i := slices.Index(d.keys, key); i >= 0 {
		return d.parts[i]
	}
	return nil
}

// find follows a JSON pointer.
func (d *document) find(pointer string) *document {
	if pointer == "" {
		return d
	}
	if pointer[0] != '/' {
		return nil
	}
	for _, step := range strings.Split(pointer[1:], "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch d.kind {
		case '{':
			d = d.get(step)
		case '[':
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(d.parts) {
				return nil
			}
			d = d.parts[i]
		default:
			return nil
		}
		if d == nil {
			return nil
		}
	}
	return d
}

// maxExponent bounds numbers that are computed with.
const maxExponent = 400

// number returns the value of a number; false if it is none or too large to compute with.
func (d *document) number() (*big.Rat, bool) {
	if d.kind != '0' || len(d.text) > maxExponent {
		return nil, false
	}
	if i := strings.IndexAny(d.text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(d.text[i+1:]); err != nil || e < -maxExponent || e > maxExponent {
			return nil, false
		}
	}
	return new(big.Rat).SetString(d.text)
}

// same returns a text that two values share if JSON Schema calls them equal: numbers of one value, objects whatever the
// order of their keys.
func (d *document) same() string {
	switch d.kind {
	case '"':
		return strconv.Quote(d.text)
	case '0':
		if n, ok := d.number(); ok {
			return n.RatString()
		}
		return d.text
	case '{', '[':
		parts := make([]string, len(d.parts))
		for i, p := range d.parts {
			if parts[i] = p.same(); d.kind == '{' {
				parts[i] = strconv.Quote(d.keys[i]) + ":" + parts[i]
			}
		}
		if d.kind == '{' {
			slices.Sort(parts)
		}
		return string(d.kind) + strings.Join(parts, ",")
	}
	return string(d.kind)
}

// word returns the text of a document that is no object or array.
func (d *document) word(spell letters) string {
	switch d.kind {
	case '"':
		return quoted(d.text, spell)
	case '0':
		return d.text
	case 't':
		return "true"
	case 'f':
		return "false"
	}
	return "null"
}

// expr returns the expression of a document as a value: its text with a space allowed after commas and colons.
func (d *document) expr(spell letters) *expr {
	if d.kind != '{' && d.kind != '[' {
		return word(d.word(spell))
	}
	parts := []*expr{word(string(d.kind))}
	for i, p := range d.parts {
		if i > 0 {
			parts = append(parts, comma())
		}
		if d.kind == '{' {
			parts = append(parts, word(quoted(d.keys[i], spell)), colon())
		}
		parts = append(parts, p.expr(spell))
	}
	return inOrder(append(parts, word(string(d.kind+2)))...) // ASCII has } two after {, ] two after [
}

func comma() *expr { return inOrder(word(","), maybe(word(" "))) }
func colon() *expr { return inOrder(word(":"), maybe(word(" "))) }
