package hub

// This file takes a name as a path.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// local returns the model at the path name. A name that is no existing path and does not look like one gives
// the zero Found and no error.
func local(name string) (Found, error) {
	if name == "" {
		return Found{}, errors.New("the name is empty")
	}
	info, err := os.Stat(name)
	switch {
	case err != nil && looksLikePath(name):
		return Found{}, errors.New("there is no such folder or file")
	case err != nil:
		return Found{}, nil
	case info.IsDir():
		path, err := modelIn(name)
		return Found{Path: path, Source: "folder"}, err
	case !isGGUF(name):
		return Found{}, errors.New("the file is not a .gguf file")
	}
	return Found{Path: name, Source: "file"}, nil
}

// looksLikePath tells ./model, ../model, /model, ~/model, C:\model and model.gguf from hub ids.
func looksLikePath(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") || filepath.IsAbs(name) ||
		strings.Contains(name, `\`) || isGGUF(name) && strings.Count(name, "/") < 2
}

func isGGUF(name string) bool { return strings.EqualFold(filepath.Ext(name), ".gguf") }

// modelIn returns what in a folder is the model: the folder itself if it has a config.json, else its one
// .gguf file.
func modelIn(dir string) (string, error) {
	if isFile(filepath.Join(dir, "config.json")) {
		return dir, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var found []string
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); isGGUF(path) && isFile(path) {
			found = append(found, path)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("the folder %s has no config.json and %d .gguf files, want either one", dir, len(found))
	}
	return found[0], nil
}

// isFile says whether path is a file, or a link to one that exists.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
