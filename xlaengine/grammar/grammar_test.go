// What states, masks and budgets promise, on grammars small enough to try all tokens.

package grammar

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

var person = `{
	"type": "object",
	"properties": {
		"name": {"type": "string", "minLength": 1, "maxLength": 5},
		"age": {"type": "integer", "minimum": 0, "maximum": 150},
		"tags": {"type": "array", "items": {"enum": ["a", "b", "é"]}, "maxItems": 3},
		"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
	},
	"required": ["name", "next"]
}`

var smallSchemas = []string{
	`true`, person,
	`{"type": "number"}`,
	`{"type": "string"}`,
	`{"type": "string", "maxLength": 2}`,
	`{"type": "string", "minLength": 3}`,
	`{"type": "string", "pattern": "^a+\"?(é|\n|😀)b$"}`,
	`{"type": "string", "format": "date"}`,
	`{"type": ["integer", "null"], "minimum": -5, "maximum": 120}`,
	`{"type": "number", "exclusiveMinimum": 0, "maximum": 1}`,
	`{"enum": ["red", "reddish", 1, 12, null, {"a": [1, true]}]}`,
	`{"anyOf": [{"type": "object", "properties": {"a": {"type": "integer"}}}, {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}}]}`,
	`{"type": "object", "additionalProperties": {"type": "integer"}, "properties": {"a": {"const": 1}}, "maxProperties": 3}`,
	`{"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "boolean"}, "minItems": 1}`,
}

