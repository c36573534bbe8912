package xlaengine

// Parity with the reference: the golden files were made with PyTorch in float32 (see testdata/README.md). Where the
// reference's own float32 rounding has grown beyond the tolerance, as it does in long runs of the tiny random models,
// a value may differ by ten times what the reference differs from its own float64 evaluation (golden/uncertainty.json).

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/latentchain/latentchain/xlaengine/backend"
)

type golden struct {
	Cases []goldenCase
}

type goldenCase struct {
	Name         string
	Lambda       float64
	Realign      bool
	LatentSteps  int `json:"latent_steps"`
	DecodeTokens int `json:"decode_tokens"`
	Agents       []goldenAgent
	Alignment    struct {
		MeanNorm float64   `json:"mean_norm"`
		Fro      float64   `json:"wa_fro"`
		Trace    float64   `json:"wa_trace"`
		Head     []float64 `json:"wa_head"`
	}
}

type goldenAgent struct {
	Role         string
	IDs          []int
	MemoryBefore int `json:"memory_before"`
	MemoryAfter  int `json:"memory_after"`
	Hidden       []goldenVector
	Thoughts     []goldenVector
	KeyLayer0    goldenVector `json:"key_layer0"`
	ValueLast    goldenVector `json:"value_last_layer"`
	Top8         [][2]float64
	Tokens       []int
	Text         string
}

type goldenVector struct {
	Norm, Sum float64
	Head      []float64
}

// uncertain is how far a golden agent is from the same run in float64; nil stands for not at all.
type uncertain struct {
	Hidden, Thoughts []float64
	KeyLayer0        []float64 `json:"key_layer0"`
	ValueLast        []float64 `json:"value_last_layer"`
	Top8             float64
	SameTokens       int `json:"same_tokens"`
}

// readUncertainty returns the agents of each case of a golden file; none for files that are not chaotic.
func readUncertainty(t *testing.T, name string) map[string][]uncertain {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "golden", "uncertainty.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]struct {
		Name   string
		Agents []uncertain
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	cases := map[string][]uncertain{}
	for _, c := range all[name] {
		cases[c.Name] = c.Agents
	}
	return cases
}

