package main

// The root command, the flags that all commands share, and how they open a model.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/backend"
	"github.com/latentchain/latentchain/xlaengine/hub"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// app is one run of the program.
type app struct {
	in      io.Reader
	out     *output   // standard output: the result and nothing else
	show    *progress // standard error: all the rest
	start   time.Time
	running bool // a command is at work; errors before that are about how it was called

	model, plugin, cache string
	offline, chatML      bool
	keepWeights          bool
	memory               size // for keys and values; 0: the engine's default
}

const about = `latentchain answers questions with a team of language-model agents that do not write to each other.
Each agent thinks in the model's hidden space and hands its working memory (the KV cache) to
the next; only the last one speaks.

The first run fetches what it needs (an XLA plugin and a small model, 160 MB or more) into your
cache folder. Later runs work without the network.

Start with

  latentchain solve "A baker makes 24 rolls, sells 15 and bakes 8 more. How many are left?"
`

func (a *app) root() *cobra.Command {
	cobra.EnableCommandSorting = false // the order below is the one a newcomer needs them in
	root := &cobra.Command{
		Use:           "latentchain",
		Short:         "Agents that hand over their working memory instead of text",
		Long:          about,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.checkGlobal()
		},
	}
	root.SetOut(a.out)
	root.SetErr(a.show)
	root.SetIn(a.in)
	flags := root.PersistentFlags()
	flags.StringVarP(&a.model, "model", "m", xlaengine.DefaultModel, "a built-in name, a Hugging Face id (org/name), a folder or a .gguf file")
	flags.StringVar(&a.plugin, "plugin", "", "the device: cpu, cuda, go (slow, needs no plugin) or the path of a PJRT plugin (default: GOMLX_BACKEND, else the best one there is)")
	flags.StringVar(&a.cache, "cache", "", "folder for what is fetched and computed once (default: LATENTCHAIN_CACHE, else latentchain in your cache folder)")
	flags.BoolVar(&a.offline, "offline", false, "never use the network")
	flags.BoolVar(&a.chatML, "chatml", false, "prompt in ChatML if the model has no chat template, or none that can be run")
	flags.BoolVarP(&a.show.quiet, "quiet", "q", false, "no progress, only results, warnings and errors")
	root.AddCommand(a.solveCommand(), a.installCommand(), a.doctorCommand(), a.benchCommand(),
		a.tokenizeCommand(), a.traceCommand(), a.versionCommand())
	return root
}

func (a *app) checkGlobal() (err error) {
	if a.model == "" {
		return fmt.Errorf("--model is empty; leave it out for %s", xlaengine.DefaultModel)
	}
	if a.cache != "" {
		if a.cache, err = filepath.Abs(a.cache); err != nil {
			return fmt.Errorf("--cache %s: %w", a.cache, err)
		}
	}
	return nil
}

// runs makes work the part of a command that comes after all checks of how it was called.
func (a *app) runs(work func(ctx context.Context) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		a.running = true
		return work(cmd.Context())
	}
}

// engine opens the model the user chose.
func (a *app) engine(ctx context.Context, more ...xlaengine.Option) (*xlaengine.Engine, error) {
	opts := []xlaengine.Option{
		xlaengine.WithPlugin(a.plugin), xlaengine.WithCacheDir(a.cache),
		xlaengine.WithProgress(a.show.report), xlaengine.WithWarnings(a.show.warn),
	}
	if a.offline {
		opts = append(opts, xlaengine.Offline())
	}
	if a.chatML {
		opts = append(opts, xlaengine.WithChatML())
	}
	return xlaengine.Open(ctx, a.model, slices.Concat(opts, a.flagged(), more)...)
}

func (a *app) hubOptions() hub.Options {
	return hub.Options{CacheDir: a.cache, Offline: a.offline, Progress: a.show.report}
}

func (a *app) backendOptions() backend.Options {
	return backend.Options{Plugin: a.plugin, CacheDir: a.cache, Offline: a.offline, Progress: a.show.report}
}

// cacheDir is the folder that --cache, the environment or the system gives.
func (a *app) cacheDir() (string, error) {
	if a.cache != "" {
		return a.cache, nil
	}
	return wheel.CacheDir()
}

// printJSON writes v to standard output, indented, with <, > and & as they are.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
