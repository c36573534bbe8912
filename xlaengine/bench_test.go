package xlaengine

// How fast the built-in model reads, thinks and writes, alone and with others; docs/performance.md says what the figures
// are compared with. `make bench` runs these often enough for benchstat.

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/hub"
	"github.com/latentchain/latentchain/xlaengine/pack"
)

// benchEngine is opened once: it takes half a gigabyte.
var benchEngine = sync.OnceValues(func() (*Engine, error) {
	return Open(context.Background(), hub.PinnedModel, WithPrefixCache(0))
})

func openBench(b *testing.B) *Engine {
	b.Helper()
	e, err := benchEngine()
	if err != nil {
		b.Fatal(err)
	}
	return e
}

var benchBatches = []int{1, 4, 8, 16}

// rowsOf makes n rows of the same work.
func rowsOf[T any](n int, one func(i int) T) []T {
	rows := make([]T, n)
	for i := range rows {
		rows[i] = one(i)
	}
	return rows
}

func benchThink(b *testing.B, e *Engine, reqs []ThinkRequest) []Thinking {
	b.Helper()
	all, err := e.ThinkBatch(context.Background(), reqs)
	if err != nil {
		b.Fatal(err)
	}
	return all
}

func closeThinkings(all []Thinking) {
	for _, t := range all {
		t.Memory.Close()
	}
}

