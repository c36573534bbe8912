package main

// latentchain bench: how fast a model is on this machine. The work is the same as that of docs/compare/pytorch.py, in the
// same order, so that the two can be compared.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/latentchain/latentchain/xlaengine"
)

func (a *app) benchCommand() *cobra.Command {
	work := benchWork{Prompt: 256, Decode: 64, Latent: 64, Batch: 1, Concurrency: 1, Runs: 3}
	var team teamBench
	var asJSON, noKernels bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast the model reads, thinks and writes",
		Long: `Bench takes in a prompt of random tokens, then thinks, then decodes, over one growing memory. Of several
runs it shows the median; one more run before them, which compiles, does not count.

With --team it times a whole team instead: the agents of a file, {"agents": [{"ids": […], "steps": 20}, …,
{"ids": […], "tokens": 64}]}, in turn, each over the memory of those before it. Drafts are on there, as in solve: they
change no token, and an answer that repeats itself comes faster.`,
		Example: `  latentchain bench
  latentchain bench --batch 8 --json
  latentchain bench --model Qwen/Qwen3-0.6B --prompt 1024
  latentchain bench --concurrency 4 --batch 2
  latentchain bench --no-kernels
  latentchain bench --team docs/compare/four-agents.json --text`,
		Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := work.check(); err != nil {
				return err
			}
			return team.check(cmd.Flags())
		},
		RunE: a.runs(func(ctx context.Context) error {
			var opts []xlaengine.Option
			if noKernels {
				opts = append(opts, xlaengine.WithoutKernels())
			}
			if team.file != "" {
				team.runs, team.asJSON = work.Runs, asJSON
				return a.benchTeam(ctx, team, opts)
			}
			return a.bench(ctx, work, asJSON, opts)
		}),
	}
	flags := cmd.Flags()
	flags.IntVar(&work.Prompt, "prompt", work.Prompt, "tokens of the prompt")
	flags.IntVar(&work.Decode, "decode", work.Decode, "tokens to decode")
	flags.IntVar(&work.Latent, "latent", work.Latent, "latent steps")
	flags.IntVar(&work.Batch, "batch", work.Batch, "rows side by side")
	flags.IntVar(&work.Concurrency, "concurrency", work.Concurrency, "callers at once, each with its own batch")
	flags.StringVar(&team.file, "team", "", "`FILE` with a team to time instead; - for standard input")
	flags.BoolVar(&team.text, "text", false, "with --team: time it in text too, every agent with as many tokens as the last")
	flags.IntVar(&work.Runs, "runs", work.Runs, "runs that count")
	flags.BoolVar(&noKernels, "no-kernels", false, "have XLA compute everything, to measure what this program's kernels gain")
	a.engineFlags(flags)
	flags.BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// benchWork is what one run does, in each row of the batch.
type benchWork struct {
	Prompt      int `json:"prompt"`
	Decode      int `json:"decode"`
	Latent      int `json:"latent"`
	Batch       int `json:"batch"`
	Concurrency int `json:"concurrency"`
	Runs        int `json:"runs"`
}

func (w benchWork) check() error {
	for _, n := range []struct {
		flag string
		n    int
	}{{"prompt", w.Prompt}, {"decode", w.Decode}, {"latent", w.Latent}, {"batch", w.Batch}, {"concurrency", w.Concurrency}, {"runs", w.Runs}} {
		if n.n < 1 {
			return fmt.Errorf("--%s is %d, want 1 or more", n.flag, n.n)
		}
	}
	return nil
}

// benchReport has speeds summed over the rows of a batch, each the median of the runs.
type benchReport struct {
	Engine  string `json:"engine"` // backend and version
	Model   string `json:"model"`
	DType   string `json:"dtype"`
	Cores   int    `json:"cores"`
	Threads int    `json:"threads"` // of Go; XLA takes all cores
	benchWork
	Prefill float64 `json:"prefill_tok_s"`
	Steps   float64 `json:"latent_steps_s"`
	Tokens  float64 `json:"decode_tok_s"`
	Load    float64 `json:"load_seconds"`    // finding and opening model and backend
	Align   float64 `json:"align_seconds"`   // the alignment, solved or read from the cache
	Compile float64 `json:"compile_seconds"` // all programs, summed even where compiled side by side
	Memory  int64   `json:"peak_memory_bytes,omitempty"`
}

func (a *app) bench(ctx context.Context, w benchWork, asJSON bool, opts []xlaengine.Option) error {
	opts = append(opts, xlaengine.WithPrefixCache(0), xlaengine.WithoutDrafts()) // everything is computed, token by token
	e, err := a.engine(ctx, opts...)
	if err != nil {
		return err
	}
	defer e.Close()
	if need := w.Prompt + w.Latent + w.Decode + 2; need > e.Config().Context {
		return fmt.Errorf("bench: prompt, latent steps and decoded tokens need %d positions, the model's context has %d; choose smaller numbers", need, e.Config().Context)
	}
	start := time.Now()
	if _, err := e.Alignment(); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	report := benchReport{
		Engine: engineName(e), Model: e.Info().Model.Name, DType: strings.ToLower(e.Info().DType),
		Cores: runtime.NumCPU(), Threads: runtime.GOMAXPROCS(0), benchWork: w,
		Load: seconds(e.Info().Load), Align: seconds(time.Since(start)),
	}
	var prefill, steps, tokens []float64
	for i := range w.Runs + 1 {
		times, err := w.run(ctx, e, rand.New(rand.NewPCG(0, uint64(i))), func(doing string) { a.show.phase(runText(i, w.Runs) + doing) })
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		if i > 0 {
			prefill = append(prefill, float64(w.rows()*w.Prompt)/times.prefill.Seconds())
			steps = append(steps, float64(w.rows()*w.Latent)/times.latent.Seconds())
			tokens = append(tokens, float64(w.rows()*w.Decode)/times.decode.Seconds())
		}
	}
	report.Prefill, report.Steps, report.Tokens = median(prefill), median(steps), median(tokens)
	report.Compile, report.Memory = seconds(e.CompileTime()), peakMemory()
	if asJSON {
		return a.printJSON(report)
	}
	a.printBench(report)
	return nil
}

