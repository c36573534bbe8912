package xlaengine

// What an engine promises, on the tiny models: rows and chunks change nothing, a hand-off loses nothing, memories stay
// as they are, and whatever ends a run leaves nothing behind.

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/sample"
)

// tokens returns n token ids that differ by seed.
func tokens(n, seed int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = 5 + (i*i*7+i*13+seed*101)%500
	}
	return ids
}

func think(t *testing.T, e *Engine, req ThinkRequest) Thinking {
	t.Helper()
	req.Trace = true
	res, err := e.Think(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Memory.Close() })
	return res
}

func generate(t *testing.T, e *Engine, req GenerateRequest) Generation {
	t.Helper()
	req.Logits, req.PastEnd = true, true
	res, err := e.Generate(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Memory.Close() })
	return res
}

// same fails if a and b differ by more than tolerance relative to a's norm.
func same(t *testing.T, what string, a, b []float32, tolerance float64) {
	t.Helper()
	if len(a) != len(b) {
		t.Fatalf("%s: %d and %d entries", what, len(a), len(b))
	}
	var diff, norm float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		diff, norm = diff+d*d, norm+float64(a[i])*float64(a[i])
	}
	if !(math.Sqrt(diff) <= tolerance*math.Sqrt(norm)) {
		t.Errorf("%s: differ by %.2g of the norm, allowed %.2g", what, math.Sqrt(diff/norm), tolerance)
	}
}

func lastKey(t *testing.T, e *Engine, m *Memory, layer int) (key, value []float32) {
	t.Helper()
	key, value, err := m.KeyValue(context.Background(), layer, e.Config().KVHeads-1, m.Len()-1)
	if err != nil {
		t.Fatal(err)
	}
	return key, value
}

func TestHandoffEqualsOnePrompt(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	a, b := tokens(75, 1), tokens(31, 2)
	first := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: a})
	second := think(t, e, ThinkRequest{Memory: first.Memory, Prompt: b})
	whole := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: slices.Concat(a, b)})
	if second.Memory.Len() != whole.Memory.Len() {
		t.Errorf("%d positions after the hand-off, %d in one prompt", second.Memory.Len(), whole.Memory.Len())
	}
	same(t, "hidden", whole.Hidden[0], second.Hidden[0], e.tolerance(1e-5))
	for layer := range e.Config().Layers {
		k1, v1 := lastKey(t, e, whole.Memory, layer)
		k2, v2 := lastKey(t, e, second.Memory, layer)
		same(t, "key", k1, k2, e.tolerance(1e-5))
		same(t, "value", v1, v2, e.tolerance(1e-5))
	}
	handed := generate(t, e, GenerateRequest{Memory: first.Memory, Prompt: b, MaxTokens: 8})
	alone := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: slices.Concat(a, b), MaxTokens: 8})
	same(t, "logits", alone.Logits, handed.Logits, e.tolerance(1e-5))
	if !slices.Equal(alone.Tokens, handed.Tokens) {
		t.Errorf("tokens %v after the hand-off, %v in one prompt", handed.Tokens, alone.Tokens)
	}
}

func TestNoStepsStillHandOver(t *testing.T) {
	e := openTiny(t, "tiny-qwen2")
	res := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(10, 1), Steps: 0})
	if res.Memory.Len() != 10 || res.Usage.LatentSteps != 0 || res.Usage.MemoryBytes == 0 {
		t.Errorf("memory of %d positions, usage %+v", res.Memory.Len(), res.Usage)
	}
}

func TestChunksEqualOneShot(t *testing.T) {
	prompt := tokens(150, 3)
	whole := openTiny(t, "tiny-llama3")
	want := think(t, whole, ThinkRequest{Memory: whole.NewMemory(), Prompt: prompt, Steps: 3})
	for _, chunk := range []int{1, 16, 64} {
		e := openTiny(t, "tiny-llama3", WithChunk(chunk))
		got := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: prompt, Steps: 3})
		for i := range want.Hidden {
			same(t, "hidden", want.Hidden[i], got.Hidden[i], e.tolerance(1e-4))
		}
	}
}

