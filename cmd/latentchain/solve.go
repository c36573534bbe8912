package main

// latentchain solve: a question in, an answer from a team of agents out. What is shown meanwhile is in solveshow.go, what
// is printed at the end in solvereport.go.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/chains"
	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
)

// mode is how a question is solved.
type mode string

const (
	latentMode mode = "latent" // a team that hands over its memory
	textMode   mode = "text"   // the same team, each writing to the next
	singleMode mode = "single" // the last of the team alone
)

var modes = []mode{latentMode, textMode, singleMode}

// solving is what the user asked for.
type solving struct {
	question    string
	mode        mode
	compare     bool
	steps       int
	thoughts    xlaengine.Operator
	maxTokens   int
	temperature float64
	seed        int
	asJSON      bool
}

func (a *app) solveCommand() *cobra.Command {
	s := solving{}
	var modeName, thoughts string
	cmd := &cobra.Command{
		Use:   `solve "question"`,
		Short: "Answer a question with a team of agents",
		Long: `Solve has four agents work on a question: a planner, a critic, a refiner and a solver. The first three read
it, think some steps in the model's hidden space without writing a word, and hand their working memory to
the next. The solver writes the answer, and under it stands what each of them cost.

  --mode text     the same team, writing to each other (the baseline)
  --mode single   the solver alone
  --compare       all three, side by side

With - as the question it is read from standard input. Standard output gets the answer and the table, or with
--json one object that also says where the time went: load (model and device), prefill, latent, decode, and
compile, which is the part of the other three spent compiling; first_token counts from the program's start.`,
		Example: `  latentchain solve "A baker makes 24 rolls, sells 15 and bakes 8 more. How many are left?"
  latentchain solve --compare "What is 17 * 23?"
  latentchain solve --steps 4 --thoughts soft --json - < question.txt`,
		PreRunE: func(cmd *cobra.Command, args []string) (err error) {
			if s.compare && cmd.Flags().Changed("mode") {
				return errors.New("--compare runs all modes; leave out --mode")
			}
			s.mode = mode(modeName)
			if s.thoughts, err = operator(thoughts); err != nil {
				return err
			}
			if err := s.check(); err != nil {
				return err
			}
			s.question, err = a.question(cmd.Context(), args[0])
			return err
		},
		Args: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 1:
				return nil
			case 0:
				return errors.New("the question is missing")
			}
			return fmt.Errorf("%d questions; put quotes around the question to make it one", len(args))
		},
	}
	cmd.RunE = a.runs(func(ctx context.Context) error { return a.solve(ctx, s) })

	flags := cmd.Flags()
	flags.StringVar(&modeName, "mode", string(latentMode), "latent, text or single")
	flags.BoolVar(&s.compare, "compare", false, "run all three modes and show them side by side")
	flags.IntVar(&s.steps, "steps", chains.DefaultSteps, "latent steps of each agent before it hands over")
	flags.StringVar(&thoughts, "thoughts", "linear", "how a hidden state becomes the next thought: linear or soft")
	flags.IntVar(&s.maxTokens, "max-tokens", xlaengine.DefaultMaxTokens, "at most this many tokens from each agent that writes")
	flags.Float64Var(&s.temperature, "temperature", 0, "0 takes the likeliest word, more varies")
	flags.IntVar(&s.seed, "seed", 0, "of the random numbers when the temperature is not 0; 0 takes another one each time, and --json says which")
	a.engineFlags(flags)
	flags.BoolVar(&s.asJSON, "json", false, "as JSON")
	return cmd
}

// question returns the argument, or standard input for "-".
func (a *app) question(ctx context.Context, arg string) (string, error) {
	if arg == "-" {
		data, err := readAll(ctx, a.in)
		if err != nil {
			a.running = true // it was called rightly
			return "", fmt.Errorf("solve: standard input: %w", err)
		}
		arg = string(data)
	}
	question := strings.TrimSpace(arg)
	if question == "" {
		return "", errors.New("the question is empty; ask something")
	}
	return question, nil
}

func operator(name string) (xlaengine.Operator, error) {
	switch name {
	case "linear":
		return xlaengine.Linear{}, nil
	case "soft":
		return xlaengine.Soft{}, nil
	}
	return nil, fmt.Errorf("--thoughts is %q, want linear or soft", name)
}

func (s solving) check() error {
	switch {
	case s.mode != latentMode && s.mode != textMode && s.mode != singleMode:
		return fmt.Errorf("--mode is %q, want latent, text or single", s.mode)
	case s.steps < 0:
		return fmt.Errorf("--steps is %d, want 0 or more", s.steps)
	case s.maxTokens < 1:
		return fmt.Errorf("--max-tokens is %d, want 1 or more", s.maxTokens)
	case !(s.temperature >= 0 && s.temperature <= 100):
		return fmt.Errorf("--temperature is %g, want 0 to 100", s.temperature)
	case s.seed < 0:
		return fmt.Errorf("--seed is %d, want 0 or more", s.seed)
	}
	return nil
}

func (a *app) solve(ctx context.Context, s solving) error {
	if s.temperature > 0 && s.seed == 0 {
		s.seed = 1 + rand.IntN(math.MaxInt32)
	}
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	defer e.Close()
	opts := []plugin.Option{plugin.WithEngine(e)}
	if a.memory != 0 { // what agents hand over is part of it
		opts = append(opts, plugin.WithMemoryBudget(int64(a.memory)))
	}
	llm, err := plugin.New(opts...)
	if err != nil {
		return err
	}
	defer llm.Close()

	report := newReport(s, e, time.Since(a.start))
	if !s.compare {
		view := &liveView{app: a, streams: !s.asJSON}
		run, err := s.run(ctx, llm, s.mode, view)
		if err != nil {
			return fmt.Errorf("solve: %w", err)
		}
		report.add(run)
		if s.asJSON {
			return a.printJSON(report)
		}
		view.endAnswer()
		a.printRun(report.Runs[0], s)
		return nil
	}
	for _, m := range modes {
		a.show.line(string(m) + ":")
		run, err := s.run(ctx, llm, m, &liveView{app: a})
		if err != nil {
			return fmt.Errorf("solve: %s: %w", m, err)
		}
		report.add(run)
	}
	if s.asJSON {
		return a.printJSON(report)
	}
	a.printComparison(report.Runs)
	return nil
}

// run solves the question in one mode.
func (s solving) run(ctx context.Context, llm *plugin.LLM, m mode, view *liveView) (solved, error) {
	opts := []chains.Option{
		chains.WithSteps(s.steps), chains.WithThoughts(s.thoughts), chains.WithMaxTokens(s.maxTokens),
		chains.WithSampling(llms.WithTemperature(s.temperature), llms.WithSeed(s.seed)), chains.WithProgress(view.event),
	}
	roles := chains.DefaultRoles()
	switch m {
	case singleMode:
		roles = roles[len(roles)-1:]
	case textMode:
		opts = append(opts, chains.WithMode(chains.Text))
	}
	view.latent, view.steps, view.last = m == latentMode, s.steps, len(roles)-1
	team, err := chains.NewSequential(llm, roles, opts...)
	if err != nil {
		return solved{}, err
	}
	result, err := team.Run(ctx, s.question)
	return solved{mode: m, Result: result}, err
}

// solved is the question solved in one mode.
type solved struct {
	mode mode
	chains.Result
}
