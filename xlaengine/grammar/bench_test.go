// What structured output costs per token, with SmolLM2's 49152 tokens. A decode step takes about 25 ms.

package grammar

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// BenchmarkCompile is a schema that was not seen before.
func BenchmarkCompile(b *testing.B) {
	v := smollmVocabulary(b)
	for b.Loop() {
		if _, err := compileSchema([]byte(person), v.spell); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkColdToken is one token, Mask and Accept, of texts of up to 60 tokens, each with a schema that was not seen
// before in a vocabulary that was not used before.
func BenchmarkColdToken(b *testing.B) {
	tokens := smollmTokens(b)
	random := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		b.StopTimer()
		v := vocabulary(b, tokens)
		g := compiledFor(b, v, person)
		s := g.Start()
		b.StartTimer()
		run(b, s, random, 60)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/60, "ns/token")
}

// BenchmarkWarmToken is the same with a grammar that has been used.
func BenchmarkWarmToken(b *testing.B) {
	g := compiledFor(b, smollmVocabulary(b), person)
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		run(b, g.Start(), random, 60)
	}
	for b.Loop() {
		run(b, g.Start(), random, 60)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/60, "ns/token")
}

// run takes a number of tokens, from the start again where a text ends.
func run(b *testing.B, s *State, random *rand.Rand, tokens int) {
	start := s.Clone()
	for left := tokens; left > 0; left-- {
		id := first(s.Mask(), random)
		if id < 0 {
			s = start.Clone()
			continue
		}
		if err := s.Accept(id); err != nil {
			b.Fatal(err)
		}
	}
}

// first returns a token of the set, found from a random place on; −1 if there is none. It costs next to nothing.
func first(set []uint64, random *rand.Rand) int {
	from := random.IntN(len(set))
	for i := range set {
		at := (from + i) % len(set)
		if set[at] != 0 {
			return at*64 + bits.TrailingZeros64(set[at])
		}
	}
	return -1
}

// BenchmarkFirstString is the most expensive token of most runs: the first mask inside a string with a limit of its own.
func BenchmarkFirstString(b *testing.B) {
	tokens := smollmTokens(b)
	for b.Loop() {
		b.StopTimer()
		s := inString(b, vocabulary(b, tokens))
		b.StartTimer()
		s.Mask()
	}
}

func inString(b *testing.B, v *Vocabulary) *State {
	s := compiledFor(b, v, `{"type": "string", "maxLength": 40}`).Start()
	if err := s.Accept(slices.IndexFunc(v.tokens, func(t []byte) bool { return string(t) == `"` })); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkBudget is the most expensive mask: inside a string, with a budget so small that each token is looked at.
func BenchmarkBudget(b *testing.B) {
	s := inString(b, smollmVocabulary(b))
	for b.Loop() {
		if _, err := s.MaskWithin(3); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVocabulary is the preparation of a tokenizer's tokens.
func BenchmarkVocabulary(b *testing.B) {
	tokens := smollmTokens(b)
	for b.Loop() {
		if _, err := NewVocabulary(tokens); err != nil {
			b.Fatal(err)
		}
	}
}