// tolerance is that of a row's numbers in other company: none where kernels take every sum in the same order.
func (e *Engine) tolerance(otherwise float64) float64 {
	if strings.HasPrefix(e.info.Kernels, "avx") {
		return 0
	}
	return otherwise
}

func TestBatchRowEqualsAlone(t *testing.T) {
	e := openTiny(t, "tiny-llama3")
	shared := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(40, 9), Steps: 2}).Memory
	long := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(300, 8)}).Memory
	var thinks []ThinkRequest
	var answers []GenerateRequest
	for i, m := range []*Memory{e.NewMemory(), shared, shared, long, e.NewMemory()} {
		prompt := tokens([]int{3, 70, 1, 20, 100}[i], i)
		var op Operator = Linear{}
		if i == 2 {
			op = Soft{}
		}
		thinks = append(thinks, ThinkRequest{Memory: m, Prompt: prompt, Steps: []int{4, 2, 0, 4, 1}[i], Operator: op, Trace: true})
		answers = append(answers, GenerateRequest{Memory: m, Prompt: prompt, MaxTokens: []int{6, 1, 5, 3, 6}[i], PastEnd: true, Logits: true})
	}
	ctx := context.Background()
	together, err := e.ThinkBatch(ctx, thinks)
	if err != nil {
		t.Fatal(err)
	}
	for i, req := range thinks {
		alone := think(t, e, req)
		for k := range alone.Hidden {
			same(t, "hidden", alone.Hidden[k], together[i].Hidden[k], e.tolerance(1e-4))
		}
		if alone.Memory.Len() != together[i].Memory.Len() || alone.Usage != together[i].Usage {
			t.Errorf("row %d: %+v in the batch, %+v alone", i, together[i].Usage, alone.Usage)
		}
		together[i].Memory.Close()
	}
	spoken, err := e.GenerateBatch(ctx, answers)
	if err != nil {
		t.Fatal(err)
	}
	for i, req := range answers {
		alone := generate(t, e, req)
		if !slices.Equal(alone.Tokens, spoken[i].Tokens) || alone.Text != spoken[i].Text || alone.StopReason != spoken[i].StopReason {
			t.Errorf("row %d: %v in the batch, %v alone", i, spoken[i].Tokens, alone.Tokens)
		}
		same(t, "logits", alone.Logits, spoken[i].Logits, e.tolerance(1e-4))
		spoken[i].Memory.Close()
	}
}

func TestMoreRowsThanOneCallTakes(t *testing.T) {
	e := openTiny(t, "tiny-qwen2")
	reqs := make([]ThinkRequest, maxRows+3)
	for i := range reqs {
		reqs[i] = ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(2+i, i)}
	}
	all, err := e.ThinkBatch(context.Background(), reqs)
	if err != nil {
		t.Fatal(err)
	}
	for i, res := range all {
		if res.Memory.Len() != 2+i {
			t.Errorf("row %d has %d positions", i, res.Memory.Len())
		}
		res.Memory.Close()
	}
}

func TestMemoriesStayAsTheyAre(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	base := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(30, 1), Steps: 2}).Memory
	answer := func() []float32 {
		return generate(t, e, GenerateRequest{Memory: base, Prompt: tokens(5, 2), MaxTokens: 3}).Logits
	}
	before := answer()
	for seed := range 3 { // the first goes on in place, the others copy
		think(t, e, ThinkRequest{Memory: base, Prompt: tokens(20, seed), Steps: 3})
	}
	same(t, "logits after others went on", before, answer(), 0)
	half, err := base.Cut(12)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	fresh := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(30, 1)[:12]})
	a := generate(t, e, GenerateRequest{Memory: half, Prompt: tokens(4, 5), MaxTokens: 2})
	b := generate(t, e, GenerateRequest{Memory: fresh.Memory, Prompt: tokens(4, 5), MaxTokens: 2})
	same(t, "logits over a cut memory", b.Logits, a.Logits, e.tolerance(1e-5))
	same(t, "logits at the end", before, answer(), 0)
}

