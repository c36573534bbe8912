package main

// latentchain trace: the numbers of a latent run, to hold against those of another implementation. It runs every case
// of a file; what the cases and the numbers look like is in tracefile.go.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
)

func (a *app) traceCommand() *cobra.Command {
	var casesFile, outFile string
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Write the numbers of latent runs, to compare with other implementations",
		Long: `Trace runs hand-offs as a file of cases describes them and writes hidden states, thoughts, keys, values,
logits and tokens of every agent, shortened to norm, sum and the first 16 entries. All agents but the last
think; the last one decodes greedily, end tokens included.

A case is {"name", "lambda", "realign", "latent_steps", "decode_tokens",
"agents": [{"role", "messages": [{"role", "content"}]}]}, the file an array of them.`,
		Example: "  latentchain trace --cases cases.json --out numbers.json\n  latentchain trace --model ./my-model --cases cases.json --out -",
		Args:    cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case casesFile == "":
				return errors.New("--cases is missing: which runs to trace")
			case outFile == "":
				return errors.New("--out is missing: the file to write, or - for standard output")
			}
			return nil
		},
	}
	cmd.RunE = a.runs(func(ctx context.Context) error {
		cases, err := readFile(ctx, a, casesFile, parseCases)
		if err != nil {
			return fmt.Errorf("trace: %w", err)
		}
		report, err := a.trace(ctx, cases)
		if err != nil {
			return fmt.Errorf("trace: %w", err)
		}
		if err := a.writeTrace(outFile, report); err != nil {
			return fmt.Errorf("trace: %w", err)
		}
		return nil
	})
	cmd.Flags().StringVar(&casesFile, "cases", "", "file with the cases to run; - for standard input")
	cmd.Flags().StringVar(&outFile, "out", "", "file to write; - for standard output")
	a.engineFlags(cmd.Flags())
	return cmd
}

// trace runs the cases. Alignment belongs to an engine, so a case with another alignment than the one before opens
// the model anew.
func (a *app) trace(ctx context.Context, cases []traceCase) (traceReport, error) {
	var report traceReport
	var engine *xlaengine.Engine
	defer func() {
		if engine != nil {
			engine.Close()
		}
	}()
	for i, c := range cases {
		if engine == nil || c.Lambda != cases[i-1].Lambda || c.Realign != cases[i-1].Realign {
			if engine != nil {
				engine.Close()
			}
			opts := []xlaengine.Option{xlaengine.WithLambda(c.Lambda)}
			if !c.Realign {
				opts = append(opts, xlaengine.WithoutAlignment())
			}
			var err error
			if engine, err = a.engine(ctx, append(opts, xlaengine.WithPrefixCache(0))...); err != nil {
				return report, err
			}
		}
		report.Engine = engineName(engine)
		a.show.phase(fmt.Sprintf("case %d of %d: %s", i+1, len(cases), c.Name))
		result, err := traceOne(ctx, engine, c)
		if err != nil {
			return report, fmt.Errorf("case %s: %w", c.Name, err)
		}
		report.Cases = append(report.Cases, result)
	}
	return report, nil
}

// engineName says what computed: this program and the backend, with their versions as far as they are known.
func engineName(e *xlaengine.Engine) string {
	b := e.Info().Backend
	name := strings.TrimSpace(fmt.Sprintf("latentchain %s on %s %s", programVersions().Program, b.Kind, b.Version))
	if variant := e.Info().Kernels; variant != "" {
		name += " with " + variant + " kernels"
	}
	return name
}

func traceOne(ctx context.Context, e *xlaengine.Engine, c traceCase) (tracedCase, error) {
	traced := tracedCase{Name: c.Name, Lambda: c.Lambda, Realign: c.Realign, LatentSteps: c.LatentSteps, DecodeTokens: c.DecodeTokens}
	alignment, err := e.Alignment()
	if err != nil {
		return traced, err
	}
	traced.Alignment = alignmentOf(alignment)
	memory := e.NewMemory()
	defer func() { memory.Close() }()
	for i, agent := range c.Agents {
		row := tracedAgent{Role: agent.Role, MemoryBefore: memory.Len()}
		if row.Prompt, row.IDs, err = e.Prompt(chat.Input{Messages: agent.Messages}); err != nil {
			return traced, fmt.Errorf("agent %s: %w", agent.Role, err)
		}
		var after *xlaengine.Memory
		if i+1 < len(c.Agents) {
			after, err = row.think(ctx, e, memory, c.LatentSteps)
		} else {
			after, err = row.answer(ctx, e, memory, c.DecodeTokens)
		}
		if err != nil {
			return traced, fmt.Errorf("agent %s: %w", agent.Role, err)
		}
		memory.Close()
		memory = after
		row.MemoryAfter = memory.Len()
		traced.Agents = append(traced.Agents, row)
	}
	return traced, nil
}

func (row *tracedAgent) think(ctx context.Context, e *xlaengine.Engine, m *xlaengine.Memory, steps int) (*xlaengine.Memory, error) {
	res, err := e.Think(ctx, xlaengine.ThinkRequest{Memory: m, Prompt: row.IDs, Steps: steps, Trace: true})
	if err != nil {
		return nil, err
	}
	row.Hidden, row.Thoughts = vectorsOf(res.Hidden), vectorsOf(res.Thoughts)
	last := res.Memory.Len() - 1
	key, _, err := res.Memory.KeyValue(ctx, 0, 0, last)
	if err != nil {
		return nil, errors.Join(err, res.Memory.Close())
	}
	_, value, err := res.Memory.KeyValue(ctx, e.Config().Layers-1, 0, last)
	if err != nil {
		return nil, errors.Join(err, res.Memory.Close())
	}
	k, v := vectorOf(key), vectorOf(value)
	row.KeyLayer0, row.ValueLast = &k, &v
	return res.Memory, nil
}

func (row *tracedAgent) answer(ctx context.Context, e *xlaengine.Engine, m *xlaengine.Memory, tokens int) (*xlaengine.Memory, error) {
	res, err := e.Generate(ctx, xlaengine.GenerateRequest{Memory: m, Prompt: row.IDs, MaxTokens: tokens, PastEnd: true, Logits: true})
	if err != nil {
		return nil, err
	}
	text := e.Tokenizer().Decode(res.Tokens)
	row.Top, row.Tokens, row.Text = likeliest(res.Logits, 8), res.Tokens, &text
	return res.Memory, nil
}

// writeTrace writes the report whole or not at all.
func (a *app) writeTrace(path string, report traceReport) error {
	data, err := report.encode()
	if err != nil {
		return err
	}
	if path == "-" {
		_, err := a.out.Write(data)
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, data, 0) // a device or a pipe
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// likeliest returns the n greatest logits with their tokens, greatest first; of equal ones the lower token first.
func likeliest(logits []float32, n int) [][2]float64 {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case logits[i] > logits[j]:
			return -1
		case logits[i] < logits[j]:
			return 1
		}
		return 0
	})
	top := make([][2]float64, 0, n)
	for _, i := range order[:min(n, len(order))] {
		top = append(top, [2]float64{float64(i), round(float64(logits[i]), 5)})
	}
	return top
}
