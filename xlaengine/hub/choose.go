package hub

// This file chooses the files of a repository that make a model the engine can open.

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

const (
	singleFile = "model.safetensors"
	indexFile  = "model.safetensors.index.json"
)

// smallFiles are what a model has beside its weights.
var smallFiles = []string{
	"config.json", "generation_config.json",
	"tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json",
	"vocab.json", "merges.txt", "chat_template.jinja",
}

// choice is what to fetch: small files first, then the weights. When small holds the index file, weights is
// empty: the index names them.
type choice struct{ small, weights []string }

// choose picks from the names of a repository's files. file, if any, is the one .gguf file that is wanted.
func choose(names []string, file string) (choice, error) {
	has := func(name string) bool { return slices.Contains(names, name) }
	if file != "" {
		if !has(file) {
			return choice{}, fmt.Errorf("the repository has no file %s", file)
		}
		return choice{weights: []string{file}}, nil
	}
	var c choice
	for _, name := range smallFiles {
		if has(name) {
			c.small = append(c.small, name)
		}
	}
	tokenizer := has("tokenizer.json") || has("tokenizer.model")
	switch {
	case !has("config.json"):
	case !tokenizer && (has(indexFile) || has(singleFile)):
		return choice{}, errors.New("the repository has weights but no tokenizer.json or tokenizer.model")
	case has(singleFile): // first, as package weights opens it first
		c.weights = []string{singleFile}
		return c, nil
	case has(indexFile):
		c.small = append(c.small, indexFile)
		return c, nil
	}

	files := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !isGGUF(n) })
	switch len(files) {
	case 0:
		return choice{}, fmt.Errorf("the repository has neither config.json with %s or %s nor a .gguf file", singleFile, indexFile)
	case 1:
		return choice{weights: files}, nil
	}
	return choice{}, fmt.Errorf("the repository has %d .gguf files: name one, as in org/name/%s", len(files), files[0])
}

// readIndex returns the names of the files an index of sharded weights speaks of, sorted.
func readIndex(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseIndex(text)
}

func parseIndex(text []byte) ([]string, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	var shards []string
	for tensor, name := range index.WeightMap {
		if !safeName(name) {
			return nil, fmt.Errorf("%s: tensor %q is said to be in %q, which is no file name", indexFile, tensor, name)
		}
		shards = append(shards, name)
	}
	if len(shards) == 0 {
		return nil, fmt.Errorf("%s: no tensors in weight_map", indexFile)
	}
	slices.Sort(shards)
	return slices.Compact(shards), nil
}
