package main

// latentchain install: fetches ahead of time what the first run would fetch.

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/latentchain/latentchain/xlaengine/backend"
	"github.com/latentchain/latentchain/xlaengine/hub"
)

func (a *app) installCommand() *cobra.Command {
	var cuda string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Fetch the XLA plugin and the model ahead of time",
		Long: `Install fetches what the first run would fetch: an XLA plugin, unless one is installed, and the model.
What is there already stays as it is. With --cuda it installs the plugin for NVIDIA GPUs instead of the
one for the CPU (some gigabytes, under ~/.local/lib/go-xla); later runs then use the GPU by themselves.`,
		Example: `  latentchain install
  latentchain install --model Qwen/Qwen3-0.6B
  latentchain install --cuda
  latentchain install --cuda=cuda12`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			switch {
			case cuda != "" && cuda != "cuda12" && cuda != "cuda13":
				return fmt.Errorf("--cuda is %q, want cuda12 or cuda13", cuda)
			case cuda != "" && a.offline:
				return fmt.Errorf("--cuda fetches the plugin, --offline forbids it; leave one of them out")
			}
			return nil
		},
		RunE: a.runs(func(ctx context.Context) error { return a.install(ctx, cuda) }),
	}
	cmd.Flags().StringVar(&cuda, "cuda", "", "install the plugin for NVIDIA GPUs: cuda12 or cuda13")
	cmd.Flags().Lookup("cuda").NoOptDefVal = "cuda13"
	return cmd
}

func (a *app) install(ctx context.Context, cuda string) error {
	if cuda != "" {
		path, err := a.installCUDA(ctx, cuda)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "plugin  %s\n        %s\n", cuda, path)
	} else {
		plugin, err := backend.Find(ctx, a.backendOptions())
		if err != nil {
			return fmt.Errorf("install: %w", err)
		}
		if plugin.Warning != "" {
			a.show.warn(plugin.Warning)
		}
		fmt.Fprintf(a.out, "plugin  %s (%s)\n", plugin.Kind, plugin.Source)
		if plugin.Path != "" {
			fmt.Fprintf(a.out, "        %s\n", plugin.Path)
		}
	}
	model, err := hub.Find(ctx, a.model, a.hubOptions())
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	fmt.Fprintf(a.out, "model   %s (%s)\n        %s\n", model.Name, model.Source, model.Path)
	return nil
}

// installCUDA keeps standard output for the result: go-xla's installer tells its progress there.
func (a *app) installCUDA(ctx context.Context, variant string) (string, error) {
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout = os.Stderr
	return backend.InstallCUDA(ctx, variant)
}