func compiledFor(t testing.TB, v *Vocabulary, raw string) *Grammar {
	t.Helper()
	g, err := v.Schema([]byte(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return g
}

func has(set []uint64, id int) bool { return set[id/64]>>(id%64)&1 == 1 }

func ids(set []uint64) (all []int) {
	for id := range 64 * len(set) {
		if has(set, id) {
			all = append(all, id)
		}
	}
	return all
}

// mixed is a small vocabulary with tokens that cross all the borders there are.
func mixed(t testing.TB) *Vocabulary {
	return smallVocabulary(t, append(allBytes(), `{"`, `":`, `": `, `","`, `", "`, `"}`, `}}`, `"]`, `[[`, `["`, `12`, `00`, `1.`, `e5`, `null`, `true`,
		`name`, `"name": "`, `ab`, `abc`, `\"`, `\n`, `\u00`, `\ud83d`, `\ude00`, "é", "\xc3", "\xa9\"", "😀", "\xf0\x9f", "\n", "\t", `  `, `aa"`, `"a`, `red`, `dish`, `-1`, `{"a": 1`, `",`, ` 1`, `a`)...)
}

func TestMaskIsWhatAcceptAllows(t *testing.T) {
	for name, v := range map[string]*Vocabulary{"all bytes": mixed(t), "ASCII": smallVocabulary(t, `","`, `\u`, `"}`, "é", "éa", "12", `": `)} {
		random := rand.New(rand.NewPCG(1, 2))
		for _, raw := range smallSchemas {
			g := compiledFor(t, v, raw)
			for range 12 {
				s := g.Start()
				for range 40 {
					mask := s.Mask()
					for id := range v.Size() {
						if err := s.Clone().Accept(id); (err == nil) != has(mask, id) {
							t.Fatalf("%s: %s: token %d (%q): mask %v, accept %v", name, raw, id, v.tokens[id], has(mask, id), err)
						}
					}
					allowed := ids(mask)
					if len(allowed) == 0 {
						break
					}
					if err := s.Accept(allowed[random.IntN(len(allowed))]); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
}

// TestBudgetIsKept draws tokens from MaskWithin with a budget between just enough and plenty. Masks are also what
// their definition says: the tokens after which the rest is enough.
func TestBudgetIsKept(t *testing.T) {
	v := mixed(t)
	random := rand.New(rand.NewPCG(3, 4))
	for _, raw := range smallSchemas {
		g := compiledFor(t, v, raw)
		need := g.Need()
		if _, err := g.Start().MaskWithin(need - 1); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%d are enough", need)) {
			t.Errorf("%s: with one token less than %d: %v", raw, need, err)
		}
		for run := range 60 {
			s := g.Start()
			var out []byte
			for left := need + run/3; ; left-- {
				mask, err := s.MaskWithin(left)
				if err != nil {
					t.Fatalf("%s: after %s: %v", raw, out, err)
				}
				for id := range v.Size() {
					c := s.Clone()
					want := c.Accept(id) == nil && c.Need() < left
					if has(mask, id) != want {
						t.Fatalf("%s: after %s with %d left: token %q allowed: %v, want %v", raw, out, left, v.tokens[id], has(mask, id), want)
					}
				}
				allowed := ids(mask)
				if len(allowed) == 0 {
					break
				}
				id := allowed[random.IntN(len(allowed))]
				if err := s.Accept(id); err != nil {
					t.Fatal(err)
				}
				out = append(out, v.tokens[id]...)
			}
			if !s.Done() || !json.Valid(out) {
				t.Fatalf("%s: ends as %s", raw, out)
			}
		}
	}
}

// TestLeastIsExact walks bytes at random: the least of a state is one more than the lowest after it, unless it may
// end. Budgets stand on that.
func TestLeastIsExact(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	a := &author{Rand: random}
	schemas := slices.Clone(smallSchemas)
	for range 60 {
		schemas = append(schemas, a.document())
	}
	for _, v := range []*Vocabulary{mixed(t), smallVocabulary(t)} {
		for _, raw := range schemas {
			g, err := v.Schema([]byte(raw))
			if err != nil {
				continue // it may hold nothing
			}
			for range 10 {
				at := g.store.fromRule(0)
				for range 60 {
					var next []*term
					least := never
					for b := range 256 {
						if to := g.store.after(at, byte(b)); to != nil {
							next = append(next, to)
							least = min(least, to.least+1)
						}
					}
					if at.ends {
						least = 0
					}
					if at.least != least {
						t.Fatalf("%s: least is %d, want %d, in %+v", raw, at.least, least, at)
					}
					if len(next) == 0 {
						break
					}
					at = next[random.IntN(len(next))]
				}
			}
		}
	}
}

func TestManyRunsShareAGrammar(t *testing.T) {
	v := smollmVocabulary(t)
	g := compiledFor(t, v, person)
	g.mu.Lock()
	g.store.bytes = maxStoreBytes // so that it begins anew soon
	g.mu.Unlock()
	var all sync.WaitGroup
	for run := range 8 {
		all.Go(func() {
			out, err := sample(g, rand.New(rand.NewPCG(uint64(run), 1)), 200)
			if err != nil || !json.Valid(out) {
				t.Errorf("run %d: %s: %v", run, out, err)
			}
			if run%2 == 0 {
				g.mu.Lock()
				g.store.bytes = maxStoreBytes + 1
				g.mu.Unlock()
			}
		})
	}
	all.Wait()
}

// sample draws tokens within a budget, and an end where one is allowed.
func sample(g *Grammar, random *rand.Rand, budget int) (out []byte, err error) {
	s := g.Start()
	for left := budget; ; left-- {
		mask, err := s.MaskWithin(left)
		if err != nil {
			return out, fmt.Errorf("after %q: %w", out, err)
		}
		id := draw(g.vocabulary, mask, random)
		if s.Done() && (id < 0 || random.IntN(4) == 0) {
			return out, nil
		}
		if id < 0 {
			return out, fmt.Errorf("stuck after %q", out)
		}
		if err := s.Accept(id); err != nil {
			return out, err
		}
		out = append(out, g.vocabulary.tokens[id]...)
	}
}

// draw returns one of the tokens, −1 if there is none. Half the time all are alike; otherwise all bytes to begin with
// are, so that not all is inside strings.
func draw(v *Vocabulary, set []uint64, random *rand.Rand) int {
	if random.IntN(2) == 0 {
		for _, b := range random.Perm(256) {
			id := slices.IndexFunc(v.tokens, func(t []byte) bool { return len(t) == 1 && t[0] == byte(b) })
			if id >= 0 && has(set, id) {
				return id
			}
		}
	}
	count := 0
	for _, w := range set {
		count += bits.OnesCount64(w)
	}
	if count == 0 {
		return -1
	}
	nth := random.IntN(count)
	for i, w := range set {
		if n := bits.OnesCount64(w); nth >= n {
			nth -= n
			continue
		}
		for range nth {
			w &= w - 1
		}
		return i*64 + bits.TrailingZeros64(w)
	}
	return -1
}

func TestSchemasAreKept(t *testing.T) {
	v := smallVocabulary(t)
	first := compiledFor(t, v, person)
	if compiledFor(t, v, person) != first {
		t.Error("the same schema was compiled twice")
	}
	for n := range maxGrammars + 1 {
		compiledFor(t, v, fmt.Sprintf(`{"const": %d}`, n))
	}
	if compiledFor(t, v, person) == first || v.recent.Len() != maxGrammars || len(v.grammars) != maxGrammars {
		t.Errorf("%d grammars are kept, want %d", v.recent.Len(), maxGrammars)
	}
}

func TestAcceptRefuses(t *testing.T) {
	v := smallVocabulary(t)
	s := compiledFor(t, v, `{"const": 12}`).Start()
	for id, want := range map[int]string{-1: "no text", 0: "no text", 1000: "no text", 1 + 'a' - ' ': "not allowed here"} {
		if err := s.Accept(id); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("token %d: %v, want %q", id, err, want)
		}
	}
	if s.Done() || s.MustEnd() {
		t.Error("done before the first token")
	}
	for _, b := range []byte("12") {
		if err := s.Accept(1 + int(b-' ')); err != nil {
			t.Fatal(err)
		}
	}
	if !s.Done() || !s.MustEnd() || s.Need() != 0 {
		t.Error("not done at the end")
	}
}
