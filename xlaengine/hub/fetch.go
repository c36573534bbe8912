package hub

// This file brings a repository's model from the hub into its cache.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	hf "github.com/gomlx/go-huggingface/hub"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// fetch downloads the files that make the model id, the weights last, and shows them in a snapshot once all of
// them are there.
func (c cache) fetch(ctx context.Context, id ID, o Options) (Found, error) {
	hub := newClient(id, o)
	defer hub.http.CloseIdleConnections()
	info, err := hub.info(ctx, id.Revision)
	if err != nil {
		return Found{}, err
	}
	files := map[string]*hf.FileInfo{}
	var names []string
	for _, f := range info.Siblings {
		if f != nil && safePath(f.Name) {
			files[f.Name] = f
			names = append(names, f.Name)
		}
	}
	chosen, err := choose(names, id.File)
	if err != nil {
		return Found{}, err
	}

	commit := info.CommitHash
	blobs := map[string]string{}
	get := func(names []string) error {
		for _, name := range names {
			if files[name] == nil {
				return fmt.Errorf("%s speaks of %s, which the repository does not have", indexFile, name)
			}
			b, err := hub.blob(ctx, commit, files[name])
			if err != nil {
				return err
			}
			if blobs[name], err = c.get(ctx, hub, b, o.Progress); err != nil {
				return err
			}
		}
		return nil
	}
	if err := get(chosen.small); err != nil {
		return Found{}, err
	}
	if path := blobs[indexFile]; path != "" {
		if chosen.weights, err = readIndex(path); err != nil {
			return Found{}, err
		}
	}
	if err := get(chosen.weights); err != nil {
		return Found{}, err
	}
	if err := c.publish(id.Revision, commit, blobs); err != nil {
		return Found{}, err
	}
	path := whole(c.path("snapshots", commit), id.File)
	if path == "" {
		return Found{}, fmt.Errorf("a file is missing from %s although it was fetched: is another program clearing the cache?",
			c.path("snapshots", commit))
	}
	return Found{Path: path, Source: "hub", Version: commit}, nil
}

// get returns the path of a blob, after fetching it if it is not in the cache. A second process waits.
func (c cache) get(ctx context.Context, hub *client, b blob, progress wheel.Progress) (string, error) {
	path := c.blob(b.etag)
	here := func() bool {
		info, err := os.Stat(path)
		return err == nil && (b.Size == 0 || info.Size() == b.Size)
	}
	if here() {
		return path, nil
	}
	unlock, err := wheel.Lock(ctx, c.lock(b.etag))
	if err != nil {
		return "", err
	}
	defer unlock()
	if here() {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	err = wheel.Download(ctx, hub.http, b.Source, path, progress)
	var status *wheel.StatusError
	if errors.As(err, &status) {
		err = fmt.Errorf("%s: %w", b.Name, hub.advise(status))
	}
	return path, err
}
