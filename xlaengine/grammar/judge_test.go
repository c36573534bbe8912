// Structured output end to end: random schemas, tokens of SmolLM2 drawn at random, and another implementation of JSON
// Schema as the judge.

package grammar

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func judge(t testing.TB, raw string) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(raw)))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return s
}

func judged(s *jsonschema.Schema, out []byte) error {
	var parsed any
	if err := json.Unmarshal(out, &parsed); err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// TestRandomSchemas costs about half a minute.
func TestRandomSchemas(t *testing.T) {
	const schemas, walks = 500, 4
	v := smollmVocabulary(t)
	a := &author{Rand: rand.New(rand.NewPCG(20, 26))}
	done, empty, tokens := 0, 0, 0
	for done < schemas {
		raw := a.document()
		g, err := v.Schema([]byte(raw))
		var wrong *SchemaError
		if errors.As(err, &wrong) && wrong.Problem == "no value fits" {
			if empty++; empty > schemas/5 {
				t.Fatalf("%d of %d schemas hold nothing", empty, done+empty)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		done++
		s := judge(t, raw)
		for range walks {
			budget := g.Need() + a.IntN(80)
			out, err := sample(g, a.Rand, budget)
			if err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			if err := judged(s, out); err != nil {
				t.Fatalf("%s\ngives %+q\n%v", raw, out, err)
			}
			tokens += budget
		}
	}
	t.Logf("%d schemas, %d texts of %d tokens at most; %d more schemas hold nothing", done, done*walks, tokens, empty)
}