func readGolden(t *testing.T, name string) golden {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "golden", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// near fails if v differs from want by more than tolerance relative to the vector's norm.
func near(t *testing.T, what string, v []float32, want goldenVector, tolerance float64) {
	t.Helper()
	var sum, square float64
	for _, x := range v {
		sum += float64(x)
		square += float64(x) * float64(x)
	}
	norm := math.Sqrt(square)
	if !(math.Abs(norm-want.Norm) <= tolerance*want.Norm) { // NaN is no smaller than anything
		t.Errorf("%s: norm %g, want %g", what, norm, want.Norm)
	}
	if !(math.Abs(sum-want.Sum) <= tolerance*want.Norm*math.Sqrt(float64(len(v)))) {
		t.Errorf("%s: sum %g, want %g", what, sum, want.Sum)
	}
	for i, w := range want.Head {
		if !(math.Abs(float64(v[i])-w) <= tolerance*want.Norm) {
			t.Errorf("%s: entry %d is %g, want %g", what, i, v[i], w)
			return
		}
	}
}

// parity compares one run of the engine with one golden case.
type parity struct {
	*testing.T
	e         *Engine
	c         goldenCase
	tolerance float64
}

// checkParity runs every case of a golden file on the engines that open gives and compares all it has.
func checkParity(t *testing.T, name string, tolerance float64, open func(t *testing.T, opts ...Option) *Engine) {
	uncertainty := readUncertainty(t, name)
	for _, c := range readGolden(t, name).Cases {
		t.Run(c.Name, func(t *testing.T) {
			opts := []Option{WithLambda(c.Lambda)}
			if !c.Realign {
				opts = append(opts, WithoutAlignment())
			}
			p := parity{T: t, e: open(t, opts...), c: c, tolerance: tolerance}
			p.alignment()
			m := p.e.NewMemory()
			for i, agent := range c.Agents {
				if m.Len() != agent.MemoryBefore {
					t.Errorf("%s: memory before has %d positions, want %d", agent.Role, m.Len(), agent.MemoryBefore)
				}
				u := uncertain{SameTokens: len(agent.Tokens)}
				if us := uncertainty[c.Name]; us != nil {
					u = us[i]
				}
				if i+1 < len(c.Agents) {
					m = p.thinking(m, agent, u)
				} else {
					m = p.answer(m, agent, u)
				}
				if m.Len() != agent.MemoryAfter {
					t.Errorf("%s: memory after has %d positions, want %d", agent.Role, m.Len(), agent.MemoryAfter)
				}
			}
			m.Close()
			if live := p.e.dev.live.Load(); live != p.e.atRest() {
				t.Errorf("%d buffers are still held, want %d", live, p.e.atRest())
			}
		})
	}
}

// atRest is how many buffers an engine holds when no memory is open: weights, and alignment if it was used.
func (e *Engine) atRest() int64 {
	n := int64(2)
	if !e.dec.Tied {
		n++
	}
	for _, layer := range e.params.layers {
		n += int64(len(layer))
	}
	if e.alignment != nil {
		n += 2
	}
	return n
}

func (p parity) alignment() {
	p.Helper()
	a, err := p.e.Alignment()
	if err != nil {
		p.Fatal(err)
	}
	want := p.c.Alignment
	near(p.T, "mean norm", []float32{float32(a.MeanNorm)}, goldenVector{Norm: want.MeanNorm, Sum: want.MeanNorm}, 1e-5)
	var square, trace float64
	for i, v := range a.Wa {
		square += float64(v) * float64(v)
		if i%(a.D+1) == 0 {
			trace += float64(v)
		}
	}
	if fro := math.Sqrt(square); !(math.Abs(fro-want.Fro) <= 1e-4*want.Fro) { // the reference sums squares in float32
		p.Errorf("norm of Wa is %g, want %g", fro, want.Fro)
	}
	if !(math.Abs(trace-want.Trace) <= 1e-4*want.Fro) {
		p.Errorf("trace of Wa is %g, want %g", trace, want.Trace)
	}
	for i, w := range want.Head {
		if !(math.Abs(float64(a.Wa[i])-w) <= 1e-5*want.Fro) {
			p.Errorf("Wa[0,%d] is %g, want %g", i, a.Wa[i], w)
		}
	}
}

// allowed is the tolerance for a value of which the reference itself is uncertain by so much.
func (p parity) allowed(uncertainty []float64, i int) float64 {
	if uncertainty == nil {
		return p.tolerance
	}
	return max(p.tolerance, 10*uncertainty[i])
}

func (p parity) thinking(m *Memory, agent goldenAgent, u uncertain) *Memory {
	p.Helper()
	ctx := context.Background()
	res, err := p.e.Think(ctx, ThinkRequest{Memory: m, Prompt: agent.IDs, Steps: p.c.LatentSteps, Trace: true})
	if err != nil {
		p.Fatal(err)
	}
	m.Close()
	if len(res.Hidden) != len(agent.Hidden) || len(res.Thoughts) != len(agent.Thoughts) {
		p.Fatalf("%s: %d hidden states and %d thoughts, want %d and %d", agent.Role, len(res.Hidden), len(res.Thoughts), len(agent.Hidden), len(agent.Thoughts))
	}
	for i, h := range agent.Hidden {
		near(p.T, fmt.Sprintf("%s hidden %d", agent.Role, i), res.Hidden[i], h, p.allowed(u.Hidden, i))
	}
	for i, h := range agent.Thoughts {
		near(p.T, fmt.Sprintf("%s thought %d", agent.Role, i), res.Thoughts[i], h, p.allowed(u.Thoughts, i))
	}
	last := res.Memory.Len() - 1
	key, _, err := res.Memory.KeyValue(ctx, 0, 0, last)
	if err != nil {
		p.Fatal(err)
	}
	near(p.T, agent.Role+" key", key, agent.KeyLayer0, p.allowed(u.KeyLayer0, 0))
	_, value, err := res.Memory.KeyValue(ctx, p.e.Config().Layers-1, 0, last)
	if err != nil {
		p.Fatal(err)
	}
	near(p.T, agent.Role+" value", value, agent.ValueLast, p.allowed(u.ValueLast, 0))
	return res.Memory
}

func (p parity) answer(m *Memory, agent goldenAgent, u uncertain) *Memory {
	p.Helper()
	res, err := p.e.Generate(context.Background(), GenerateRequest{Memory: m, Prompt: agent.IDs, MaxTokens: p.c.DecodeTokens, PastEnd: true, Logits: true})
	if err != nil {
		p.Fatal(err)
	}
	m.Close()
	if len(res.Tokens) != len(agent.Tokens) {
		p.Errorf("%s: %d tokens, want %d", agent.Role, len(res.Tokens), len(agent.Tokens))
	} else if n := u.SameTokens; !slices.Equal(res.Tokens[:n], agent.Tokens[:n]) {
		p.Errorf("%s: tokens %v, want %v", agent.Role, res.Tokens[:n], agent.Tokens[:n])
	}
	for _, top := range agent.Top8 {
		if got := float64(res.Logits[int(top[0])]); !(math.Abs(got-top[1]) <= p.allowed([]float64{u.Top8}, 0)*max(math.Abs(top[1]), 1)) {
			p.Errorf("%s: logit of token %g is %g, want %g", agent.Role, top[0], got, top[1])
		}
	}
	return res.Memory
}

func TestTinyModelsAgreeWithReference(t *testing.T) {
	for _, name := range []string{"tiny-llama3", "tiny-qwen2", "tiny-qwen3"} {
		t.Run(name, func(t *testing.T) {
			checkParity(t, name, 1e-4, func(t *testing.T, opts ...Option) *Engine { return openTiny(t, name, opts...) })
		})
	}
}

// testCache is the cache folder that the engines of these tests share, so that most programs are compiled once.
var testCache string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "latentchain")
	if err != nil {
		panic(err)
	}
	testCache = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// openTiny opens one of the tiny models in testdata with the cache folder of these tests, but the user's plugin.
func openTiny(t testing.TB, name string, opts ...Option) *Engine {
	t.Helper()
	opts = append([]Option{WithCacheDir(testCache), WithPlugin(userPlugin(t)), WithPrefixCache(0)}, opts...)
	e, err := Open(context.Background(), filepath.Join("..", "testdata", "models", name), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// userPlugin returns the plugin in the user's cache folder, which is fetched only once, for engines whose cache
// folder is another.
func userPlugin(t testing.TB) string {
	t.Helper()
	found, err := backend.Find(context.Background(), backend.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if found.Path == "" {
		return string(found.Kind)
	}
	return found.Path
}

// onXLA is for tests of what only XLA can do.
func onXLA(t testing.TB) Option {
	t.Helper()
	plugin := userPlugin(t)
	if plugin == string(backend.PureGo) {
		t.Skip("there is no XLA here, and the pure-Go backend has neither bfloat16 nor DynamicUpdateSlice")
	}
	return WithPlugin(plugin)
}
