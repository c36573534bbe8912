package plugin_test

// What a model does with messages, handles and options, on a scripted engine that keeps what it reads as text.

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/callbacks"
	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/sample"
)

// on returns a model on e and sees to it that nothing is left when it is closed.
func on(t *testing.T, e *scripted.Engine, opts ...plugin.Option) *plugin.LLM {
	t.Helper()
	llm, err := plugin.New(append([]plugin.Option{plugin.WithGenerator(e)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := llm.Close(); err != nil {
			t.Error(err)
		}
		if n := e.Open(); n != 0 {
			t.Errorf("%d memories left after Close", n)
		}
	})
	return llm
}

// echo says all it has seen.
func echo() *scripted.Engine {
	return &scripted.Engine{Answer: func(seen string) string { return seen }}
}

func call(t *testing.T, llm *plugin.LLM, prompt string) string {
	t.Helper()
	answer, err := llm.Call(t.Context(), prompt)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestMemoryComesBeforeThePrompt(t *testing.T) {
	llm := on(t, echo())
	a, b := call(t, llm.Latent(2), "A"), call(t, llm.Latent(0), "B")
	const seenA, seenB = "user: A\n··", "user: B\n"
	human := func(text string) llms.MessageContent { return llms.TextParts(llms.ChatMessageTypeHuman, text) }
	for _, test := range []struct {
		claim    string
		messages []llms.MessageContent
		want     string
	}{
		{"at the beginning", []llms.MessageContent{human(a + "\nQ")}, seenA + "user: Q\n"},
		{"at the end", []llms.MessageContent{human("Q " + a)}, seenA + "user: Q \n"},
		{"in the system's message", []llms.MessageContent{llms.TextParts(llms.ChatMessageTypeSystem, "S"+a), human("Q")}, seenA + "system: S\nuser: Q\n"},
		{"an answer of its own goes whole", []llms.MessageContent{human("P"), llms.TextParts(llms.ChatMessageTypeAI, a), human("Q")}, seenA + "user: P\nuser: Q\n"},
		{"nothing but a handle", []llms.MessageContent{human(a)}, seenA + "user: \n"},
		{"in upper case", []llms.MessageContent{human(strings.ToUpper(a) + "Q")}, seenA + "user: Q\n"},
		{"several, in order", []llms.MessageContent{human(b + "\n" + a + "\nQ")}, seenB + seenA + "user: Q\n"},
		{"the same one twice counts once", []llms.MessageContent{human(a + "Q" + a)}, seenA + "user: Q\n"},
	} {
		response, err := llm.GenerateContent(t.Context(), test.messages)
		if err != nil {
			t.Errorf("%s: %v", test.claim, err)
		} else if got := response.Choices[0].Content; got != test.want {
			t.Errorf("%s: saw %q, want %q", test.claim, got, test.want)
		}
	}
	if longer := call(t, llm.Latent(1), a+"C"); call(t, llm, longer) != seenA+"user: C\n·user: \n" {
		t.Error("a handle made over a memory doesn't hold both")
	}
	if got := call(t, llm, a); got != seenA+"user: \n" {
		t.Errorf("a memory that others went on from changed: %q", got)
	}
}

func TestRoles(t *testing.T) {
	llm := on(t, echo())
	var messages []llms.MessageContent
	for _, role := range []llms.ChatMessageType{"system", "human", "user", "generic", "ai", "assistant"} {
		messages = append(messages, llms.TextParts(role, "x", "y"))
	}
	response, err := llm.GenerateContent(t.Context(), messages)
	want := "system: x\ny\n" + strings.Repeat("user: x\ny\n", 3) + strings.Repeat("assistant: x\ny\n", 2)
	if err != nil || response.Choices[0].Content != want {
		t.Errorf("got %+v, %v", response, err)
	}
}

// recorder keeps the last request.
type recorder struct {
	*scripted.Engine
	prompt chat.Input
	reqs   []xlaengine.GenerateRequest
	think  xlaengine.ThinkRequest
}

func (r *recorder) Prompt(in chat.Input) (string, []int, error) {
	r.prompt = in
	return r.Engine.Prompt(in)
}

func (r *recorder) Generate(ctx context.Context, over plugin.Memory, reqs []xlaengine.GenerateRequest) ([]xlaengine.Generation, error) {
	r.reqs = reqs
	return r.Engine.Generate(ctx, over, reqs)
}

func (r *recorder) Think(ctx context.Context, over plugin.Memory, req xlaengine.ThinkRequest) (plugin.Memory, xlaengine.Thinking, error) {
	r.think = req
	return r.Engine.Think(ctx, over, req)
}

func TestOptionsReachTheEngine(t *testing.T) {
	e := &recorder{Engine: &scripted.Engine{Name: "toy"}}
	llm, err := plugin.New(plugin.WithGenerator(e), plugin.WithMaxTokens(77))
	if err != nil {
		t.Fatal(err)
	}
	defer llm.Close()
	if _, err := llm.Call(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if got := e.reqs[0]; got.MaxTokens != 77 || got.Sampling.Temperature != 0 || got.OnText != nil {
		t.Errorf("without options: %+v", got)
	}
	_, err = llm.Call(t.Context(), "x", llms.WithModel("toy"), llms.WithMaxTokens(5), llms.WithTemperature(0.7), llms.WithTopK(3), llms.WithTopP(0.9),
		llms.WithSeed(11), llms.WithRepetitionPenalty(1.2), llms.WithFrequencyPenalty(0.3), llms.WithPresencePenalty(0.4),
		llms.WithStopWords([]string{"", "stop"}), llms.WithCandidateCount(2), llms.WithStreamingFunc(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := sample.Params{Temperature: 0.7, TopK: 3, TopP: 0.9, Seed: 11, RepetitionPenalty: 1.2, FrequencyPenalty: 0.3, PresencePenalty: 0.4}
	if got := e.reqs[0]; got.MaxTokens != 5 || got.Sampling != want || !reflect.DeepEqual(got.Stop, []string{"stop"}) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want.Seed = 12
	if len(e.reqs) != 2 || e.reqs[1].Sampling != want {
		t.Errorf("second answer: %+v", e.reqs[1:])
	}
	var seeds [2]uint64
	for i := range seeds {
		if _, err := llm.Call(t.Context(), "x", llms.WithTemperature(1)); err != nil {
			t.Fatal(err)
		}
		seeds[i] = e.reqs[0].Sampling.Seed
	}
	if seeds[0] == seeds[1] {
		t.Error("two calls without a seed draw the same numbers")
	}
	call(t, llm.Latent(3, plugin.WithThoughts(xlaengine.Soft{K: 4})), "x")
	if e.think.Steps != 3 || e.think.Operator != (xlaengine.Soft{K: 4}) {
		t.Errorf("thinks with %+v", e.think)
	}
}

func TestUsageIsInGenerationInfo(t *testing.T) {
	llm := on(t, &scripted.Engine{})
	ask := func(llm *plugin.LLM, text string) *llms.ContentChoice {
		response, err := llm.GenerateContent(t.Context(), []llms.MessageContent{llms.TextParts("human", text)})
		if err != nil {
			t.Fatal(err)
		}
		return response.Choices[0]
	}
	latent := ask(llm.Latent(3), "abc") // "user: abc\n" is 10 characters
	text := ask(llm, latent.Content+"\nq")
	for _, test := range []struct {
		claim  string
		choice *llms.ContentChoice
		want   map[string]int
		tokens int
	}{
		{"latent", latent, map[string]int{"PromptTokens": 10, "CachedTokens": 0, "LatentSteps": 3, "CompletionTokens": 0, "TotalTokens": 13, "MemoryBytes": 13 * scripted.PositionBytes}, 13},
		{"text", text, map[string]int{"PromptTokens": 8, "CachedTokens": 13, "PromptCachedTokens": 0, "LatentSteps": 0, "CompletionTokens": 2, "TotalTokens": 10, "MemoryBytes": 0}, 0},
	} {
		for key, want := range test.want {
			if got, ok := test.choice.GenerationInfo[key].(int); !ok || got != want {
				t.Errorf("%s: %s is %v, want the int %d", test.claim, key, test.choice.GenerationInfo[key], want)
			}
		}
		report, ok := plugin.ReportOf(test.choice)
		if !ok || report.MemoryTokens != test.tokens || report.Usage.TotalTokens() != test.want["TotalTokens"] {
			t.Errorf("%s: report %+v, %v", test.claim, report, ok)
		}
		if test.choice.StopReason != xlaengine.StopEnd {
			t.Errorf("%s: stop reason %q", test.claim, test.choice.StopReason)
		}
	}
	if _, ok := plugin.ReportOf(nil); ok {
		t.Error("a report of nothing")
	}
}

func TestStreaming(t *testing.T) {
	llm := on(t, &scripted.Engine{Answer: func(string) string { return "añb" }})
	var got []string
	collect := llms.WithStreamingFunc(func(_ context.Context, chunk []byte) error { got = append(got, string(chunk)); return nil })
	if answer, err := llm.Call(t.Context(), "x", collect, llms.WithN(2)); err != nil || answer != "añb" || strings.Join(got, "|") != "a|ñ|b" {
		t.Errorf("answer %q in %q, %v", answer, got, err)
	}
	got = nil
	if _, err := llm.Latent(1).Call(t.Context(), "x", collect); err != nil || got != nil {
		t.Errorf("a latent model streams %q, %v", got, err)
	}
	enough := errors.New("enough")
	chunks := 0
	_, err := llm.Call(t.Context(), call(t, llm.Latent(1), "x"), llms.WithStreamingFunc(func(context.Context, []byte) error { chunks++; return enough }))
	if !errors.Is(err, enough) || chunks != 1 {
		t.Errorf("after the callback's error: %d chunks, %v", chunks, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = llm.Call(ctx, call(t, llm.Latent(1), "x"), llms.WithStreamingFunc(func(context.Context, []byte) error { cancel(); return nil }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while streaming: %v", err)
	}
}

func TestObservationForcesText(t *testing.T) {
	llm := on(t, &scripted.Engine{Answer: func(string) string { return "Action: add\nObservation: 4" }})
	answer, err := llm.Latent(4).Call(t.Context(), "x", llms.WithStopWords([]string{"\nObservation:"}))
	if err != nil || answer != "Action: add" {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestNothingStaysWhenAPartFails(t *testing.T) {
	boom := errors.New("boom")
	for _, fails := range []string{"prompt", "join", "think", "generate"} {
		broken := ""
		e := &scripted.Engine{Fail: func(doing string) error {
			if doing == broken {
				return boom
			}
			return nil
		}}
		llm := on(t, e)
		prompt := call(t, llm.Latent(1), "a") + call(t, llm.Latent(1), "b")
		broken = fails
		model := llm
		if fails == "think" {
			model = llm.Latent(1)
		}
		if _, err := model.Call(t.Context(), prompt); !errors.Is(err, boom) {
			t.Errorf("%s: got %v", fails, err)
		}
		if e.Open() != 2 {
			t.Errorf("%s: %d memories open, want the 2 that have handles", fails, e.Open())
		}
	}
}

// watcher counts what a callback handler is told.
type watcher struct {
	callbacks.SimpleHandler
	start, end, errs int
	err              error
}

func (w *watcher) HandleLLMGenerateContentStart(context.Context, []llms.MessageContent) { w.start++ }
func (w *watcher) HandleLLMGenerateContentEnd(_ context.Context, r *llms.ContentResponse) {
	w.end += r.Choices[0].GenerationInfo["TotalTokens"].(int)
}
func (w *watcher) HandleLLMError(_ context.Context, err error) { w.errs, w.err = w.errs+1, err }

func TestCallbacksHearOfEveryCall(t *testing.T) {
	w := &watcher{}
	llm := on(t, &scripted.Engine{}, plugin.WithCallbacks(w))
	call(t, llm, "x")
	call(t, llm.Latent(2), "x")
	call(t, llm.Latent(2).Text(), "x")
	if w.start != 3 || w.end != 10+10+10 || w.err != nil { // "user: x\n" and either "ok" or two steps
		t.Errorf("%d starts, %d tokens, error %v", w.start, w.end, w.err)
	}
	_, err := llm.Call(t.Context(), "⟦latent:x⟧")
	if w.start != 4 || w.end != 30 || w.errs != 1 || w.err == nil || w.err != err {
		t.Errorf("after an error: %d starts, %d tokens, %d errors, the last %v", w.start, w.end, w.errs, w.err)
	}
	enough := errors.New("enough")
	_, err = llm.Call(t.Context(), "x", llms.WithStreamingFunc(func(context.Context, []byte) error { return enough }))
	if w.start != 5 || w.end != 30 || w.errs != 2 || !errors.Is(w.err, enough) || w.err != err {
		t.Errorf("after an error while streaming: %d starts, %d tokens, %d errors, the last %v", w.start, w.end, w.errs, w.err)
	}
}

func TestNewRefuses(t *testing.T) {
	store, err := plugin.NewStore(1)
	if err != nil {
		t.Fatal(err)
	}
	with := plugin.WithGenerator(&scripted.Engine{})
	for claim, opts := range map[string][]plugin.Option{
		"no engine":            {plugin.WithEngine(nil)},
		"no generator":         {plugin.WithGenerator(nil)},
		"engine and model":     {with, plugin.WithModel("x")},
		"engine and options":   {with, plugin.WithEngineOptions(xlaengine.Offline())},
		"no budget":            {with, plugin.WithMemoryBudget(0)},
		"store and budget":     {with, plugin.WithStore(store), plugin.WithMemoryBudget(5)},
		"no tokens":            {with, plugin.WithMaxTokens(0)},
		"a model that is not":  {plugin.WithModel(t.TempDir()), plugin.WithEngineOptions(xlaengine.Offline(), xlaengine.WithCacheDir(t.TempDir()))},
		"an option that fails": {nil, plugin.WithEngine(nil)},
	} {
		if llm, err := plugin.New(opts...); err == nil || llm != nil || !strings.HasPrefix(err.Error(), "latentchain: ") {
			t.Errorf("%s: got %v, %v", claim, llm, err)
		}
	}
}
