package plugin_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/plugin/scripted"
)

// One model for many callers, who ask for all there is; each gets the answer to what it asked.
func TestCallsSideBySide(t *testing.T) {
	llm := on(t, &scripted.Engine{Tools: true, Answer: func(seen string) string {
		lines := strings.Split(strings.TrimSpace(seen), "\n")
		return `{"name":"clock","arguments":{},"asked":"` + strings.TrimPrefix(lines[len(lines)-1], "user: ") + `"}`
	}})
	var wg sync.WaitGroup
	for caller := range 12 {
		wg.Go(func() {
			for round := range 5 {
				question := fmt.Sprintf("%d of %d", round, caller)
				handle, err := llm.Latent(0).Call(t.Context(), "x")
				if err != nil {
					t.Error(err)
					return
				}
				for _, opts := range [][]llms.CallOption{{llms.WithJSONMode()}, {tools(clock)}, {tools(clock, weather), llms.WithToolChoice("required")}} {
					response, err := llm.GenerateContent(t.Context(), human(handle+"\n"+question), opts...)
					if err != nil {
						t.Error(err)
						return
					}
					choice := response.Choices[0]
					var said struct{ Asked string }
					if len(choice.ToolCalls) == 0 && (json.Unmarshal([]byte(choice.Content), &said) != nil || said.Asked != question) {
						t.Errorf("asked %q, got %q", question, choice.Content)
					}
				}
				if err := llm.Release(handle); err != nil {
					t.Error(err)
				}
				if _, err := llm.CreateEmbedding(t.Context(), []string{question}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
