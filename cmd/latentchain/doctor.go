package main

// latentchain doctor: what is on this machine, where, in which version, and whether it works. It fetches nothing.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/latentchain/latentchain/xlaengine/backend"
	"github.com/latentchain/latentchain/xlaengine/hub"
	"github.com/latentchain/latentchain/xlaengine/kernels"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what is installed and run a small program on the device",
		Long: `Doctor says what it found, where, and in which version: the cache folder, the XLA plugin or what stands
in for it, the model. Then it runs one small program on the device. It fetches nothing; what is missing
is fetched by the first run, or by latentchain install.

The exit code is 0 when the device works, even if something is still to be fetched.`,
		Example: `  latentchain doctor
  latentchain doctor --plugin cuda
  latentchain doctor --json`,
		Args: cobra.NoArgs,
		RunE: a.runs(func(ctx context.Context) error { return a.doctor(ctx, asJSON) }),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// diagnosis is what doctor found. A part with an Error is missing or broken; Hint says what to do about it.
type diagnosis struct {
	versions
	Cores       int               `json:"cores"`
	Environment map[string]string `json:"environment"` // variables this program reads, as far as they are set
	Cache       finding           `json:"cache"`
	Pip         finding           `json:"pip"` // fetches the plugin and the default model where nothing else can
	Backend     finding           `json:"backend"`
	Device      finding           `json:"device"`
	Model       finding           `json:"model"`
}

type finding struct {
	What    string `json:"what,omitempty"`
	Path    string `json:"path,omitempty"`
	Source  string `json:"source,omitempty"`
	Version string `json:"version,omitempty"`
	Error   string `json:"error,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

func (f finding) ok() bool { return f.Error == "" }

func (a *app) doctor(ctx context.Context, asJSON bool) error {
	d := diagnosis{versions: programVersions(), Cores: runtime.NumCPU(), Environment: environment(), Cache: a.findCache(), Pip: findPip()}
	d.Backend, d.Device = a.tryBackend(ctx)
	d.Model = a.findModel(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if asJSON {
		if err := a.printJSON(d); err != nil {
			return err
		}
	} else {
		a.printDiagnosis(d)
	}
	if !d.Device.ok() {
		return fmt.Errorf("doctor: the device does not work: %s", d.Device.Error)
	}
	return nil
}

// environment has the variables that change what this program does; of the secret one only that it is set.
func environment() map[string]string {
	set := map[string]string{}
	for _, name := range []string{
		"GOMLX_BACKEND", "LATENTCHAIN_CACHE", "LATENTCHAIN_OFFLINE",
		"HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE", "PJRT_PLUGIN_LIBRARY_PATH", "XLA_FLAGS",
	} {
		if value, ok := os.LookupEnv(name); ok {
			set[name] = value
		}
	}
	if os.Getenv("HF_TOKEN") != "" {
		set["HF_TOKEN"] = "(set)"
	}
	return set
}

func (a *app) findCache() finding {
	dir, err := a.cacheDir()
	if err != nil {
		return finding{Error: err.Error()}
	}
	f := finding{Path: dir}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		f.Hint = "not there yet; the first run makes it"
	case err != nil:
		f.Error = err.Error()
	case !info.IsDir():
		f.Error, f.Hint = "is not a folder", "choose another one with --cache DIR"
	default:
		probe, err := os.CreateTemp(dir, ".doctor-*")
		if err != nil {
			f.Error, f.Hint = err.Error(), "choose another one with --cache DIR"
			break
		}
		probe.Close()
		os.Remove(probe.Name())
	}
	return f
}

func findPip() finding {
	for _, name := range []string{"python3", "python", "pip3", "pip"} {
		if path, err := exec.LookPath(name); err == nil {
			return finding{What: name, Path: path}
		}
	}
	return finding{Error: "no Python and no pip", Hint: "needed only where GitHub or the Hugging Face hub can't be reached"}
}

// tryBackend finds the backend and runs a small program on it.
func (a *app) tryBackend(ctx context.Context) (found, device finding) {
	o := a.backendOptions()
	o.Offline = true
	b, err := backend.Find(ctx, o)
	if err != nil {
		found = finding{Error: err.Error()}
		return found, finding{Error: "there is no backend to run on: " + err.Error()}
	}
	found = finding{What: string(b.Kind), Path: b.Path, Source: b.Source, Version: b.Version}
	if b.Warning != "" {
		found.Hint = "no XLA plugin is here yet; latentchain install fetches one, until then the slow pure-Go backend stands in"
	}
	opened, err := backend.Open(b)
	if err != nil {
		return found, finding{Error: err.Error()}
	}
	defer opened.Finalize()
	line, err := backend.Check(opened)
	if err != nil {
		return found, finding{Error: err.Error()}
	}
	if b.Kind == backend.XLACPU && kernels.Use(b.Path, 0) == nil {
		line += fmt.Sprintf("; steps run on this program's %s kernels", kernels.Variant())
	}
	return found, finding{What: line}
}

func (a *app) findModel(ctx context.Context) finding {
	o := a.hubOptions()
	o.Offline = true
	m, err := hub.Find(ctx, a.model, o)
	if err != nil {
		return finding{What: a.model, Error: err.Error(), Hint: "latentchain install fetches the model if it can be had"}
	}
	return finding{What: m.Name, Path: m.Path, Source: m.Source, Version: m.Version}
}

func (a *app) printDiagnosis(d diagnosis) {
	fmt.Fprintf(a.out, "program  latentchain %s, %s, %s, %d cores\n", d.Program, d.Go, d.Platform, d.Cores)
	fmt.Fprintf(a.out, "         GoMLX %s, go-xla %s, go-huggingface %s\n", d.GoMLX, d.GoXLA, d.GoHuggingFace)
	for _, part := range []struct {
		name string
		finding
	}{{"cache", d.Cache}, {"pip", d.Pip}, {"backend", d.Backend}, {"device", d.Device}, {"model", d.Model}} {
		fmt.Fprintf(a.out, "%-8s %s\n", part.name, strings.Join(part.lines(), "\n         "))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Environment)) {
		fmt.Fprintf(a.out, "env      %s=%s\n", name, d.Environment[name])
	}
}

func (f finding) lines() []string {
	var lines []string
	add := func(format, text string) {
		if text != "" {
			lines = append(lines, fmt.Sprintf(format, text))
		}
	}
	head := f.What
	if f.Version != "" {
		head += " " + f.Version
	}
	if f.Source != "" {
		head += " (" + f.Source + ")"
	}
	add("%s", strings.TrimSpace(head))
	add("%s", f.Path)
	add("MISSING: %s", oneLine(f.Error))
	add("note: %s", f.Hint)
	return lines
}
