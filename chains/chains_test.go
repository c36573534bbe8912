package chains_test

// What a team does, on a scripted engine that keeps what it reads as text.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	lcchains "github.com/tmc/langchaingo/chains"
	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/chains"
	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
	"github.com/latentchain/latentchain/xlaengine"
)

func on(t *testing.T, e *scripted.Engine) *plugin.LLM {
	t.Helper()
	llm, err := plugin.New(plugin.WithGenerator(e))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := e.Open(); n != 0 {
			t.Errorf("%d memories left after the runs", n)
		}
		if err := llm.Close(); err != nil {
			t.Error(err)
		}
	})
	return llm
}

func team(t *testing.T, llm *plugin.LLM, roles []chains.Role, opts ...chains.Option) *chains.Sequential {
	t.Helper()
	s, err := chains.NewSequential(llm, roles, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func shortRoles() []chains.Role {
	three := 3
	return []chains.Role{
		{Name: "a", System: "A.", Task: "{{.question}}"},
		{Name: "b", Task: "{{if .latent}}held {{end}}{{if .notes}}<{{.notes}}> {{end}}{{.question}}", Steps: &three},
		{Name: "c", Task: "{{if .latent}}held {{end}}{{if .notes}}<{{.notes}}> {{end}}{{.question}}"},
	}
}

func TestWhatTheLastAgentSees(t *testing.T) {
	for _, test := range []struct {
		claim string
		opts  []chains.Option
		want  string
	}{
		{"latent: all prompts and thoughts, in order", []chains.Option{chains.WithSteps(2)},
			"system: A.\nuser: Q?\n··user: held Q?\n···user: held Q?\n"},
		{"no steps: the prompts are handed over all the same", []chains.Option{chains.WithSteps(0)},
			"system: A.\nuser: Q?\nuser: held Q?\n···user: held Q?\n"},
		{"text: what the others wrote, and no memory", []chains.Option{chains.WithMode(chains.Text)},
			"user: <[a]\nfrom 1\n\n[b]\nfrom 2> Q?\n"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			var seen []string
			e := &scripted.Engine{Answer: func(s string) string {
				seen = append(seen, s)
				return " from " + string(rune('0'+len(seen))) + " "
			}}
			result, err := team(t, on(t, e), shortRoles(), test.opts...).Run(t.Context(), " Q?\n")
			if err != nil {
				t.Fatal(err)
			}
			if last := seen[len(seen)-1]; last != test.want {
				t.Errorf("saw %q, want %q", last, test.want)
			}
			if result.Answer != strings.TrimSpace(result.Agents[2].Text) || !strings.HasPrefix(result.Answer, "from ") {
				t.Errorf("answer %q of text %q", result.Answer, result.Agents[2].Text)
			}
		})
	}
}

func TestDefaultRolesFitWhatTheyWereHanded(t *testing.T) {
	for _, mode := range []chains.Mode{chains.Latent, chains.Text} {
		var seen []string
		e := &scripted.Engine{Answer: func(s string) string { seen = append(seen, s); return "so it is" }}
		if _, err := team(t, on(t, e), chains.DefaultRoles(), chains.WithMode(mode)).Run(t.Context(), "Why?"); err != nil {
			t.Fatal(err)
		}
		last := seen[len(seen)-1]
		if memory, notes := strings.Contains(last, "the plan you were handed"), strings.Contains(last, "[critic]\nso it is"); memory != (mode == chains.Latent) || notes != (mode == chains.Text) {
			t.Errorf("%s: the solver saw %q", mode, last)
		}
		if n := strings.Count(last, "Question: Why?"); mode == chains.Latent && n != 4 || mode == chains.Text && n != 1 {
			t.Errorf("%s: the question is there %d times", mode, n)
		}
	}
	single, err := chains.NewSingle(on(t, &scripted.Engine{Answer: func(s string) string { return s }}))
	if err != nil {
		t.Fatal(err)
	}
	result, err := single.Run(t.Context(), "Why?")
	if err != nil || len(result.Agents) != 1 || result.Answer != "system: You are a solver.\nuser: Answer this question. Work through it step by step and end with the final answer.\n\nQuestion: Why?" {
		t.Errorf("one agent alone: %+v, %v", result, err)
	}
}

func TestProgressTellsEachAgent(t *testing.T) {
	for mode, want := range map[chains.Mode]string{
		chains.Latent: "a start, a step 1, a step 2, a done, b start, b step 1, b step 2, b step 3, b done, c start, c token o, c token k, c done",
		chains.Text:   "a start, a token o, a token k, a done, b start, b token o, b token k, b done, c start, c token o, c token k, c done",
	} {
		var got, streamed []string
		s := team(t, on(t, &scripted.Engine{}), shortRoles(), chains.WithMode(mode), chains.WithSteps(2), chains.WithProgress(func(e chains.Event) {
			what := e.Text
			if e.Phase == chains.PhaseStep {
				what = fmt.Sprint(e.Step)
			}
			got = append(got, strings.TrimSpace(e.Role+" "+string(e.Phase)+" "+what))
			if e.Phase == chains.PhaseDone && e.Report.Usage.PromptTokens == 0 {
				t.Errorf("%s is done without a report", e.Role)
			}
		}))
		_, err := s.Run(t.Context(), "Q?", llms.WithStreamingFunc(func(_ context.Context, chunk []byte) error {
			streamed = append(streamed, string(chunk))
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(got, ", "); all != want {
			t.Errorf("%s: got %s, want %s", mode, all, want)
		}
		if !slices.Equal(streamed, []string{"o", "k"}) {
			t.Errorf("%s: streamed %q, want the last agent's words only", mode, streamed)
		}
	}
}

func TestMemoriesGoWhateverHappens(t *testing.T) {
	boom := errors.New("boom")
	for _, test := range []struct {
		claim string
		fail  func(doing string, cancel context.CancelFunc) error
		want  error
	}{
		{"second agent fails", failAt("think", 2, boom), boom},
		{"last agent fails", failAt("generate", 1, boom), boom},
		{"first prompt fails", failAt("prompt", 1, boom), boom},
		{"cancelled in the first agent", cancelAt("think", 1), context.Canceled},
		{"cancelled in the second agent", cancelAt("think", 2), context.Canceled},
		{"cancelled in the last agent", cancelAt("generate", 1), context.Canceled},
	} {
		t.Run(test.claim, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e := &scripted.Engine{Fail: func(doing string) error { return test.fail(doing, cancel) }}
			_, err := team(t, on(t, e), shortRoles()).Run(ctx, "Q?")
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func failAt(what string, nth int, err error) func(string, context.CancelFunc) error {
	return func(doing string, _ context.CancelFunc) error {
		if doing == what {
			nth--
			if nth == 0 {
				return err
			}
		}
		return nil
	}
}

func cancelAt(what string, nth int) func(string, context.CancelFunc) error {
	return func(doing string, cancel context.CancelFunc) error {
		if doing == what {
			nth--
			if nth == 0 {
				cancel()
			}
		}
		return nil
	}
}

func TestOptionsMeantForAnswersDoNotBreakHandOffs(t *testing.T) {
	add := llms.FunctionDefinition{Name: "add", Parameters: json.RawMessage(`{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}`)}
	const schema = `{"type":"object","properties":{"n":{"const":7}},"required":["n"]}`
	called := `add({"a":0})`
	streamed := 0
	for _, test := range []struct {
		claim string
		opts  []llms.CallOption
		says  string
		want  string // the answer, or a call as name(arguments)
	}{
		{"stop words and several answers", []llms.CallOption{llms.WithStopWords([]string{"\nObservation:"}), llms.WithN(3)}, "one\nObservation: two", "one"},
		{"JSON mode", []llms.CallOption{llms.WithJSONMode()}, "", "{}"},
		{"a type of response", []llms.CallOption{llms.WithResponseMIMEType("application/json")}, "", "{}"},
		{"a schema", []llms.CallOption{llms.WithMetadata(map[string]any{"schema": schema})}, "", `{"n":7}`},
		{"a grammar", []llms.CallOption{llms.WithMetadata(map[string]any{"grammar": schema})}, "", `{"n":7}`},
		{"tools", []llms.CallOption{llms.WithTools([]llms.Tool{{Type: "function", Function: &add}}), llms.WithToolChoice("required")}, "", called},
		{"tools it need not call", []llms.CallOption{llms.WithTools([]llms.Tool{{Type: "function", Function: &add}})}, "sure", "sure"},
		{"functions", []llms.CallOption{llms.WithFunctions([]llms.FunctionDefinition{add}), llms.WithFunctionCallBehavior(`{"name":"add"}`)}, "", called},
		{"a function for thoughts", []llms.CallOption{llms.WithStreamingReasoningFunc(func(context.Context, []byte, []byte) error { streamed++; return nil })}, "x", "x"},
	} {
		for _, mode := range []chains.Mode{chains.Latent, chains.Text} {
			e := &scripted.Engine{Answer: func(string) string { return test.says }}
			streamed = 0
			result, err := team(t, on(t, e), shortRoles(), chains.WithMode(mode)).Run(t.Context(), "Q?", test.opts...)
			if err != nil {
				t.Errorf("%s, %s: %v", test.claim, mode, err)
				continue
			}
			got := result.Answer
			for _, c := range result.ToolCalls {
				got += c.FunctionCall.Name + "(" + c.FunctionCall.Arguments + ")"
			}
			noted := strings.TrimSpace(result.Agents[1].Text)
			if got != test.want || (result.Agents[1].HandedOver == 0) == (mode == chains.Latent) || strings.ContainsAny(noted, "{}") || streamed > 1 {
				t.Errorf("%s, %s: answer %q, want %q; the one before handed over %d bytes and %q; %d pieces streamed",
					test.claim, mode, got, test.want, result.Agents[1].HandedOver, noted, streamed)
			}
		}
	}
	given := map[string]any{"schema": schema}
	if _, err := team(t, on(t, &scripted.Engine{}), shortRoles()).Run(t.Context(), "Q?", llms.WithMetadata(given)); err != nil || given["schema"] != schema {
		t.Errorf("the caller's own metadata: %v, %v", given, err)
	}
}

func TestLatentModelMakesTheSameTeam(t *testing.T) {
	llm := on(t, &scripted.Engine{})
	result, err := team(t, llm.Latent(5), shortRoles(), chains.WithSteps(2)).Run(t.Context(), "Q?")
	if err != nil || result.Answer != "ok" || result.Agents[0].Usage.LatentSteps != 2 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestMaxTokensHoldForEachAgent(t *testing.T) {
	e := &scripted.Engine{Answer: func(string) string { return "abcdef" }}
	s := team(t, on(t, e), shortRoles(), chains.WithMode(chains.Text), chains.WithMaxTokens(2))
	result, err := s.Run(t.Context(), "Q?")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range result.Agents {
		if a.Text != "ab" || a.StopReason != xlaengine.StopLength {
			t.Errorf("%s wrote %q (%s)", a.Role, a.Text, a.StopReason)
		}
	}
}

func TestLangchaingoRunsAndAppliesTeams(t *testing.T) {
	var calls atomic.Int32
	e := &scripted.Engine{Answer: func(seen string) string {
		calls.Add(1)
		return strings.TrimSpace(seen[strings.LastIndex(seen, "held ")+5:]) + "!"
	}}
	s := team(t, on(t, e), shortRoles())
	if answer, err := lcchains.Run(t.Context(), s, "Q"); err != nil || answer != "Q!" {
		t.Errorf("Run gives %q, %v", answer, err)
	}
	inputs := make([]map[string]any, 40)
	for i := range inputs {
		inputs[i] = map[string]any{"question": strings.Repeat("q", i+1)}
	}
	outputs, err := lcchains.Apply(t.Context(), s, inputs, 5)
	if err != nil || calls.Load() != 41 {
		t.Fatalf("Apply: %v after %d calls", err, calls.Load())
	}
	for i, out := range outputs {
		if out["answer"] != strings.Repeat("q", i+1)+"!" {
			t.Errorf("question %d got %v", i, out)
		}
	}
}

func TestResultAsJSON(t *testing.T) {
	result, err := team(t, on(t, &scripted.Engine{}), shortRoles(), chains.WithSteps(2)).Run(t.Context(), "Q?")
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Answer string
		Agents []map[string]any
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	b := got.Agents[1]
	// "system: A.\nuser: Q?\n··" is 22 characters, "user: held Q?\n···" 17.
	if got.Answer != "ok" || b["role"] != "b" || b["prompt_tokens"] != 14. || b["cached_tokens"] != 22. || b["latent_steps"] != 3. ||
		b["total_tokens"] != 17. || b["handed_over_tokens"] != 39. || b["handed_over_bytes"] != 39.*scripted.PositionBytes {
		t.Errorf("got %s", data)
	}
	if _, wrote := b["text"]; wrote {
		t.Errorf("an agent that wrote nothing has a text: %s", data)
	}
}
