package main

// latentchain doctor: what is on this machine, where, in which version, and whether it works. It fetches nothing.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
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

	missing bool // the error is only that it is not here yet
}

func (f finding) ok() bool { return f.Error == "" }

func (a *app) doctor(ctx context.Context, asJSON bool) error {
	d := diagnosis{versions: programVersions(), Cores: runtime.NumCPU(), Environment: environment(), Cache: a.findCache(), Pip: findPip(ctx)}
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

// environment has the variables that change what this program and its libraries do; of secret ones only that they are
// set, of addresses not the password.
func environment() map[string]string {
	set := map[string]string{}
	for _, name := range []string{
		"GOMLX_BACKEND", "LATENTCHAIN_CACHE", "LATENTCHAIN_OFFLINE", "XDG_CACHE_HOME",
		"HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH",
		"PJRT_PLUGIN_LIBRARY_PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "XLA_FLAGS", "TF_CPP_MIN_LOG_LEVEL", "NO_PROXY", "no_proxy",
	} {
		if value, ok := os.LookupEnv(name); ok {
			set[name] = value
		}
	}
	if set["TF_CPP_MIN_LOG_LEVEL"] == "3" { // go-xla sets that by itself
		delete(set, "TF_CPP_MIN_LOG_LEVEL")
	}
	for _, name := range []string{"HF_ENDPOINT", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			set[name] = withoutPassword(value)
		}
	}
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GH_TOKEN"} {
		if os.Getenv(name) != "" {
			set[name] = "(set)"
		}
	}
	return set
}

// withoutPassword leaves out of an address who logs in, and how: user:password@host becomes (login)@host.
func withoutPassword(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		scheme, rest = "", address
	} else {
		scheme += "://"
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = "(login)" + rest[at:]
	}
	return scheme + rest
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

// findPip finds the pip that package wheel would call. A Python may be without one.
func findPip(ctx context.Context) finding {
	for _, pip := range [][]string{{"python3", "-m", "pip"}, {"python", "-m", "pip"}, {"pip3"}, {"pip"}} {
		path, err := exec.LookPath(pip[0])
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, append(pip[1:], "--version")...).Output()
		if fields := strings.Fields(string(out)); err == nil && len(fields) > 1 && fields[0] == "pip" { // pip 24.0 from …
			return finding{What: strings.Join(pip, " "), Path: path, Version: fields[1]}
		}
	}
	return finding{Error: "no pip", Hint: "needed only where GitHub or the Hugging Face hub can't be reached", missing: true}
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
	if err == nil {
		return finding{What: m.Name, Path: m.Path, Source: m.Source, Version: m.Version}
	}
	f := finding{What: a.model, Error: err.Error(), missing: fetchable(a.model)}
	if f.missing {
		f.Hint = "latentchain install fetches the model if it can be had"
	}
	return f
}

// fetchable says that a model which is not here may be elsewhere: it is no path.
func fetchable(model string) bool {
	if slices.Contains(hub.Builtin(), strings.ToLower(model)) {
		return true
	}
	_, err := os.Stat(model)
	return err != nil && strings.Contains(model, "/") && !filepath.IsAbs(model) && !strings.HasPrefix(model, ".") && !strings.HasPrefix(model, "~")
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
	if f.missing {
		add("MISSING: %s", oneLine(f.Error))
	} else {
		add("ERROR: %s", oneLine(f.Error))
	}
	add("note: %s", f.Hint)
	return lines
}