// runText says which run it is. The one before those that count is there to compile.
func runText(i, runs int) string {
	if i == 0 {
		return "compiling: "
	}
	return fmt.Sprintf("run %d of %d: ", i, runs)
}

type benchTimes struct{ prefill, latent, decode time.Duration }

// rows is how many rows there are in all.
func (w benchWork) rows() int { return w.Batch * w.Concurrency }

// run does the work once, phase by phase: every caller prefills Prompt random tokens over empty memories, then one token
// and Latent steps over that, then one token and Decode tokens over that. The time of a one-token prompt counts with
// what follows it. show is told what begins.
func (w benchWork) run(ctx context.Context, e *xlaengine.Engine, random *rand.Rand, show func(doing string)) (times benchTimes, err error) {
	callers := make([]benchCaller, w.Concurrency)
	for i := range callers {
		callers[i].prompts, callers[i].one = w.prompts(e.Config().Vocab, random)
		for range w.Batch {
			callers[i].memories = append(callers[i].memories, e.NewMemory())
		}
		defer callers[i].close()
	}
	phase := func(doing string, into *time.Duration, do func(*benchCaller) error) {
		if err != nil {
			return
		}
		show(doing)
		start := time.Now()
		var group errgroup.Group
		for i := range callers {
			group.Go(func() error { return do(&callers[i]) })
		}
		err = group.Wait()
		*into = time.Since(start)
	}
	phase("prefill", &times.prefill, func(c *benchCaller) error { return c.think(ctx, e, c.prompts, 0) })
	phase("latent steps", &times.latent, func(c *benchCaller) error { return c.think(ctx, e, c.one, w.Latent) })
	phase("decoding", &times.decode, func(c *benchCaller) error { return c.answer(ctx, e, w.Decode) })
	return times, err
}

// benchCaller is one that uses the engine beside others.
type benchCaller struct {
	prompts, one [][]int
	memories     []*xlaengine.Memory
}

// prompts returns random tokens for each row, and the first of them alone.
func (w benchWork) prompts(vocab int, random *rand.Rand) (prompts, one [][]int) {
	for range w.Batch {
		ids := make([]int, w.Prompt)
		for i := range ids {
			ids[i] = 5 + random.IntN(max(vocab-10, 1))
		}
		prompts, one = append(prompts, ids), append(one, ids[:1])
	}
	return prompts, one
}

// think puts the longer memories in the place of those before.
func (c *benchCaller) think(ctx context.Context, e *xlaengine.Engine, prompts [][]int, steps int) error {
	reqs := make([]xlaengine.ThinkRequest, len(c.memories))
	for i := range reqs {
		reqs[i] = xlaengine.ThinkRequest{Memory: c.memories[i], Prompt: prompts[i], Steps: steps}
	}
	results, err := e.ThinkBatch(ctx, reqs)
	if err != nil {
		return err
	}
	c.close()
	for i, r := range results {
		c.memories[i] = r.Memory
	}
	return nil
}

func (c *benchCaller) answer(ctx context.Context, e *xlaengine.Engine, tokens int) error {
	reqs := make([]xlaengine.GenerateRequest, len(c.memories))
	for i := range reqs {
		reqs[i] = xlaengine.GenerateRequest{Memory: c.memories[i], Prompt: c.one[i], MaxTokens: tokens, PastEnd: true}
	}
	answers, err := e.GenerateBatch(ctx, reqs)
	for _, a := range answers {
		a.Memory.Close()
	}
	return err
}

func (c *benchCaller) close() {
	for _, m := range c.memories {
		m.Close()
	}
}

// median is the middle value to one digit; of an even number of values, the greater of the two in the middle.
func median(values []float64) float64 { return round(middle(values), 1) }

func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func seconds(d time.Duration) float64 { return round(d.Seconds(), 3) }

func (a *app) printBench(r benchReport) {
	fmt.Fprintf(a.out, "%s (%s), %s, %d cores, %d rows side by side, median of %d\n", r.Model, r.DType, r.Engine, r.Cores, r.rows(), r.Runs)
	t := newTable(table.Row{"", "amount", "per second"})
	t.AppendRow(table.Row{"read the prompt", fmt.Sprintf("%d tokens", r.rows()*r.Prompt), fmt.Sprintf("%.1f", r.Prefill)})
	t.AppendRow(table.Row{"think", fmt.Sprintf("%d steps", r.rows()*r.Latent), fmt.Sprintf("%.1f", r.Steps)})
	t.AppendRow(table.Row{"write", fmt.Sprintf("%d tokens", r.rows()*r.Decode), fmt.Sprintf("%.1f", r.Tokens)})
	fmt.Fprintln(a.out, t.Render())
	fmt.Fprintf(a.out, "load %.1f s, alignment %.1f s, compile %.1f s", r.Load, r.Align, r.Compile)
	if r.Memory > 0 {
		fmt.Fprintf(a.out, ", at most %s of memory", bytesText(r.Memory))
	}
	fmt.Fprintln(a.out)
}
