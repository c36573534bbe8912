package main

// Flags of the commands that open an engine.

import (
	"github.com/spf13/pflag"

	"github.com/latentchain/latentchain/xlaengine"
)

func (a *app) engineFlags(flags *pflag.FlagSet) {
	flags.Var(&a.memory, "memory", "what keys and values of all memories may take, such as 800MB or 2GB (default 4 GiB)")
	flags.BoolVar(&a.keepWeights, "keep-weights", false, "keep the weights in the cache folder as they are in memory, four bytes a parameter: later starts are faster, and processes share them")
}

// flagged are the engine's options for them.
func (a *app) flagged() (opts []xlaengine.Option) {
	if a.memory != 0 {
		opts = append(opts, xlaengine.WithMemoryBudget(int64(a.memory)))
	}
	if a.keepWeights {
		opts = append(opts, xlaengine.WithKeptWeights())
	}
	return opts
}
