package plugin_test

// What structured output costs a token of the built-in model, 135M parameters and 49152 tokens: decoding by schema next to
// plain decoding. It takes the model, which the first run fetches (about 90 MB).

import (
	"context"
	"testing"
	"time"

	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/grammar"
	"github.com/latentchain/latentchain/xlaengine/hub"
)

// report is a schema of what apps ask for: texts, numbers, choices and a list.
const report = `{"type":"object","properties":{"title":{"type":"string"},"kind":{"enum":["bug","feature","question"]},
	"severity":{"type":"integer","minimum":1,"maximum":5},"steps":{"type":"array","items":{"type":"string"},"minItems":3},
	"reporter":{"type":"object","properties":{"name":{"type":"string"},"mail":{"type":"string"}},"required":["name"],"additionalProperties":false}},
	"required":["title","kind","severity","steps","reporter"],"additionalProperties":false}`

// timed is a constraint that counts the time spent in it.
type timed struct {
	*grammar.State
	spent *time.Duration
}

func (c timed) MaskWithin(left int) ([]uint64, error) {
	start := time.Now()
	defer func() { *c.spent += time.Since(start) }()
	return c.State.MaskWithin(left)
}

func (c timed) Accept(id int) error {
	start := time.Now()
	defer func() { *c.spent += time.Since(start) }()
	return c.State.Accept(id)
}

func BenchmarkSchema(b *testing.B) {
	e, err := xlaengine.Open(context.Background(), hub.PinnedModel, xlaengine.WithoutDrafts())
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	v, err := e.Vocabulary()
	if err != nil {
		b.Fatal(err)
	}
	_, prompt, err := e.Prompt(chat.Input{Messages: []chat.Message{{Role: "user", Content: "Report as JSON: the door of the shop does not open, says Ada."}}})
	if err != nil {
		b.Fatal(err)
	}
	const tokens = 96
	generate := func(c xlaengine.Constraint) (decode time.Duration, made int) {
		g, err := e.Generate(b.Context(), xlaengine.GenerateRequest{Memory: e.NewMemory(), Prompt: prompt, MaxTokens: tokens, Constraint: c, PastEnd: c == nil})
		if err != nil {
			b.Fatal(err)
		}
		g.Memory.Close()
		return g.Times.Decode, len(g.Tokens)
	}
	generate(nil) // compiles
	g, err := v.Schema([]byte(report))
	if err != nil {
		b.Fatal(err)
	}
	// In turns, so that both meet the same load of the machine.
	b.Run("warm", func(b *testing.B) {
		var plain, schema, spent time.Duration
		var plainTokens, schemaTokens int
		for b.Loop() {
			decode, made := generate(nil)
			plain, plainTokens = plain+decode, plainTokens+made
			decode, made = generate(timed{g.Start(), &spent})
			schema, schemaTokens = schema+decode, schemaTokens+made
		}
		b.ReportMetric(float64(plain.Microseconds())/float64(plainTokens), "µs/plain-token")
		b.ReportMetric(float64(schema.Microseconds())/float64(schemaTokens), "µs/schema-token")
		b.ReportMetric(float64(spent.Microseconds())/float64(schemaTokens), "µs-grammar/token")
	})
	b.Run("cold", func(b *testing.B) { // with a vocabulary that knows no masks yet
		ids := make([][]byte, v.Size())
		for id := range ids {
			ids[id] = e.Tokenizer().Bytes(id)
		}
		for _, end := range e.Tokenizer().EOS() {
			ids[end] = nil
		}
		var spent time.Duration
		all := 0
		for b.Loop() {
			fresh, err := grammar.NewVocabulary(ids)
			if err != nil {
				b.Fatal(err)
			}
			g, err := fresh.Schema([]byte(report))
			if err != nil {
				b.Fatal(err)
			}
			_, made := generate(timed{g.Start(), &spent})
			all += made
		}
		b.ReportMetric(float64(spent.Microseconds())/float64(all), "µs-grammar/token")
	})
}
