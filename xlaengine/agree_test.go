package xlaengine

// Backends, number types and ways of computing that must agree with each other on the tiny models.

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPureGoAgreesWithXLA(t *testing.T) {
	onXLA(t)
	backendsAgree(t, WithPlugin("go"))
}

func TestXLAAloneAgreesWithKernels(t *testing.T) {
	if openTiny(t, "tiny-qwen3").Info().Kernels == "" {
		t.Skip("there are no kernels here")
	}
	backendsAgree(t, WithoutKernels())
}

// backendsAgree compares the default with engines opened with other.
func backendsAgree(t *testing.T, other Option) {
	for _, name := range []string{"tiny-llama3", "tiny-qwen2", "tiny-qwen3"} {
		t.Run(name, func(t *testing.T) {
			fast, slow := openTiny(t, name), openTiny(t, name, other)
			req := func(e *Engine, op Operator) ThinkRequest {
				return ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(20, 4), Steps: 3, Operator: op}
			}
			for _, op := range []Operator{Linear{}, Soft{}} {
				a, b := think(t, fast, req(fast, op)), think(t, slow, req(slow, op))
				for i := range a.Hidden {
					same(t, "hidden with "+op.String(), a.Hidden[i], b.Hidden[i], 1e-4)
				}
				x := generate(t, fast, GenerateRequest{Memory: a.Memory, Prompt: tokens(3, 5), MaxTokens: 4})
				y := generate(t, slow, GenerateRequest{Memory: b.Memory, Prompt: tokens(3, 5), MaxTokens: 4})
				if !slices.Equal(x.Tokens, y.Tokens) {
					t.Errorf("%s: tokens %v and %v", op, x.Tokens, y.Tokens)
				}
			}
		})
	}
}

// A device whose memory the host can't reach stores keys and values by programs of its own.
func TestDeviceOnlyMemoryAgrees(t *testing.T) {
	want, got := openTiny(t, "tiny-qwen3", onXLA(t)), openTiny(t, "tiny-qwen3")
	got.dev.shared = false
	run := func(e *Engine) (Thinking, Generation) {
		base := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(100, 4), Steps: 2})
		two, err := e.ThinkBatch(context.Background(), []ThinkRequest{
			{Memory: base.Memory, Prompt: tokens(60, 1), Steps: 2, Trace: true},
			{Memory: e.NewMemory(), Prompt: tokens(7, 2), Steps: 3, Trace: true}})
		if err != nil {
			t.Fatal(err)
		}
		two[1].Memory.Close()
		defer two[0].Memory.Close()
		return two[1], generate(t, e, GenerateRequest{Memory: two[0].Memory, Prompt: tokens(3, 5), MaxTokens: 5})
	}
	a, x := run(want)
	b, y := run(got)
	for i := range a.Hidden {
		same(t, "hidden", a.Hidden[i], b.Hidden[i], 1e-5)
	}
	same(t, "logits", x.Logits, y.Logits, 1e-5)
	if !slices.Equal(x.Tokens, y.Tokens) {
		t.Errorf("tokens %v, on the device alone %v", x.Tokens, y.Tokens)
	}
}

func TestBFloat16StaysClose(t *testing.T) {
	full, half := openTiny(t, "tiny-qwen3", onXLA(t)), openTiny(t, "tiny-qwen3", WithBFloat16(true))
	a := think(t, full, ThinkRequest{Memory: full.NewMemory(), Prompt: tokens(40, 4), Steps: 1})
	b := think(t, half, ThinkRequest{Memory: half.NewMemory(), Prompt: tokens(40, 4), Steps: 1})
	same(t, "hidden", a.Hidden[0], b.Hidden[0], 0.1)
	if 2*b.Memory.Bytes() != a.Memory.Bytes() {
		t.Errorf("memory of %d bytes, in float32 %d", b.Memory.Bytes(), a.Memory.Bytes())
	}
}

func TestSlidingWindowAgreesWithReference(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "testdata", "models", "tiny-llama3"))); err != nil {
		t.Fatal(err)
	}
	editConfig(t, dir, map[string]any{"model_type": "mistral", "architectures": []string{"MistralForCausalLM"}, "sliding_window": 8, "rope_scaling": nil})
	data, err := os.ReadFile(filepath.Join("..", "testdata", "golden", "tiny-mistral-window.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		IDs                []int
		Hidden40, Hidden90 goldenVector
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for _, chunk := range []int{16, 256} {
		e, err := Open(context.Background(), dir, WithCacheDir(t.TempDir()), WithPlugin(userPlugin(t)), WithChunk(chunk))
		if err != nil {
			t.Fatal(err)
		}
		first := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: want.IDs[:40]})
		near(t, "hidden after 40", first.Hidden[0], want.Hidden40, 1e-4)
		second := think(t, e, ThinkRequest{Memory: first.Memory, Prompt: want.IDs[40:]})
		near(t, "hidden after 90", second.Hidden[0], want.Hidden90, 1e-4)
		e.Close()
	}
}

func editConfig(t *testing.T, dir string, changes map[string]any) {
	t.Helper()
	path := filepath.Join(dir, "config.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for k, v := range changes {
		if v == nil {
			delete(fields, k)
		} else {
			fields[k] = v
		}
	}
	if data, err = json.Marshal(fields); err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
