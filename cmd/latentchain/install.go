package main

// latentchain install: fetches ahead of time what the first run would fetch.

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/latentchain/latentchain/xlaengine/backend"
	"github.com/latentchain/latentchain/xlaengine/hub"
)

func (a *app) installCommand() *cobra.Command {
	var cuda string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Fetch the XLA plugin and the model ahead of time",
		Long: `Install fetches what the first run would fetch: an XLA plugin, unless one is installed, and the model.
What is there already stays as it is. With --cuda it installs the plugin for NVIDIA GPUs instead of the
one for the CPU (some gigabytes, under ~/.local/lib/go-xla); later runs then use the GPU by themselves.

The exit code is 1 when no plugin could be had, even though the slow pure-Go backend would stand in for it;
--plugin go says that this one will do.`,
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
		RunE: a.runs(func(ctx context.Context) error { return a.install(ctx, cuda, asJSON) }),
	}
	cmd.Flags().StringVar(&cuda, "cuda", "", "install the plugin for NVIDIA GPUs: cuda12 or cuda13")
	cmd.Flags().Lookup("cuda").NoOptDefVal = "cuda13"
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// installed is where things are now. A part with an Error could not be had.
type installed struct {
	Plugin finding `json:"plugin"`
	Model  finding `json:"model"`
}

func (a *app) install(ctx context.Context, cuda string, asJSON bool) error {
	var there installed
	var noPlugin error
	if there.Plugin, noPlugin = a.installPlugin(ctx, cuda); noPlugin != nil {
		there.Plugin.Error = noPlugin.Error()
	} else if !asJSON {
		a.printInstalled("plugin", there.Plugin)
	}
	model, noModel := hub.Find(ctx, a.model, a.hubOptions())
	there.Model = finding{What: model.Name, Path: model.Path, Source: model.Source, Version: model.Version}
	if noModel != nil {
		there.Model = finding{What: a.model, Error: noModel.Error()}
	} else if !asJSON {
		a.printInstalled("model", there.Model)
	}
	if asJSON {
		if err := a.printJSON(there); err != nil {
			return err
		}
	}
	if err := errors.Join(noPlugin, noModel); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

func (a *app) installPlugin(ctx context.Context, cuda string) (finding, error) {
	if cuda != "" {
		path, err := a.installCUDA(ctx, cuda)
		return finding{What: cuda, Path: path, Source: "installed"}, err
	}
	plugin, err := backend.Find(ctx, a.backendOptions())
	if err != nil {
		return finding{}, err
	}
	if plugin.Warning != "" {
		err = errors.New(plugin.Warning + "; --plugin go says that this will do")
	}
	return finding{What: string(plugin.Kind), Path: plugin.Path, Source: plugin.Source, Version: plugin.Version}, err
}

func (a *app) printInstalled(name string, f finding) {
	fmt.Fprintf(a.out, "%-7s %s (%s)\n", name, f.What, f.Source)
	if f.Path != "" {
		fmt.Fprintf(a.out, "        %s\n", f.Path)
	}
}

// installCUDA keeps standard output for the result: go-xla's installer tells its progress there.
func (a *app) installCUDA(ctx context.Context, variant string) (string, error) {
	stdout := os.Stdout
	defer func() { os.Stdout = stdout }()
	os.Stdout = os.Stderr
	return backend.InstallCUDA(ctx, variant)
}