func TestOriginNamesWhatWasTakenIn(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	a := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), Steps: 2}).Memory
	b := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), Steps: 2}).Memory
	c := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(9, 2), Steps: 2}).Memory
	if a.Origin() != b.Origin() {
		t.Error("the same prompt and thoughts have different origins")
	}
	if a.Origin() == c.Origin() {
		t.Error("different prompts have the same origin")
	}
}

func TestJoinTurnsKeysToTheirPlace(t *testing.T) {
	e := openTiny(t, "tiny-llama3")
	a, b := tokens(20, 1), tokens(15, 2)
	one := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: a}).Memory
	two := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: b}).Memory
	joined, err := e.Join(context.Background(), one, e.NewMemory(), two)
	if err != nil {
		t.Fatal(err)
	}
	defer joined.Close()
	if joined.Len() != 35 || !joined.Origin().Joined {
		t.Errorf("joined memory has %d positions, origin %+v", joined.Len(), joined.Origin())
	}
	sequence := think(t, e, ThinkRequest{Memory: one, Prompt: b}).Memory
	k1, v1 := lastKey(t, e, sequence, 0) // the first layer's depend on token and position alone
	k2, v2 := lastKey(t, e, joined, 0)
	same(t, "key", k1, k2, 1e-5)
	same(t, "value", v1, v2, 1e-5)
}

func TestSamplingIsDeterminedBySeed(t *testing.T) {
	e := openTiny(t, "tiny-qwen2")
	run := func(seed uint64) []int {
		return generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(8, 1), MaxTokens: 20,
			Sampling: sample.Params{Temperature: 1, TopP: 0.95, Seed: seed}}).Tokens
	}
	if !slices.Equal(run(1), run(1)) {
		t.Error("the same seed gave different tokens")
	}
	if slices.Equal(run(1), run(2)) {
		t.Error("different seeds gave the same 20 tokens")
	}
}

func TestStreamIsTheText(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	var pieces strings.Builder
	res := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(8, 1), MaxTokens: 20,
		OnText: func(s string) error { pieces.WriteString(s); return nil }})
	if pieces.String() != res.Text || res.Text == "" {
		t.Errorf("streamed %q, text %q", pieces.String(), res.Text)
	}
	if res.StopReason != StopLength || res.Usage.CompletionTokens != 20 || res.FirstToken <= 0 {
		t.Errorf("stop %q, usage %+v, first token after %v", res.StopReason, res.Usage, res.FirstToken)
	}
	stop := res.Text[len(res.Text)/2:][:3]
	cut := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(8, 1), MaxTokens: 20, Stop: []string{stop, "never"}})
	if want, _, _ := strings.Cut(res.Text, stop); cut.Text != want || cut.StopReason != StopEnd {
		t.Errorf("text up to %q is %q (%s), want %q", stop, cut.Text, cut.StopReason, want)
	}
}

func TestEndingARunLeavesNothing(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	base := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(30, 1), Steps: 1}).Memory
	want := generate(t, e, GenerateRequest{Memory: base, Prompt: tokens(3, 1), MaxTokens: 4})
	held := e.dev.live.Load()
	refused := errors.New("no more")
	for _, c := range []struct {
		name string
		run  func(ctx context.Context, cancel func()) error
		want error
	}{
		{"cancelled before", func(ctx context.Context, cancel func()) error {
			cancel()
			_, err := e.Think(ctx, ThinkRequest{Memory: base, Prompt: tokens(3, 1)})
			return err
		}, context.Canceled},
		{"cancelled while thinking", func(ctx context.Context, cancel func()) error {
			time.AfterFunc(30*time.Millisecond, cancel)
			_, err := e.Think(ctx, ThinkRequest{Memory: base, Prompt: tokens(3, 1), Steps: 1900})
			return err
		}, context.Canceled},
		{"cancelled while answering", func(ctx context.Context, cancel func()) error {
			_, err := e.Generate(ctx, GenerateRequest{Memory: base, Prompt: tokens(3, 1), MaxTokens: 1900, PastEnd: true,
				OnText: func(string) error { cancel(); return nil }})
			return err
		}, context.Canceled},
		{"refused by the listener", func(ctx context.Context, cancel func()) error {
			_, err := e.Generate(ctx, GenerateRequest{Memory: base, Prompt: tokens(3, 1), PastEnd: true,
				OnText: func(string) error { return refused }})
			return err
		}, refused},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		err := c.run(ctx, cancel)
		cancel()
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
		}
		if live := e.dev.live.Load(); live != held {
			t.Errorf("%s: %d buffers are held, before %d", c.name, live, held)
		}
	}
	again := generate(t, e, GenerateRequest{Memory: base, Prompt: tokens(3, 1), MaxTokens: 4})
	same(t, "logits after ended runs", want.Logits, again.Logits, 0)
}

