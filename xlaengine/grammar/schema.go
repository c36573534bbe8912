// Grammars by name: any JSON, any JSON object, a schema. Compiled schemas are kept, so that asking for one again costs
// a digest.

package grammar

import "crypto/sha256"

// maxGrammars bounds the compiled schemas that a vocabulary keeps.
const maxGrammars = 64

type compiled struct {
	digest  [32]byte
	grammar *Grammar
}

// JSON returns the grammar of any JSON value, of 32 nestings at most.
func (v *Vocabulary) JSON() (*Grammar, error) { return v.Schema([]byte("true")) }

// Object returns the grammar of any JSON object, which is what "JSON mode" stands for elsewhere.
func (v *Vocabulary) Object() (*Grammar, error) { return v.Schema([]byte(`{"type":"object"}`)) }

// Schema returns the grammar of the values that fit a JSON Schema (draft 2020-12). What it writes is compact, with one
// space allowed after commas and colons. A schema that is wrong, that uses what is not supported, or that no value
// fits is a *SchemaError that says where. The latest schemas are kept.
func (v *Vocabulary) Schema(raw []byte) (*Grammar, error) {
	digest := sha256.Sum256(raw)
	v.mu.Lock()
	if e, ok := v.grammars[digest]; ok {
		v.recent.MoveToFront(e)
		v.mu.Unlock()
		return e.Value.(*compiled).grammar, nil
	}
	v.mu.Unlock()
	rules, err := compileSchema(raw, v.spell)
	if err != nil {
		return nil, err
	}
	g := newGrammar(v, rules)
	v.mu.Lock()
	defer v.mu.Unlock()
	if e, ok := v.grammars[digest]; ok { // someone else was faster
		return e.Value.(*compiled).grammar, nil
	}
	v.grammars[digest] = v.recent.PushFront(&compiled{digest, g})
	if v.recent.Len() > maxGrammars {
		oldest := v.recent.Back()
		delete(v.grammars, v.recent.Remove(oldest).(*compiled).digest)
	}
	return g, nil
}

// Check reports whether a schema is one that Schema compiles, without a vocabulary.
func Check(raw []byte) error {
	_, err := compileSchema(raw, 0)
	return err
}

func compileSchema(raw []byte, spell letters) ([]rule, error) {
	root, err := parse(raw)
	if err != nil {
		return nil, err
	}
	c, err := newCompiler(root, spell)
	if err != nil {
		return nil, err
	}
	return c.compile()
}
