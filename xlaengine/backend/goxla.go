package backend

// This file fetches the CPU plugin as go-xla's installer does: the same release, the same folder, the same lock
// and names, so that other GoMLX programs find it. It does so itself because the installer takes no context, hangs
// where a network swallows packets, checks no hash and draws a spinner on standard output.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/go-xla/installer"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// release is where a CPU plugin is published and where it goes.
type release struct {
	api      string // GitHub's, without a slash at its end
	version  string // e.g. "v0.114.0"
	platform string // e.g. "linux_amd64"
	dir      string // go-xla's folder for plugins
}

// fetchRelease installs the plugin of the release go-xla was tested with and returns its path and version.
func fetchRelease(ctx context.Context, progress wheel.Progress) (path, version string, err error) {
	lib, err := installer.DefaultHomeLibPath()
	if err != nil {
		return "", "", err
	}
	r := release{
		api: "https://api.github.com", version: cpuVersion(),
		platform: runtime.GOOS + "_" + runtime.GOARCH, dir: filepath.Join(lib, "go-xla"),
	}
	path, err = r.install(ctx, progress)
	return path, r.version, err
}

// install downloads, checks and unpacks the plugin unless it is there, and returns its path.
func (r release) install(ctx context.Context, progress wheel.Progress) (string, error) {
	if !slices.Contains(installer.CPUSupportedPlatforms, r.platform) {
		return "", fmt.Errorf("there is none for %s", r.platform)
	}
	client := wheel.NewClient()
	defer client.CloseIdleConnections()
	src, err := r.asset(ctx, client)
	if err != nil {
		return "", err
	}
	name := "pjrt_c_api_cpu_" + r.version + "_plugin" + extension(r.platform)
	plugin := filepath.Join(r.dir, name)
	unlock, err := wheel.Lock(ctx, plugin+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(plugin); err == nil {
		return plugin, nil // another process had the lock and did the work
	}

	partial := filepath.Join(r.dir, ".latentchain-"+r.version+".partial") // the lock is the version's too
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	tree := filepath.Join(partial, "tree")
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return "", err
	}
	archive := filepath.Join(partial, r.archive())
	if err := wheel.Download(ctx, client, src, archive, progress); err != nil {
		return "", err
	}
	if err := unpack(archive, tree); err != nil {
		return "", fmt.Errorf("unpack %s: %w", src.Name, err)
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if _, err := pluginFile(filepath.Join(tree, name)); err != nil {
		return "", fmt.Errorf("%s: %s in it: %w", src.Name, name, err)
	}
	if err := wheel.Place(filepath.Join(tree, name), plugin); err != nil {
		return "", err
	}
	// The name without a version, which GoMLX asks for. Where links need a privilege the versioned name must do.
	link := filepath.Join(r.dir, "pjrt_c_api_cpu_plugin"+extension(r.platform))
	if _, err := os.Stat(link); err != nil {
		_ = os.Remove(link)
		_ = os.Symlink(name, link)
	}
	return plugin, nil
}

// asset asks GitHub for the release's archive for this platform. Without its SHA-256 it is not taken.
func (r release) asset(ctx context.Context, client *http.Client) (wheel.Source, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	address := fmt.Sprintf("%s/repos/%s/releases/tags/%s", r.api, installer.BinaryCPUReleasesRepo, r.version)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return wheel.Source{}, err
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	if token := os.Getenv("GH_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return wheel.Source{}, fmt.Errorf("GitHub cannot be reached: %w", errors.Unwrap(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return wheel.Source{}, fmt.Errorf("release %s: %w", r.version, wheel.NewStatusError(resp))
	}
	var answer struct {
		Assets []struct {
			Name   string `json:"name"`
			URL    string `json:"browser_download_url"`
			Size   int64  `json:"size"`
			Digest string `json:"digest"` // "sha256:…"
		} `json:"assets"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 4<<20)).Decode(&answer); err != nil {
		return wheel.Source{}, fmt.Errorf("GitHub's answer about release %s: %w", r.version, err)
	}
	for _, a := range answer.Assets {
		if a.Name != r.archive() {
			continue
		}
		sum, ok := strings.CutPrefix(a.Digest, "sha256:")
		if !ok || sum == "" {
			return wheel.Source{}, fmt.Errorf("release %s: GitHub gives no SHA-256 for %s, so it cannot be checked", r.version, a.Name)
		}
		return wheel.Source{Name: a.Name + " " + r.version, URL: a.URL, Size: a.Size, SHA256: sum}, nil
	}
	return wheel.Source{}, fmt.Errorf("release %s has no %s", r.version, r.archive())
}

// archive is the name of the release's file for the platform.
func (r release) archive() string {
	if strings.HasPrefix(r.platform, "windows") {
		return "pjrt_cpu_" + r.platform + ".zip"
	}
	return "pjrt_cpu_" + r.platform + ".tar.gz"
}

// extension is that of go-xla's plugin files, which is .so on a Mac too.
func extension(platform string) string {
	if strings.HasPrefix(platform, "windows") {
		return ".dll"
	}
	return ".so"
}

// unpack opens an archive whose hash was checked.
func unpack(archive, dir string) error {
	open := installer.Untar
	if filepath.Ext(archive) == ".zip" {
		open = installer.Unzip
	}
	_, err := open(archive, dir)
	return err
}