func TestAnswersEndWithTheContext(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	res := generate(t, e, GenerateRequest{Memory: e.NewMemory(), Prompt: tokens(2040, 1), MaxTokens: 100})
	if res.StopReason != StopLength || len(res.Tokens) != 9 { // the ninth needs no position of its own
		t.Errorf("%d tokens, stop %q", len(res.Tokens), res.StopReason)
	}
}

func TestPromptIsTheModelsOwn(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	text, ids, err := e.Prompt(chat.Input{Messages: []chat.Message{{Role: "user", Content: "Hi"}}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "Hi") || e.Tokenizer().Decode(ids) != text {
		t.Errorf("prompt %q, of its tokens %q", text, e.Tokenizer().Decode(ids))
	}
}

func TestClosingTheEngineFreesOpenMemories(t *testing.T) {
	e := openTiny(t, "tiny-qwen2")
	m := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1)}).Memory
	more, err := m.Share()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if live := e.dev.live.Load(); live != 0 {
		t.Errorf("%d buffers are held after Close", live)
	}
	m.Close()
	more.Close()
	if _, _, err := m.KeyValue(context.Background(), 0, 0, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("reading a closed memory gave %v", err)
	}
}

func TestManyCallersShareAnEngine(t *testing.T) {
	e := openTiny(t, "tiny-qwen2")
	base := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1)}).Memory
	want := generate(t, e, GenerateRequest{Memory: base, Prompt: tokens(4, 1), MaxTokens: 5}).Tokens
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			mine, err := base.Share()
			if err != nil {
				t.Error(err)
				return
			}
			res, err := e.Think(context.Background(), ThinkRequest{Memory: mine, Prompt: tokens(2+i, i), Steps: i % 3})
			if err != nil {
				t.Error(err)
				return
			}
			mine.Close()
			res.Memory.Close()
			out, err := e.Generate(context.Background(), GenerateRequest{Memory: base, Prompt: tokens(4, 1), MaxTokens: 5, PastEnd: true})
			if err != nil {
				t.Error(err)
				return
			}
			out.Memory.Close()
			if !slices.Equal(out.Tokens, want) {
				t.Errorf("caller %d got %v, alone %v", i, out.Tokens, want)
			}
		})
	}
	group.Wait()
}

// Temperatures are many: a program each would be compiled while all others wait, and kept.
func TestSoftThoughtsShareAProgram(t *testing.T) {
	e := openTiny(t, "tiny-qwen3")
	var last []float32
	programs := 0
	for i, temperature := range []float64{0.5, 0.7, 2} {
		res := think(t, e, ThinkRequest{Memory: e.NewMemory(), Prompt: tokens(9, 1), Steps: 1, Operator: Soft{Temperature: temperature}})
		if slices.Equal(res.Thoughts[0], last) {
			t.Errorf("temperature %g gives the thoughts of the one before", temperature)
		}
		last = res.Thoughts[0]
		e.dev.mu.Lock()
		n := len(e.dev.programs)
		e.dev.mu.Unlock()
		if i > 0 && n != programs {
			t.Errorf("%d programs, %d with one temperature", n, programs)
		}
		programs = n
	}
}
