package hub

// This file knows the hub's cache as Python's huggingface_hub lays it out, for reading and for writing:
//
//	models--org--name/refs/main              the commit "main" stood for
//	models--org--name/snapshots/<commit>/…   links with the files' names
//	models--org--name/blobs/<etag>           the contents, named by SHA-256 (large files) or git id (small ones)
//	.locks/models--org--name/<etag>.lock     held while a blob is fetched

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	hf "github.com/gomlx/go-huggingface/hub"
)

// cache is the cache of one repository.
type cache struct {
	root string // of all repositories
	name string // models--org--name
}

func openCache(id ID, o Options) (cache, error) {
	root, err := o.hubCache()
	if err != nil {
		return cache{}, err
	}
	name := string(hf.RepoTypeModel) + hf.RepoIdSeparator + strings.ReplaceAll(id.Repo, "/", hf.RepoIdSeparator)
	return cache{root: root, name: name}, nil
}

func (c cache) path(elem ...string) string {
	return filepath.Join(append([]string{c.root, c.name}, elem...)...)
}

func (c cache) blob(etag string) string { return c.path("blobs", etag) }

func (c cache) lock(etag string) string { return filepath.Join(c.root, ".locks", c.name, etag+".lock") }

// find returns the model id if a whole copy of it is in the cache.
func (c cache) find(id ID) (Found, bool) {
	for _, commit := range c.commits(id.Revision) {
		if path := whole(c.path("snapshots", commit), id.File); path != "" {
			return Found{Path: path, Source: "hub cache", Version: commit}, true
		}
	}
	return Found{}, false
}

// commits returns the commits a revision may stand for in this cache, the likeliest first.
func (c cache) commits(revision string) (commits []string) {
	add := func(commit string) {
		if safeName(commit) && !slices.Contains(commits, commit) {
			commits = append(commits, commit)
		}
	}
	if ref, err := os.ReadFile(c.path("refs", filepath.FromSlash(revision))); err == nil {
		add(strings.TrimSpace(string(ref)))
	}
	// go-huggingface keeps the hub's answer instead of a ref.
	if text, err := os.ReadFile(c.path("info", filepath.FromSlash(revision))); err == nil {
		var info hf.RepoInfo
		if json.Unmarshal(text, &info) == nil {
			add(info.CommitHash)
		}
	}
	add(revision)
	if revision == "main" { // any commit there is, the newest first: main may have moved on while we were offline
		entries, _ := os.ReadDir(c.path("snapshots"))
		slices.SortStableFunc(entries, func(a, b os.DirEntry) int { return modTime(b).Compare(modTime(a)) })
		for _, e := range entries {
			add(e.Name())
		}
	}
	return commits
}

// whole returns the model in the snapshot dir, or "" when a file it needs is missing or a link leads nowhere.
// Weights are fetched last, so a snapshot that has them has the rest; the others are asked for because Python's
// tools may have fetched a part.
func whole(dir, file string) string {
	has := func(name string) bool { return isFile(filepath.Join(dir, filepath.FromSlash(name))) }
	if file != "" {
		if has(file) {
			return filepath.Join(dir, filepath.FromSlash(file))
		}
		return ""
	}
	if has("config.json") && (has("tokenizer.json") || has("tokenizer.model")) {
		if has(singleFile) {
			return dir
		}
		if shards, err := readIndex(filepath.Join(dir, indexFile)); err == nil && !slices.ContainsFunc(shards, func(s string) bool { return !has(s) }) {
			return dir
		}
	}
	if path, err := modelIn(dir); err == nil && isGGUF(path) {
		return path
	}
	return ""
}

// publish links the blobs under their names into a snapshot of commit, and then lets revision stand for it.
func (c cache) publish(revision, commit string, blobs map[string]string) error {
	for name, blob := range blobs {
		link := c.path("snapshots", commit, filepath.FromSlash(name))
		if isFile(link) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		target, err := filepath.Rel(filepath.Dir(link), blob)
		if err != nil {
			return err
		}
		if err := relink(target, blob, link); err != nil {
			return err
		}
	}
	if revision == commit {
		return nil
	}
	ref := c.path("refs", filepath.FromSlash(revision))
	if err := os.MkdirAll(filepath.Dir(ref), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(ref), ".ref-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.WriteString(commit); err != nil {
		_ = tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), ref)
}

// relink makes link lead to target, the path of blob from there. It replaces a link that leads nowhere in one step, so that
// of two processes neither finds the other's link gone.
func relink(target, blob, link string) error {
	tmp := link + ".new-" + rand.Text()
	if os.Symlink(target, tmp) != nil {
		if err := os.Link(blob, tmp); err != nil { // where links need a privilege
			return err
		}
	}
	if err := os.Rename(tmp, link); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	_ = os.Remove(tmp) // a rename between two names of one file leaves both
	return nil
}

// safeName says whether s, which came from a server or a file, may name one file in the cache.
func safeName(s string) bool { return safePath(s) && !strings.ContainsAny(s, `/\`) }

// safePath says whether the slash-separated s stays inside the folder it is joined to.
func safePath(s string) bool {
	return s != "" && s != "." && filepath.IsLocal(filepath.FromSlash(s)) && !strings.ContainsAny(s, "\\\x00")
}

func modTime(e os.DirEntry) time.Time {
	info, err := e.Info()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
