package plugin_test

// Memories of a real engine on disk: the engine ends, another one of the same weights goes on. A second or two.

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
)

// session is an engine, a store in dir and a model on both, as one process has them.
type session struct {
	engine *xlaengine.Engine
	store  *plugin.DiskStore
	llm    *plugin.LLM
}

func begin(t *testing.T, model, dir string, opts ...plugin.Option) session {
	t.Helper()
	return beginOn(t, tinyOptions(t), model, dir, opts...)
}

func beginOn(t *testing.T, device []xlaengine.Option, model, dir string, opts ...plugin.Option) session {
	t.Helper()
	e, err := xlaengine.Open(t.Context(), model, device...)
	if err != nil {
		t.Fatal(err)
	}
	store := openDisk(t, dir, 1<<20)
	llm, err := plugin.New(append(opts, plugin.WithEngine(e), plugin.WithStore(store))...)
	if err != nil {
		t.Fatal(err)
	}
	s := session{e, store, llm}
	t.Cleanup(func() { _ = s.end() })
	return s
}

func (s session) end() error { return errors.Join(s.llm.Close(), s.store.Close(), s.engine.Close()) }

// next returns the logits of the next token after a prompt over m.
func (s session) next(t *testing.T, m *xlaengine.Memory) []float32 {
	t.Helper()
	out, err := s.engine.Generate(t.Context(), xlaengine.GenerateRequest{Memory: m, Prompt: []int{11, 12, 13}, MaxTokens: 1, PastEnd: true, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Memory.Close()
	if len(out.Logits) == 0 {
		t.Fatal("no logits")
	}
	return out.Logits
}

func TestAReloadedMemoryGivesTheSameLogits(t *testing.T) {
	t.Run("pure Go", func(t *testing.T) { reload(t, tinyOptions(t)) })
	t.Run("XLA", func(t *testing.T) { reload(t, nil) })
}

// reload holds that the next logits over memories of all kinds have the same bits after a restart on the same device.
func reload(t *testing.T, device []xlaengine.Option) {
	dir := t.TempDir()
	first := beginOn(t, device, tinyModel, dir)
	think := func(over *xlaengine.Memory, op xlaengine.Operator, prompt ...int) *xlaengine.Memory {
		made, err := first.engine.Think(t.Context(), xlaengine.ThinkRequest{Memory: over, Prompt: prompt, Steps: 5, Operator: op})
		if err != nil {
			t.Fatal(err)
		}
		return made.Memory
	}
	one := think(first.engine.NewMemory(), nil, 5, 6, 7)
	longer := think(one, xlaengine.Soft{}, 8, 9)
	joined, err := first.engine.Join(t.Context(), one, longer)
	if err != nil {
		t.Fatal(err)
	}
	type kept struct {
		handle string
		logits []float32
		origin xlaengine.Origin
	}
	var all []kept
	for _, m := range []*xlaengine.Memory{one, longer, joined} {
		k := kept{logits: first.next(t, m), origin: m.Origin()}
		if k.handle, err = first.store.Put(t.Context(), m, plugin.Made{Model: first.engine.Info().Digest}); err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	second := beginOn(t, device, tinyModel, dir)
	for i, k := range all {
		loan, err := second.store.Use(t.Context(), k.handle, plugin.Reader{Model: second.engine.Info().Digest, Foreign: true,
			Load: func(ctx context.Context, r io.Reader) (plugin.Memory, error) { return second.engine.LoadMemory(ctx, r) }})
		if err != nil {
			t.Fatal(err)
		}
		m := loan.Memory.(*xlaengine.Memory)
		if m.Origin() != k.origin || !slices.Equal(second.next(t, m), k.logits) {
			t.Errorf("memory %d: after a restart its logits or its origin are others", i)
		}
		if err := loan.Done(); err != nil {
			t.Error(err)
		}
	}
}

func TestHandlesSurviveARestartOnAModel(t *testing.T) {
	dir := t.TempDir()
	first := begin(t, tinyModel, dir)
	thought, _ := ask(t, first.llm.Latent(5), "Remember 7341.")
	longer, _ := ask(t, first.llm.Latent(2), thought+"And 9.")
	apart, _ := ask(t, first.llm.Latent(3), "Remember 5.")
	joined, _ := ask(t, first.llm.Latent(1), apart+longer+"What of all?")
	handles := []string{thought, longer, joined}
	var want []string
	for _, h := range handles {
		text, _ := ask(t, first.llm, h+"Which?")
		want = append(want, text)
	}
	if err := first.end(); err != nil {
		t.Fatal(err)
	}

	unsure := begin(t, tinyModel, dir)
	if _, err := unsure.llm.Call(t.Context(), thought); !llms.IsInvalidRequestError(err) || !strings.Contains(err.Error(), "WithForeignHandles") {
		t.Errorf("without WithForeignHandles: got %v", err)
	}
	if err := unsure.end(); err != nil {
		t.Fatal(err)
	}

	second := begin(t, tinyModel, dir, plugin.WithForeignHandles())
	for i, h := range handles {
		if text, _ := ask(t, second.llm, h+"Which?"); text != want[i] {
			t.Errorf("memory %d: says %q, before the restart %q", i, text, want[i])
		}
	}
	// What a memory holds is known after a restart too: the shorter one is not joined again.
	_, alone := ask(t, second.llm, longer+"Q")
	_, both := ask(t, second.llm, thought+longer+"Q")
	_, all := ask(t, second.llm, joined+thought+longer+apart+"Q")
	_, sum := ask(t, second.llm, joined+"Q")
	if alone.Usage.CachedTokens != both.Usage.CachedTokens || all.Usage.CachedTokens != sum.Usage.CachedTokens {
		t.Errorf("over %d and %d positions alone, %d and %d beside what they hold",
			alone.Usage.CachedTokens, sum.Usage.CachedTokens, both.Usage.CachedTokens, all.Usage.CachedTokens)
	}
	if err := second.end(); err != nil {
		t.Fatal(err)
	}

	other := begin(t, "../testdata/models/tiny-qwen2", dir, plugin.WithForeignHandles())
	if _, err := other.llm.Call(t.Context(), thought); !llms.IsInvalidRequestError(err) || !strings.Contains(err.Error(), "another model") {
		t.Errorf("another model: got %v", err)
	}
}

// A file in a store is a memory file for other programs too: its tensors are there under their names.
func TestKeptFilesHaveTheMemorysTensors(t *testing.T) {
	dir := t.TempDir()
	s := begin(t, tinyModel, dir)
	ask(t, s.llm.Latent(1), "x")
	names, err := filepath.Glob(filepath.Join(dir, "*.safetensors"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"layer.0.keys":{"dtype":"F32","shape":[2,32,`, `"layer.2.values":{"dtype":"F32"`, `"hmac":{"dtype":"U8","shape":[2,32]`, `"model":"` + s.engine.Info().Digest} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the header has no %s", want)
		}
	}
}
