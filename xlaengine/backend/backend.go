// Package backend finds the XLA plugin a computation runs on, fetches one if there is none, and opens it. What
// cannot be had is replaced by GoMLX's pure-Go backend and one line of warning, so that a program always runs.
//
// Importing this package registers the backends "xla" and "go" with GoMLX. Nothing installs itself: Find fetches
// when it may, and Open switches go-xla's own installation on first use off, because that one takes no context,
// checks no hash of the CPU plugin and draws on standard output.
//
// This file holds what is found and the wishes it follows. The order of the search is in search.go, where
// installed plugins lie in installed.go, how one comes from go-xla's releases in goxla.go, CUDA in cuda.go,
// opening and trying a backend in open.go.
package backend

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// Options say which backend is wanted and what may be done to get it. The zero value chooses the best there is.
type Options struct {
	Plugin   string         // "cpu", "cuda", "go", or the path of a plugin; "" for $GOMLX_BACKEND, else the best
	CacheDir string         // of this program; "" for wheel.CacheDir()
	Offline  bool           // fetch nothing; also $LATENTCHAIN_OFFLINE
	Progress wheel.Progress // may be nil
}

// Kind is what computes.
type Kind string

// The kinds of backend. Another device of XLA's is "xla-" and the platform its plugin says it is, as "xla-rocm"; a
// GOMLX_BACKEND this package knows nothing about is its own name.
const (
	XLACPU  Kind = "xla-cpu"
	XLACUDA Kind = "xla-cuda"
	PureGo  Kind = "go"
)

// Accelerator says whether it is XLA on a device other than the CPU.
func (k Kind) Accelerator() bool { return strings.HasPrefix(string(k), "xla-") && k != XLACPU }

// Found is a backend that can be opened.
type Found struct {
	Config  string // for compute.NewWithConfig, e.g. "xla:/path/libpjrt_cpu.so,shared_buffers" or "go"
	Kind    Kind
	Path    string // of the plugin; "" for pure Go
	Source  string // "option", "GOMLX_BACKEND", "installed", "cache", "go-xla release", "wheel" or "pure Go"
	Version string // as far as names tell; Check's summary has the plugin's own
	Warning string // one line for the user; "" when all is well
}

// Find returns the backend to use: the one asked for, else an installed plugin (CUDA's when there is an NVIDIA
// device), else one fetched earlier, else go-xla's release of the CPU plugin, else the pinned wheel, else pure Go
// with a warning. It is an error when what was asked for is not there, and when ctx is done; Options.Plugin "cpu" only
// leaves CUDA out. A plugin that was given by its path is loaded to ask what it computes on.
func Find(ctx context.Context, o Options) (Found, error) {
	s, err := newSearch(o)
	if err != nil {
		return Found{}, err
	}
	found, err := s.find(ctx)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("find a backend: %w", ctx.Err())
	}
	return found, err
}

// wish is what the user asked for.
type wish struct {
	plugin  string // "", "cpu", "cuda", "go" or the absolute path of a plugin
	source  string // who asked: "option" or "GOMLX_BACKEND"; "" when nobody did
	options string // of XLA, as in "tf32=false,noshared_buffers"; "" for none
	xla     bool   // pure Go will not do
	config  string // a configuration to take as it is
}

// readWish understands the option, or else the value of GOMLX_BACKEND.
func readWish(option, env string) (wish, error) {
	switch {
	case option == "cpu" || option == "go":
		return wish{plugin: option, source: "option"}, nil
	case option == "cuda":
		return wish{plugin: option, source: "option", xla: true}, nil
	case option != "":
		path, err := pluginFile(option)
		if err != nil {
			return wish{}, fmt.Errorf("plugin %s: %w; give cpu, cuda, go or the path of a PJRT plugin", option, err)
		}
		return wish{plugin: path, source: "option", xla: true}, nil
	case env == "":
		return wish{}, nil
	}

	w := wish{source: compute.ConfigEnvVar, config: env}
	name, rest, _ := strings.Cut(env, ":")
	if name == "go" {
		w.plugin = "go"
		return w, nil
	}
	if !slices.Contains([]string{"xla", "stablehlo", "hlo", "shlo"}, name) {
		if known := compute.List(); !slices.Contains(known, name) {
			slices.Sort(known)
			return wish{}, fmt.Errorf("%s=%s: there is no backend %q, only %s", compute.ConfigEnvVar, env, name, strings.Join(known, ", "))
		}
		return w, nil
	}
	w.xla = true
	plugin, options, _ := strings.Cut(rest, ",")
	switch {
	case plugin == "" || plugin == "cpu" || plugin == "cuda":
		w.plugin, w.options, w.config = plugin, options, ""
	case filepath.IsAbs(plugin) || strings.ContainsAny(plugin, `/\`):
		path, err := pluginFile(plugin)
		if err != nil {
			return wish{}, fmt.Errorf("%s=%s: %w", compute.ConfigEnvVar, env, err)
		}
		w.plugin, w.options, w.config = path, options, ""
	}
	return w, nil
}

// pluginFile returns the absolute path of a file that may be a plugin.
func pluginFile(path string) (string, error) {
	if strings.Contains(path, ",") {
		return "", fmt.Errorf("the path has a comma, which ends it in GoMLX's configuration")
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("there is no such file")
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("it is not a file")
	}
	return filepath.Abs(path)
}

// atPath is the backend of the plugin at path.
func atPath(path string, kind Kind, source, version, options string) Found {
	f := Found{Kind: kind, Path: path, Source: source, Version: version, Config: "xla:" + path}
	// go-xla shares buffers by itself with plugins whose path says cpu, and no others. Without, decoding lost a third.
	switch {
	case strings.Contains(options, "shared_buffers"):
	case kind == XLACPU:
		f.Config += ",shared_buffers"
	case strings.Contains(strings.ToLower(path), "cpu"):
		f.Config += ",noshared_buffers"
	}
	if options != "" {
		f.Config += "," + options
	}
	return f
}
