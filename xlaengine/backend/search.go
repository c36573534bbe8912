package backend

// This file holds the order in which places are searched for a plugin.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/installer"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// pluginWheel carries an unmodified build of XLA's CPU plugin, for where GitHub cannot be reached.
var pluginWheel = wheel.Pinned{
	Name: "fastatomstruct-xla-cpu", Version: "2026.6.23", Size: 63200622, Platform: "linux/amd64",
	SHA256: "88b1c430b341b4bea40a37420311c9c75db6e22b46d2ff95b6986577bee6afe9",
}

// pluginInWheel is the plugin's place in the unpacked wheel.
var pluginInWheel = filepath.Join("fastatomstruct_xla_cpu", "libpjrt_cpu.so")

// search is one search: the wish, what may be done, and the world as functions, so that a test can make its own.
type search struct {
	wish
	offline  bool
	dir      string // for plugins from wheels; with the folder above it nobody else's
	progress wheel.Progress

	xlaBuilt  bool                     // XLA is compiled into this program
	installed func() map[string]string // names of installed plugins to their paths
	gpu       func() bool              // an NVIDIA device is there
	platform  func(plugin string) string
	release   func(context.Context, wheel.Progress) (path, version string, err error)
	fetch     func(context.Context, wheel.Pinned, string, wheel.Progress) (string, error)
}

func newSearch(o Options) (*search, error) {
	w, err := readWish(o.Plugin, os.Getenv(compute.ConfigEnvVar))
	if err != nil {
		return nil, err
	}
	dir := o.CacheDir
	if dir == "" {
		if dir, err = wheel.CacheDir(); err != nil {
			return nil, err
		}
	}
	return &search{
		wish: w, offline: o.Offline || wheel.Offline(), dir: filepath.Join(dir, "plugins"), progress: o.Progress,
		xlaBuilt:  xlaBuilt,
		installed: func() map[string]string { return pluginsIn(pluginDirs()) },
		gpu:       installer.HasNvidiaGPU,
		platform:  platform,
		release:   fetchRelease,
		fetch:     wheel.Fetch,
	}, nil
}

// step looks in one place. The zero Found and no error mean that nothing is there.
type step struct {
	place string
	look  func(context.Context) (Found, error)
}

// steps are the places in the order they are searched.
func (s *search) steps() []step {
	switch {
	case s.config != "" || s.plugin == "go" || filepath.IsAbs(s.plugin):
		return []step{{"what was asked for", s.asIs}}
	case s.plugin == "cuda":
		return []step{{"installed plugins", s.findInstalled}}
	}
	return []step{
		{"installed plugins", s.findInstalled},
		{"the cache", s.findCached},
		{"go-xla's release", s.fetchRelease},
		{"the wheel " + pluginWheel.String(), s.fetchWheel},
	}
}

func (s *search) find(ctx context.Context) (Found, error) {
	if err := ctx.Err(); err != nil {
		return Found{}, err
	}
	var reasons []string
	switch {
	case s.xlaBuilt || s.plugin == "go" || s.config != "" && !s.xla:
		for _, step := range s.steps() {
			found, err := step.look(ctx)
			if err == nil && found.Config != "" {
				return found, nil
			}
			if ctx.Err() != nil {
				return Found{}, ctx.Err()
			}
			if errors.Is(err, wheel.ErrOthersWrite) { // not to be passed over in silence
				return Found{}, fmt.Errorf("%s: %w", step.place, err)
			}
			if err != nil {
				reasons = append(reasons, fmt.Sprintf("%s: %v", step.place, err))
			}
		}
		switch {
		case s.plugin == "cuda" && len(reasons) == 0:
			return Found{}, errors.New("no CUDA plugin is installed: run latentchain install --cuda")
		case s.offline:
			reasons = append(reasons, "none is on this machine, and --offline or LATENTCHAIN_OFFLINE forbids fetching one")
		}
	default:
		reasons = []string{"this program was built without cgo, which XLA needs: build it with a C compiler"}
	}
	why := "no XLA plugin (" + strings.Join(reasons, "; ") + ")"
	if s.xla {
		return Found{}, errors.New(why + ": give the path of one in GOMLX_BACKEND=xla:/path/plugin.so, or set GOMLX_BACKEND=go")
	}
	return Found{Config: "go", Kind: PureGo, Source: "pure Go",
		Warning: why + ", so GoMLX's pure-Go backend computes, many times slower"}, nil
}

// asIs is the backend that was asked for by path or configuration.
func (s *search) asIs(context.Context) (Found, error) {
	switch {
	case s.plugin == "go":
		config := s.config
		if config == "" {
			config = "go"
		}
		return Found{Config: config, Kind: PureGo, Source: s.source}, nil
	case s.config != "":
		kind, rest, _ := strings.Cut(s.config, ":")
		if name, _, _ := strings.Cut(rest, ","); s.xla {
			if p := s.platform(name); p != "" {
				kind = "xla-" + p
			}
		}
		return Found{Config: s.config, Kind: Kind(kind), Source: s.source}, nil
	}
	return atPath(s.plugin, s.kindOf(s.plugin), s.source, versionIn(s.plugin), s.options), nil
}

// kindOf is what the plugin at path computes on. One that does not load is taken for a CPU's: opening it says what is
// wrong.
func (s *search) kindOf(path string) Kind {
	if strings.Contains(strings.ToLower(filepath.Base(path)), "cuda") {
		return XLACUDA // go-xla goes by the name too, and asking this one costs memory on the device
	}
	if p := s.platform(path); p != "" {
		return Kind("xla-" + p)
	}
	return XLACPU
}

// findInstalled takes a CUDA plugin if there is a device for it and nobody asked for the CPU, else a CPU plugin.
func (s *search) findInstalled(context.Context) (Found, error) {
	plugins := s.installed()
	if path := best(plugins, "cuda"); path != "" && s.plugin != "cpu" {
		if s.gpu() {
			return atPath(path, XLACUDA, "installed", versionIn(path), s.options), nil
		}
		if s.plugin == "cuda" {
			return Found{}, errors.New("there is no NVIDIA device (/dev/nvidia*, nvidia-smi)")
		}
	}
	if path := best(plugins, "cpu"); path != "" && s.plugin != "cuda" {
		return atPath(path, XLACPU, "installed", versionIn(path), s.options), nil
	}
	return Found{}, nil
}

func (s *search) findCached(context.Context) (Found, error) {
	dir := pluginWheel.Unpacked(s.dir)
	if dir == "" {
		return Found{}, nil
	}
	return s.inWheel(dir, "cache")
}

func (s *search) fetchRelease(ctx context.Context) (Found, error) {
	if s.offline {
		return Found{}, nil
	}
	path, version, err := s.release(ctx, s.progress)
	if err != nil {
		return Found{}, err
	}
	return atPath(path, XLACPU, "go-xla release", version, s.options), nil
}

func (s *search) fetchWheel(ctx context.Context) (Found, error) {
	if s.offline {
		return Found{}, nil
	}
	dir, err := s.fetch(ctx, pluginWheel, s.dir, s.progress)
	if err != nil {
		return Found{}, err
	}
	return s.inWheel(dir, "wheel")
}

func (s *search) inWheel(dir, source string) (Found, error) {
	path, err := pluginFile(filepath.Join(dir, pluginInWheel))
	if err != nil {
		return Found{}, fmt.Errorf("%s: %w: remove the folder and it will be fetched again", dir, err)
	}
	if err := wheel.OnlyMineUpTo(filepath.Dir(s.dir), path); err != nil {
		return Found{}, err
	}
	return atPath(path, XLACPU, source, pluginWheel.String(), s.options), nil
}
