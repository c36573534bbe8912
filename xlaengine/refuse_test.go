package xlaengine

// What an engine refuses: requests and options that make no sense, models that are broken. Each is one line that names it.

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	e, other := openTiny(t, "tiny-qwen3"), openTiny(t, "tiny-qwen3")
	closed := e.NewMemory()
	closed.Close()
	ctx := context.Background()
	for _, c := range []struct {
		name string
		req  ThinkRequest
		want string
	}{
		{"no prompt", ThinkRequest{Memory: e.NewMemory()}, "prompt is empty"},
		{"negative steps", ThinkRequest{Memory: e.NewMemory(), Prompt: []int{1}, Steps: -1}, "-1 latent steps"},
		{"unknown token", ThinkRequest{Memory: e.NewMemory(), Prompt: []int{512}}, "token 512"},
		{"negative token", ThinkRequest{Memory: e.NewMemory(), Prompt: []int{-1}}, "token -1"},
		{"longer than the context", ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(2049, 1)}, "does not fit the model's context"},
		{"steps past the context", ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(2000, 1), Steps: 49}, "does not fit the model's context"},
		{"no memory", ThinkRequest{Prompt: []int{1}}, "NewMemory"},
		{"closed memory", ThinkRequest{Memory: closed, Prompt: []int{1}}, "already closed"},
		{"another engine's memory", ThinkRequest{Memory: other.NewMemory(), Prompt: []int{1}}, "another engine"},
		{"soft thoughts of nothing", ThinkRequest{Memory: e.NewMemory(), Prompt: []int{1}, Operator: Soft{K: -1}}, "k is -1"},
		{"soft thoughts of no temperature", ThinkRequest{Memory: e.NewMemory(), Prompt: []int{1}, Operator: Soft{Temperature: math.NaN()}}, "temperature is NaN"},
		{"soft thoughts that are too cold", ThinkRequest{Memory: e.NewMemory(), Prompt: []int{1}, Operator: Soft{Temperature: 1e-40}}, "temperature is 1e-40"},
	} {
		_, err := e.Think(ctx, c.req)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", c.name, err, c.want)
		}
	}
	if _, err := e.Generate(ctx, GenerateRequest{Memory: e.NewMemory(), Prompt: []int{1}, MaxTokens: -3}); err == nil {
		t.Error("a negative number of tokens was accepted")
	}
	other.Close()
	if _, err := other.Think(ctx, ThinkRequest{Memory: other.NewMemory(), Prompt: []int{1}}); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed engine gave %v", err)
	}
}

func TestModelsThatAreBrokenDoNotOpen(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"config without a field", func(t *testing.T, dir string) { editConfig(t, dir, map[string]any{"hidden_size": nil}) }, "hidden_size"},
		{"unknown architecture", func(t *testing.T, dir string) {
			editConfig(t, dir, map[string]any{"model_type": "mamba", "architectures": []string{"MambaForCausalLM"}})
		}, "mamba"},
		{"no tokenizer", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "tokenizer.json")) }, "tokenizer"},
		{"broken safetensors header", func(t *testing.T, dir string) {
			spoilFile(t, filepath.Join(dir, "model.safetensors"), func(b []byte) []byte { copy(b[8:], "xxxx"); return b })
		}, "header"},
		{"truncated safetensors", func(t *testing.T, dir string) {
			spoilFile(t, filepath.Join(dir, "model.safetensors"), func(b []byte) []byte { return b[:len(b)-100] })
		}, "model.safetensors"},
		{"NaN weight", func(t *testing.T, dir string) {
			spoilFile(t, filepath.Join(dir, "model.safetensors"), func(b []byte) []byte {
				copy(b[len(b)-4:], []byte{0, 0, 0xc0, 0x7f})
				return b
			})
		}, "tensor"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "testdata", "models", "tiny-qwen3"))); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, dir)
			e, err := Open(context.Background(), dir, WithCacheDir(t.TempDir()), WithPlugin(userPlugin(t)))
			if err == nil {
				e.Close()
				t.Fatal("it opened")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, c.want)
			}
		})
	}
}

func spoilFile(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	if err := os.WriteFile(path, change(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	dir := filepath.Join("..", "testdata", "models", "tiny-qwen3")
	for _, opt := range []Option{WithLambda(0), WithLambda(-1), WithLambda(math.NaN()), WithChunk(0), WithChunk(100), WithPlugin("no-such-plugin"), WithMemoryBudget(0), WithPrefixCache(-1)} {
		if e, err := Open(context.Background(), dir, WithCacheDir(t.TempDir()), WithPlugin(userPlugin(t)), opt); err == nil {
			e.Close()
			t.Error("an engine opened with a senseless option")
		}
	}
}
