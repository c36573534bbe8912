package plugin_test

// langchaingo's own suites for providers, as they are: on the built-in model and on a scripted one. What a suite wants
// of the provider must pass on both; what it wants of the model's wit may fail on the built-in model, which is the
// smallest there is, and is listed in wit. The built-in model takes about 90 MB to fetch, once, and the suites half a
// minute.

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"
	"github.com/tmc/langchaingo/llms/compliance"
	"github.com/tmc/langchaingo/testing/llmtest"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

// wit are the complaints about what a model knows, by the name of the test that makes them. Other complaints of the
// same tests are about the provider.
var wit = map[string]string{
	"llmtest/Core/GenerateContent": "Expected 'hello' in response",     // asked to reply with 'Hello' and nothing else
	"compliance/BasicGeneration":   "Expected 'Hello, World!' but got", // asked to say that and nothing else
	"compliance/MultiMessage":      "Expected response to mention 'Alice'",
	"compliance/Temperature":       "Expected '42' in temperature=", // asked to write that number; at temperature 1 too
	"compliance/StopSequences":     "Expected Monday and Tuesday in output",
}

func runSuites(t *testing.T, model llms.Model) {
	t.Run("llmtest", func(t *testing.T) { llmtest.TestLLM(t, model) })
	t.Run("options", func(t *testing.T) { llmtest.TestLLMWithOptions(t, model, llmtest.TestOptions{}) })
	t.Run("validate", func(t *testing.T) {
		if err := llmtest.ValidateLLM(model); err != nil {
			t.Error(err)
		}
	})
	t.Run("compliance", compliance.NewSuite("latentchain", model).Run)
}

func TestSuitesOnAScriptedModel(t *testing.T) {
	answers := []struct{ asked, answer string }{
		{"Reply with 'Hello'", "Hello"},
		{"Say 'Hello, World!'", "Hello, World!"},
		{"What's my name?", "Your name is Alice."},
		{"Write the number 42.", "42"},
		{"Count from 1 to 100.", "1 2 3 4 5 6 7 8 9 10 11 50 100"},
		{"List the days", "Monday, Tuesday, Wednesday, Thursday, Friday"},
	}
	runSuites(t, on(t, &scripted.Engine{Answer: func(seen string) string {
		for _, a := range answers {
			if strings.Contains(seen, a.asked) {
				return a.answer
			}
		}
		return "OK"
	}}))
}

// TestSuitesOnTheBuiltInModel runs itself again as a process of its own, because a suite fails the test it is given.
func TestSuitesOnTheBuiltInModel(t *testing.T) {
	const within = "LATENTCHAIN_TEST_SUITES"
	if os.Getenv(within) != "" {
		llm, err := plugin.New(plugin.WithMaxTokens(96))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = llm.Close() })
		runSuites(t, llm)
		return
	}
	if testing.Short() {
		t.Skip("opens a model of 135M parameters")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), within+"=1")
	out, _ := cmd.CombinedOutput() // failures are looked at one by one
	passed := 0
	all := results(string(out))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := all[name]
		name = strings.TrimPrefix(name, t.Name()+"/")
		switch {
		case r.group: // its tests say more
		case r.result == "FAIL" && r.complainsOnly(wit[name]):
			t.Logf("%s is beyond the built-in model: %s", name, r.said)
		case r.result == "FAIL":
			t.Errorf("%s: %s", name, r.said)
		case r.result == "":
			t.Errorf("%s: no result: %s", name, r.said)
		default:
			passed++
			t.Logf("%s: %s %s", name, r.result, r.said)
		}
	}
	if passed < 8 {
		t.Errorf("%d tests pass in all:\n%s", passed, out)
	}
}

type result struct {
	result string // PASS, FAIL or SKIP
	said   string
	group  bool // it has tests in it
}

var complaint = regexp.MustCompile(`\b\w+\.go:\d+: `)

// complainsOnly says whether all that a test has to say begins with want, which must not be empty.
func (r *result) complainsOnly(want string) bool {
	complaints := complaint.Split(r.said, -1)[1:]
	return want != "" && len(complaints) > 0 && !slices.ContainsFunc(complaints, func(c string) bool { return !strings.HasPrefix(c, want) })
}

var (
	nowRuns = regexp.MustCompile(`^=== \w+\s+(\S+)`)
	hasRun  = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+)`)
)

// results reads what go test -v prints.
func results(out string) map[string]*result {
	all := map[string]*result{}
	of := func(name string) *result {
		if all[name] == nil {
			all[name] = &result{}
		}
		return all[name]
	}
	runs := ""
	for line := range strings.Lines(out) {
		if m := nowRuns.FindStringSubmatch(line); m != nil {
			runs = m[1]
			for group := path.Dir(runs); group != "."; group = path.Dir(group) {
				of(group).group = true
			}
		} else if m := hasRun.FindStringSubmatch(line); m != nil {
			of(m[2]).result = m[1]
		} else if strings.HasPrefix(line, " ") {
			of(runs).said += strings.Join(strings.Fields(line), " ") + " "
		}
	}
	for name, r := range all {
		if r.result == "" && r.said == "" || name == "" {
			delete(all, name)
		}
	}
	return all
}