func BenchmarkPrefill256(b *testing.B) {
	e := openBench(b)
	for _, n := range benchBatches {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			reqs := rowsOf(n, func(i int) ThinkRequest { return ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(256, i)} })
			closeThinkings(benchThink(b, e, reqs))
			for b.Loop() {
				closeThinkings(benchThink(b, e, reqs))
			}
			b.ReportMetric(float64(n*256*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

func BenchmarkLatent(b *testing.B) {
	const steps = 16
	e := openBench(b)
	for _, n := range benchBatches {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			base := benchThink(b, e, rowsOf(n, func(i int) ThinkRequest { return ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(256, i)} }))
			defer closeThinkings(base)
			reqs := rowsOf(n, func(i int) ThinkRequest {
				return ThinkRequest{Memory: base[i].Memory, Prompt: tokens(1, i), Steps: steps}
			})
			closeThinkings(benchThink(b, e, reqs))
			for b.Loop() {
				closeThinkings(benchThink(b, e, reqs))
			}
			b.ReportMetric(float64(n*steps*b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	const count = 16
	e := openBench(b)
	for _, n := range benchBatches {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			base := benchThink(b, e, rowsOf(n, func(i int) ThinkRequest { return ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(256, i)} }))
			defer closeThinkings(base)
			reqs := rowsOf(n, func(i int) GenerateRequest {
				return GenerateRequest{Memory: base[i].Memory, Prompt: tokens(1, i), MaxTokens: count, PastEnd: true}
			})
			run := func() {
				all, err := e.GenerateBatch(context.Background(), reqs)
				if err != nil {
					b.Fatal(err)
				}
				for _, g := range all {
					g.Memory.Close()
				}
			}
			run()
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(n*count*b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}

// BenchmarkHandoff is what going on from another agent's memory costs beyond the computing: in place, and with a copy
// because another one went on from it before.
func BenchmarkHandoff(b *testing.B) {
	e := openBench(b)
	for _, copied := range []bool{false, true} {
		b.Run(fmt.Sprintf("positions=256/copied=%t", copied), func(b *testing.B) {
			base := benchThink(b, e, []ThinkRequest{{Memory: e.NewMemory(), Prompt: tokens(256, 1)}})
			defer closeThinkings(base)
			if copied {
				first := benchThink(b, e, []ThinkRequest{{Memory: base[0].Memory, Prompt: tokens(1, 1)}})
				defer closeThinkings(first)
			}
			req := []ThinkRequest{{Memory: base[0].Memory, Prompt: tokens(1, 2)}}
			for b.Loop() {
				all := benchThink(b, e, req)
				closeThinkings(all)
				if !copied { // the next one goes on in place again
					_ = e.sched.do(context.Background(), func() error { base[0].Memory.slots.used = 256; return nil })
				}
			}
		})
	}
}

// BenchmarkPrefixHit reads a prompt of 256 tokens whose first 240 were read before.
func BenchmarkPrefixHit(b *testing.B) {
	e, err := Open(context.Background(), hub.PinnedModel)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	i := 0
	run := func() {
		i++
		closeThinkings(benchThink(b, e, []ThinkRequest{{Memory: e.NewMemory(), Prompt: append(tokens(240, 1), tokens(16, i)...)}}))
	}
	run()
	run() // the first one computes it, the second one compiles what a hit needs
	before := e.Stats().PrefixTokens
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(e.Stats().PrefixTokens-before)/float64(b.N), "cached/op")
}

// BenchmarkCallers has 32 goroutines think and answer at once; an operation is all of them.
func BenchmarkCallers(b *testing.B) {
	const callers, steps, count = 32, 8, 16
	e := openBench(b)
	ctx := context.Background()
	for b.Loop() {
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() {
				thought, err := e.Think(ctx, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(60, i), Steps: steps})
				if err != nil {
					b.Error(err)
					return
				}
				defer thought.Memory.Close()
				said, err := e.Generate(ctx, GenerateRequest{Memory: thought.Memory, Prompt: tokens(30, i), MaxTokens: count, PastEnd: true})
				if err != nil {
					b.Error(err)
					return
				}
				said.Memory.Close()
			})
		}
		group.Wait()
	}
	b.ReportMetric(float64(callers*count*b.N)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(e.Stats().Fill, "rows/pass")
}

// BenchmarkRest is what packing a memory of 256 positions and going on from it costs beyond the computing.
func BenchmarkRest(b *testing.B) {
	e := openBench(b)
	for _, format := range []pack.Format{pack.Float32, pack.BFloat16, pack.Int8} {
		b.Run(format.String(), func(b *testing.B) {
			base := benchThink(b, e, []ThinkRequest{{Memory: e.NewMemory(), Prompt: tokens(256, 1)}})
			defer closeThinkings(base)
			b.SetBytes(base[0].Memory.Bytes())
			for b.Loop() {
				if err := e.sched.do(context.Background(), func() error {
					r := row{slots: base[0].Memory.slots, length: 256}
					r.slots.hold()
					if err := r.rest(format); err != nil {
						return err
					}
					next, err := r.slots.grown(384, 256)
					if err == nil {
						next.letGo()
					}
					r.slots.letGo()
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRestLoss is what packing costs in exactness, over questions that are one after the other given to three agents
// of 8 latent steps and a solver: the error of the last memory's keys and values relative to their norm, how far the
// solver's first token is off (KL divergence), and the share of its 48 tokens before the first other one.
func BenchmarkRestLoss(b *testing.B) {
	questions := []string{
		"A baker makes 24 rolls, sells 15 of them and bakes 8 more. How many rolls are left?",
		"A train leaves at 9:40 and arrives at 13:05. How many minutes does it take?",
		"Three pens cost as much as two notebooks. A notebook costs 4.50. What do five pens cost?",
		"A tank holds 240 litres and loses 3 litres an hour. How much is in it after a day and a half?",
		"Anna is twice as old as Ben, who is four years older than Cleo. Cleo is 7. How old is Anna?",
		"A field is 60 metres long and half as wide. What does a fence around it cost at 12 a metre?",
	}
	ctx := context.Background()
	run := func(e *Engine, question string) (said Generation, kept [][2][]float32) {
		memory := e.NewMemory()
		for _, role := range []string{"Outline a plan for: ", "Criticise the plan for: ", "Improve the plan for: "} {
			_, ids, err := e.Prompt(chat.Input{Messages: []chat.Message{{Role: "user", Content: role + question}}})
			if err != nil {
				b.Fatal(err)
			}
			thought, err := e.Think(ctx, ThinkRequest{Memory: memory, Prompt: ids, Steps: 8})
			memory.Close()
			if err != nil {
				b.Fatal(err)
			}
			memory = thought.Memory
		}
		defer memory.Close()
		for layer := range e.dec.Layers {
			keys, values, err := e.layerOf(ctx, memory, layer)
			if err != nil {
				b.Fatal(err)
			}
			kept = append(kept, [2][]float32{keys, values})
		}
		_, ids, err := e.Prompt(chat.Input{Messages: []chat.Message{{Role: "user", Content: "Answer: " + question}}})
		if err != nil {
			b.Fatal(err)
		}
		said, err = e.Generate(ctx, GenerateRequest{Memory: memory, Prompt: ids, MaxTokens: 48, PastEnd: true, Logits: true})
		if err != nil {
			b.Fatal(err)
		}
		said.Memory.Close()
		return said, kept
	}
	exact := openBench(b)
	for _, format := range []pack.Format{pack.BFloat16, pack.Int8} {
		b.Run(format.String(), func(b *testing.B) {
			e, err := Open(ctx, hub.PinnedModel, WithPrefixCache(0), WithIdleMemory(format))
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			var keyError, valueError, divergence, alike float64
			i := 0
			for ; b.Loop(); i++ {
				want, kept := run(exact, questions[i%len(questions)])
				got, _ := run(e, questions[i%len(questions)])
				k, v := packError(b, e, format, kept)
				keyError, valueError, divergence = keyError+k, valueError+v, divergence+kl(want.Logits, got.Logits)
				n := 0
				for n < len(want.Tokens) && want.Tokens[n] == got.Tokens[n] {
					n++
				}
				alike += float64(n) / float64(len(want.Tokens))
			}
			n := float64(i)
			b.ReportMetric(100*keyError/n, "%key-error")
			b.ReportMetric(100*valueError/n, "%value-error")
			b.ReportMetric(divergence/n, "KL")
			b.ReportMetric(100*alike/n, "%tokens-alike")
		})
	}
}

// packError is the error of packed keys and values, relative to their norm.
func packError(b *testing.B, e *Engine, format pack.Format, layers [][2][]float32) (keyError, valueError float64) {
	var off, norm [2]float64
	kv, dim := e.dec.KVHeads, e.dec.HeadDim
	for _, layer := range layers {
		n := len(layer[0]) / (kv * dim)
		packed, err := pack.Pack(format, layer[0], layer[1], kv, dim, n, n)
		if err != nil {
			b.Fatal(err)
		}
		back := [2][]float32{make([]float32, len(layer[0])), make([]float32, len(layer[1]))}
		if err := packed.Unpack(back[0], back[1], n); err != nil {
			b.Fatal(err)
		}
		for i := range back {
			for j, x := range layer[i] {
				d := float64(x) - float64(back[i][j])
				off[i], norm[i] = off[i]+d*d, norm[i]+float64(x)*float64(x)
			}
		}
	}
	return math.Sqrt(off[0] / norm[0]), math.Sqrt(off[1] / norm[1])
}

// kl is the divergence of the distribution with logits b from that with logits a, in nats.
func kl(a, b []float32) (sum float64) {
	total := func(logits []float32) (sum float64) {
		for _, x := range logits {
			sum += math.Exp(float64(x - logits[0]))
		}
		return math.Log(sum) + float64(logits[0])
	}
	za, zb := total(a), total(b)
	for i := range a {
		sum += math.Exp(float64(a[i])-za) * (float64(a[i]) - za - float64(b[i]) + zb)
	}
	return sum
}

// BenchmarkDrafts has the model repeat a text, which prompt lookup is for, with and without drafts.
func BenchmarkDrafts(b *testing.B) {
	const text = "The harbour master keeps a list of all boats: the Anna lies at pier three, the Berta at pier five, the Clara at pier nine and the Dora outside the mole."
	for _, drafts := range []bool{true, false} {
		b.Run(fmt.Sprintf("drafts=%t", drafts), func(b *testing.B) {
			opts := []Option{WithPrefixCache(0)}
			if !drafts {
				opts = append(opts, WithoutDrafts())
			}
			e, err := Open(context.Background(), hub.PinnedModel, opts...)
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			_, ids, err := e.Prompt(chat.Input{Messages: []chat.Message{{Role: "user", Content: "Repeat this text word by word, three times.\n\n" + text}}})
			if err != nil {
				b.Fatal(err)
			}
			written := 0
			run := func() {
				res, err := e.Generate(context.Background(), GenerateRequest{Memory: e.NewMemory(), Prompt: ids, MaxTokens: 96})
				if err != nil {
					b.Fatal(err)
				}
				written += len(res.Tokens)
				res.Memory.Close()
			}
			run()
			e.sched.others.Wait()
			run()
			written = 0
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(written)/b.Elapsed().Seconds(), "tokens/s")
			if s := e.Stats(); s.DraftTokens > 0 {
				b.ReportMetric(float64(s.DraftAccepted)/float64(s.DraftTokens), "accepted")
			}
		})
	}
}
