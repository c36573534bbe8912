package xlaengine

// How fast the built-in model reads, thinks and writes, alone and with others; docs/performance.md says what the figures
// are compared with. `make bench` runs these often enough for benchstat.

import (
	"context"
	"fmt"
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
