package xlaengine

// Parity with the reference: the golden files were made with PyTorch in float32 (see testdata/README.md).

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/latentchain/latentchain/align"
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
	if math.Abs(norm-want.Norm) > tolerance*want.Norm {
		t.Errorf("%s: norm %g, want %g", what, norm, want.Norm)
	}
	if math.Abs(sum-want.Sum) > tolerance*want.Norm*math.Sqrt(float64(len(v))) {
		t.Errorf("%s: sum %g, want %g", what, sum, want.Sum)
	}
	for i, w := range want.Head {
		if math.Abs(float64(v[i])-w) > tolerance*want.Norm {
			t.Errorf("%s: entry %d is %g, want %g", what, i, v[i], w)
			return
		}
	}
}

// checkParity runs every case of a golden file on the engines that open gives and compares all it has.
func checkParity(t *testing.T, name string, tolerance float64, open func(t *testing.T, opts ...Option) *Engine) {
	for _, c := range readGolden(t, name).Cases {
		t.Run(c.Name, func(t *testing.T) {
			opts := []Option{WithLambda(c.Lambda)}
			if !c.Realign {
				opts = append(opts, WithoutAlignment())
			}
			e := open(t, opts...)
			a, err := e.Alignment()
			if err != nil {
				t.Fatal(err)
			}
			checkAlignment(t, a, c)
			m := e.NewMemory()
			for i, agent := range c.Agents {
				if m.Len() != agent.MemoryBefore {
					t.Errorf("%s: memory before has %d positions, want %d", agent.Role, m.Len(), agent.MemoryBefore)
				}
				if i+1 < len(c.Agents) {
					m = checkThinking(t, e, m, c, agent, tolerance)
				} else {
					m = checkAnswer(t, e, m, c, agent, tolerance)
				}
				if m.Len() != agent.MemoryAfter {
					t.Errorf("%s: memory after has %d positions, want %d", agent.Role, m.Len(), agent.MemoryAfter)
				}
			}
			m.Close()
		})
	}
}

func checkAlignment(t *testing.T, a *align.Alignment, c goldenCase) {
	t.Helper()
	near(t, "mean norm", []float32{float32(a.MeanNorm)}, goldenVector{Norm: c.Alignment.MeanNorm, Sum: c.Alignment.MeanNorm}, 1e-5)
}

func checkThinking(t *testing.T, e *Engine, m *Memory, c goldenCase, agent goldenAgent, tolerance float64) *Memory {
	t.Helper()
	ctx := context.Background()
	res, err := e.Think(ctx, ThinkRequest{Memory: m, Prompt: agent.IDs, Steps: c.LatentSteps, Trace: true})
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	if len(res.Hidden) != len(agent.Hidden) || len(res.Thoughts) != len(agent.Thoughts) {
		t.Fatalf("%s: %d hidden states and %d thoughts, want %d and %d", agent.Role, len(res.Hidden), len(res.Thoughts), len(agent.Hidden), len(agent.Thoughts))
	}
	for i, h := range agent.Hidden {
		near(t, agent.Role+" hidden", res.Hidden[i], h, tolerance)
	}
	for i, h := range agent.Thoughts {
		near(t, agent.Role+" thought", res.Thoughts[i], h, tolerance)
	}
	last := res.Memory.Len() - 1
	key, _, err := res.Memory.KeyValue(ctx, 0, 0, last)
	if err != nil {
		t.Fatal(err)
	}
	near(t, agent.Role+" key", key, agent.KeyLayer0, tolerance)
	_, value, err := res.Memory.KeyValue(ctx, e.Config().Layers-1, 0, last)
	if err != nil {
		t.Fatal(err)
	}
	near(t, agent.Role+" value", value, agent.ValueLast, tolerance)
	return res.Memory
}

func checkAnswer(t *testing.T, e *Engine, m *Memory, c goldenCase, agent goldenAgent, tolerance float64) *Memory {
	t.Helper()
	res, err := e.Generate(context.Background(), GenerateRequest{Memory: m, Prompt: agent.IDs, MaxTokens: c.DecodeTokens, PastEnd: true, Logits: true})
	if err != nil {
		t.Fatal(err)
	}
	m.Close()
	if !slices.Equal(res.Tokens, agent.Tokens) {
		t.Errorf("%s: tokens %v, want %v", agent.Role, res.Tokens, agent.Tokens)
	}
	for _, top := range agent.Top8 {
		if got := float64(res.Logits[int(top[0])]); math.Abs(got-top[1]) > tolerance*max(math.Abs(top[1]), 1) {
			t.Errorf("%s: logit of token %g is %g, want %g", agent.Role, top[0], got, top[1])
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

// openTiny opens one of the tiny models in testdata with a cache folder of the test's own.
func openTiny(t testing.TB, name string, opts ...Option) *Engine {
	t.Helper()
	opts = append([]Option{WithCacheDir(t.TempDir())}, opts...)
	e, err := Open(context.Background(), filepath.Join("..", "testdata", "models", name), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}
