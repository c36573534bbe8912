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
	e, err := xlaengine.Open(t.Context(), model, tinyOptions(t)...)
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

// logits returns the numbers after each next token over the memory behind handle, read from disk if it is not there.
func (s session) logits(t *testing.T, handle string, load func(context.Context, io.Reader) (plugin.Memory, error)) ([]float32, xlaengine.Origin) {
	t.Helper()
	loan, err := s.store.Use(t.Context(), handle, plugin.Reader{Model: s.engine.Info().Digest, Foreign: true, Load: load})
	if err != nil {
		t.Fatal(err)
	}
	defer loan.Done()
	m := loan.Memory.(*xlaengine.Memory)
	out, err := s.engine.Generate(t.Context(), xlaengine.GenerateRequest{Memory: m, Prompt: []int{11, 12, 13}, MaxTokens: 4, PastEnd: true, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Memory.Close()
	return out.Logits, m.Origin()
}

func TestAReloadedMemoryGivesTheSameLogits(t *testing.T) {
	dir := t.TempDir()
	first := begin(t, tinyModel, dir)
	thought, _ := ask(t, first.llm.Latent(5), "Remember 7341.")
	longer, _ := ask(t, first.llm.Latent(2), thought+"And 9.")
	joined, _ := ask(t, first.llm.Latent(1), thought+longer+"What of both?")
	apart, _ := ask(t, first.llm.Latent(3), "Remember 5.")
	joined2, before := ask(t, first.llm.Latent(1), apart+longer+"What of all?")
	handles := []string{thought, longer, joined, joined2}
	type numbers struct {
		logits []float32
		origin xlaengine.Origin
		text   string
	}
	var want []numbers
	for _, h := range handles {
		n := numbers{}
		n.logits, n.origin = first.logits(t, h, nil) // nil: it is on the device
		n.text, _ = ask(t, first.llm, h+"Which?")
		want = append(want, n)
	}
	if before.MemoryTokens == 0 || !want[3].origin.Joined || want[2].origin.Joined {
		t.Errorf("joined: %+v, %+v; want only the memories made apart", want[2].origin, want[3].origin)
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
		text, _ := ask(t, second.llm, h+"Which?") // reads the file
		got, origin := second.logits(t, h, nil)
		if origin != want[i].origin || text != want[i].text || len(got) == 0 {
			t.Errorf("memory %d: %+v says %q, before %+v said %q", i, origin, text, want[i].origin, want[i].text)
		}
		if !slices.Equal(got, want[i].logits) {
			t.Errorf("memory %d: its logits are not those from before the restart", i)
		}
	}
	// What a memory holds is known after a restart too: the shorter one is not joined again.
	_, alone := ask(t, second.llm, longer+"Q")
	_, both := ask(t, second.llm, thought+longer+"Q")
	if alone.Usage.CachedTokens != both.Usage.CachedTokens {
		t.Errorf("over %d positions alone, %d beside what it holds", alone.Usage.CachedTokens, both.Usage.CachedTokens)
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
