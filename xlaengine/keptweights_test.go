//go:build cgo && linux

package xlaengine

// Weights mapped from a file are the weights, and a file that is not what it should be is made anew.

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMappedWeightsAreTheWeights(t *testing.T) {
	dir := t.TempDir()
	var warnings []string
	open := func(options ...Option) *Engine {
		t.Helper()
		warnings = nil
		e, err := Open(context.Background(), filepath.Join("..", "testdata", "models", "tiny-qwen2"), append(options, onXLA(t), WithCacheDir(dir),
			WithWarnings(func(w string) { warnings = append(warnings, w) }))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { e.Close() })
		return e
	}
	logits := func(e *Engine) []float32 {
		return generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(40, 1), MaxTokens: 1}).Logits
	}
	want := logits(open())
	first := open(WithKeptWeights())
	files, err := filepath.Glob(filepath.Join(dir, "weights", "*"))
	if err != nil || len(files) != 1 || first.mapping != nil {
		t.Fatalf("after the first start: %v, %v, mapped %t; want one file, not mapped yet", files, err, first.mapping != nil)
	}
	file := files[0]
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		spoil   func() error
		mapped  bool
		warning string
	}{
		{"as it was kept", func() error { return nil }, true, ""},
		{"cut short", func() error { return os.Truncate(file, 1000) }, false, "not what was kept"},
		{"as it was kept again", func() error { return nil }, true, ""},
		{"with another seal", func() error {
			return os.WriteFile(file, append(slices.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1), 0o600)
		}, false, "not what was kept"},
		{"that others may write", func() error { return os.Chmod(file, 0o666) }, false, "others may write"},
		{"a folder", func() error {
			return cmp.Or(os.Remove(file), os.MkdirAll(file, 0o700))
		}, false, "weights are not kept"},
		{"gone", func() error { return os.Remove(file) }, false, ""},
		{"made anew", func() error { return nil }, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.spoil(); err != nil {
				t.Fatal(err)
			}
			e := open(WithKeptWeights())
			if (e.mapping != nil) != c.mapped {
				t.Errorf("mapped: %t, want %t", e.mapping != nil, c.mapped)
			}
			if got := strings.Join(warnings, "\n"); !strings.Contains(got, c.warning) || c.warning == "" && got != "" {
				t.Errorf("warnings %q, want %q", got, c.warning)
			}
			if got := logits(e); !slices.Equal(got, want) {
				same(t, "logits", want, got, 1e-9)
			}
			e.Close()
			if live := e.dev.live.Load(); live != 0 {
				t.Errorf("%d buffers are held after Close", live)
			}
		})
	}
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, whole) {
		t.Errorf("the file is not what it was at first (%v)", err)
	}
}

func TestWhoLeavesWhileWeightsAreKeptLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := Open(ctx, filepath.Join("..", "testdata", "models", "tiny-qwen2"), onXLA(t), WithCacheDir(dir), WithKeptWeights(),
		WithProgress(func(what string, _, _ int64) {
			if what == "keep weights" {
				cancel()
			}
		}))
	if err == nil {
		t.Fatal("it was not cancelled")
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "weights", "*")); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}
