package backend

// This file installs the CUDA plugin, by go-xla's own installer.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gomlx/go-xla/installer"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// InstallCUDA installs the CUDA plugin and NVIDIA's libraries where go-xla does, under ~/.local/lib/go-xla, and
// returns the plugin's path. variant is "cuda12", "cuda13" or "" for go-xla's choice, cuda13. It fetches some
// gigabytes; go-xla checks each against the index's SHA-256 and tells its progress on standard output. A plugin
// that is installed stays. It is meant for a program that does nothing else meanwhile: until it returns, requests
// of http.DefaultClient end with ctx, because that is the client go-xla uses.
func InstallCUDA(ctx context.Context, variant string) (string, error) {
	lib, err := installer.DefaultHomeLibPath()
	if err != nil {
		return "", fmt.Errorf("install CUDA: %w", err)
	}
	path, err := cuda{
		dir: filepath.Join(lib, "go-xla"), platform: runtime.GOOS + "/" + runtime.GOARCH,
		gpu: installer.HasNvidiaGPU, install: installCUDA,
	}.run(ctx, variant)
	if err != nil {
		return "", fmt.Errorf("install CUDA: %w", err)
	}
	return path, nil
}

// cuda is one installation, with the world as fields.
type cuda struct {
	dir      string // go-xla's folder for plugins
	platform string // GOOS/GOARCH
	gpu      func() bool
	install  func(variant, dir string) error
}

func (c cuda) run(ctx context.Context, variant string) (string, error) {
	if variant == "" {
		variant = "cuda13"
	}
	switch {
	case variant != "cuda12" && variant != "cuda13":
		return "", fmt.Errorf("there is no %q: give cuda12 or cuda13", variant)
	case c.platform != "linux/amd64":
		return "", fmt.Errorf("the plugin is built for linux/amd64 only, this is %s", c.platform)
	case !c.gpu():
		return "", errors.New("there is no NVIDIA device (/dev/nvidia*, nvidia-smi): install its driver first")
	}
	nvidia := filepath.Join(c.dir, "nvidia")
	plugin := filepath.Join(nvidia, "pjrt_c_api_cuda_plugin.so")
	unlock, err := wheel.Lock(ctx, filepath.Join(c.dir, "cuda.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(plugin); err == nil {
		return plugin, nil
	}

	// go-xla puts the plugin there last and by a rename, so its file stands for the whole installation.
	err = withContext(ctx, func() error { return guard(func() error { return c.install(variant, c.dir) }) })
	if _, missing := os.Stat(plugin); err == nil && missing != nil {
		err = errors.New("go-xla's installer left no plugin")
	}
	if err != nil {
		_ = os.RemoveAll(nvidia)
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", err
	}
	return plugin, nil
}

// withContext runs fn with the requests of http.DefaultClient bound to ctx: go-xla's installer takes no context.
func withContext(ctx context.Context, fn func() error) error {
	client := http.DefaultClient
	before := client.Transport
	defer func() { client.Transport = before }()
	client.Transport = bound{ctx, before}
	return fn()
}

// bound is a transport whose requests, and the reading of their answers, end with ctx.
type bound struct {
	ctx  context.Context
	next http.RoundTripper // nil for the default
}

func (b bound) RoundTrip(req *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	return next.RoundTrip(req.WithContext(b.ctx))
}
