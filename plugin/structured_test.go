package plugin_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/plugin/scripted"
)

const citySchema = `{"type":"object","properties":{"city":{"enum":["Berlin","Paris"]},"people":{"type":"integer","minimum":0}},"required":["city","people"],"additionalProperties":false}`

func TestAnswersFitWhatIsAskedFor(t *testing.T) {
	var city any
	if err := json.Unmarshal([]byte(citySchema), &city); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		claim, says string
		opt         llms.CallOption
		want        string
		because     string
	}{
		{"JSON mode, an object", `{"a": [1, 2]}`, llms.WithJSONMode(), `{"a": [1, 2]}`, "JSON"},
		{"JSON mode, words", "Sure!", llms.WithJSONMode(), "{}", "JSON"},
		{"JSON by type", "Sure!", llms.WithResponseMIMEType("application/json"), "{}", "JSON"},
		{"JSON mode, cut short by itself", `{"a": [1`, llms.WithJSONMode(), `{"a": [1]}`, "JSON"},
		{"JSON mode, thoughts in a text are text", `{"a": "<think>b</think>"}`, llms.WithJSONMode(), `{"a": "<think>b</think>"}`, "JSON"},
		{"schema as text", `{"city":"Rome"`, llms.WithMetadata(map[string]any{"schema": citySchema}), `{"city":"Berlin","people":0}`, "schema"},
		{"schema as a map", `{"city":"Paris","people":21`, llms.WithMetadata(map[string]any{"schema": city}), `{"city":"Paris","people":21}`, "schema"},
		{"schema as bytes", "", llms.WithMetadata(map[string]any{"schema": []byte(citySchema)}), `{"city":"Paris","people":0}`, "schema"},
		{"schema by the name of grammar", "", llms.WithMetadata(map[string]any{"grammar": json.RawMessage(citySchema)}), `{"city":"Paris","people":0}`, "schema"},
	} {
		llm := on(t, &scripted.Engine{Answer: func(string) string { return test.says }})
		choice := answerOf(t, llm.Latent(2), human("x"), test.opt, llms.WithMaxTokens(60), llms.WithStopWords([]string{"}", "Ber"}))
		got := choice.Content
		if strings.Contains(test.want, "city") { // either city is as short as the shortest way needs
			var fits struct {
				City   string
				People *int
			}
			if err := json.Unmarshal([]byte(got), &fits); err != nil || fits.City == "" || fits.People == nil {
				t.Errorf("%s: got %q", test.claim, got)
			}
		} else if got != test.want {
			t.Errorf("%s: got %q, want %q", test.claim, got, test.want)
		}
		if choice.GenerationInfo["TextBecause"] != test.because {
			t.Errorf("%s: text because of %v", test.claim, choice.GenerationInfo["TextBecause"])
		}
	}
}

func TestSchemasThatAreRefused(t *testing.T) {
	made := 0
	llm := on(t, &scripted.Engine{Answer: func(string) string { made++; return "" }})
	for claim, test := range map[string]struct{ metadata, says any }{
		"a feature that is not supported": {map[string]any{"schema": `{"type":"object","properties":{"a":{"$ref":"http://x"}}}`}, "/properties/a"},
		"a key twice":                     {map[string]any{"schema": `{"type":"object","type":"object"}`}, "a key is there twice"},
		"not a schema":                    {map[string]any{"schema": `[1]`}, "not a JSON Schema"},
		"not JSON":                        {map[string]any{"grammar": `root ::= "a"`}, "metadata grammar is not a JSON Schema"},
		"both":                            {map[string]any{"schema": "{}", "grammar": "{}"}, "both"},
	} {
		_, err := llm.GenerateContent(t.Context(), human("x"), llms.WithMetadata(test.metadata.(map[string]any)))
		if !errors.Is(err, plugin.ErrSchema) || !llms.IsInvalidRequestError(err) || !strings.Contains(err.Error(), test.says.(string)) {
			t.Errorf("%s: got %v", claim, err)
		}
	}
	if made > 0 {
		t.Errorf("%d answers were made", made)
	}
}

func TestMetadata(t *testing.T) {
	e := &recorder{Engine: &scripted.Engine{Answer: func(string) string { return "añ" }}}
	llm, err := plugin.New(plugin.WithGenerator(e))
	if err != nil {
		t.Fatal(err)
	}
	defer llm.Close()
	choice := answerOf(t, llm, human("x"), llms.WithMetadata(map[string]any{"min_p": 0.25, "logprobs": true, "top_logprobs": 2, "openai:other": 1}), llms.WithMinLength(2), llms.WithMaxLength(9), llms.WithMaxTokens(20))
	if got := e.reqs[0]; got.Sampling.MinP != 0.25 || got.LogProbs != 2 || got.MinTokens != 2 || got.MaxTokens != 9 {
		t.Errorf("got %+v", got)
	}
	probs, ok := choice.GenerationInfo["LogProbs"].([]plugin.TokenLogProb)
	if !ok || len(probs) != 2 || probs[1].Token != "ñ" || len(probs[1].Top) != 1 || probs[1].Top[0].Token != "ñ" {
		t.Errorf("log probabilities %+v", choice.GenerationInfo["LogProbs"])
	}
	answerOf(t, llm, human("x"), llms.WithMetadata(map[string]any{"logprobs": true}))
	if got := e.reqs[0]; got.LogProbs != 1 {
		t.Errorf("log probabilities without the likeliest: asked for %d", got.LogProbs)
	}
	for _, thinks := range []struct {
		opt  llms.CallOption
		want any
	}{{nil, nil}, {llms.WithThinkingMode(llms.ThinkingModeNone), false}, {llms.WithThinkingMode(llms.ThinkingModeHigh), true}, {llms.WithThinkingMode(llms.ThinkingModeAuto), nil}, {llms.WithJSONMode(), false}} {
		answerOf(t, llm, human("x"), thinks.opt)
		if got := e.prompt.Extra["enable_thinking"]; got != thinks.want {
			t.Errorf("enable_thinking is %v, want %v", got, thinks.want)
		}
	}
	for claim, m := range map[string]map[string]any{
		"min_p as text": {"min_p": "a"}, "min_p beyond 1": {"min_p": 3}, "half a top_logprob": {"top_logprobs": 0.5},
		"too many top_logprobs": {"top_logprobs": 21}, "logprobs as a number": {"logprobs": 3},
	} {
		if _, err := llm.GenerateContent(t.Context(), human("x"), llms.WithMetadata(m)); !llms.IsInvalidRequestError(err) {
			t.Errorf("%s: got %v", claim, err)
		}
	}
}

// A model of random weights says what fits only because it must.
func TestStructuredAnswersOnAModel(t *testing.T) {
	llm := openTiny(t)
	for seed := 1; seed < 9; seed++ {
		choice := answerOf(t, llm, human("x"), llms.WithTemperature(1), llms.WithSeed(seed), llms.WithMaxTokens(60), tools(weather, clock), llms.WithToolChoice("required"))
		if len(choice.ToolCalls) != 1 || !json.Valid([]byte(choice.FuncCall.Arguments)) {
			t.Errorf("seed %d: %+v", seed, choice)
		}
		var object map[string]any
		choice = answerOf(t, llm, human("x"), llms.WithTemperature(1), llms.WithSeed(seed), llms.WithMaxTokens(40), llms.WithJSONMode())
		if err := json.Unmarshal([]byte(choice.Content), &object); err != nil {
			t.Errorf("seed %d: %q: %v", seed, choice.Content, err)
		}
	}
}
