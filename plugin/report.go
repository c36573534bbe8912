package plugin

// What an answer cost, as langchaingo's cost tools want it and with types.

import (
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
)

// Report says what one answer cost. It is in the answer's GenerationInfo; see ReportOf.
type Report struct {
	Usage        xlaengine.Usage // MemoryBytes is what the answer hands over: 0 for text
	CachedPrompt int             // of the prompt's tokens, those that were found in the prefix cache
	Times        xlaengine.Times
	MemoryTokens int           // positions of the memory handed over; 0 for text
	SettledAt    int           // the latent step from which on thoughts stayed the same; 0: they kept moving
	FirstToken   time.Duration // from the call to the first token of a text; 0 for handles
	Thoughts     int           // of the completion's tokens, those of thoughts the model wrote
}

const reportKey = "Report"

// cachedPrompt returns how much of the prompt was not computed: what was not, without the memory it goes on from.
func cachedPrompt(u xlaengine.Usage, over Memory) int {
	inherited := 0
	if over != nil {
		inherited = over.Len()
	}
	return min(max(0, u.CachedTokens-inherited), u.PromptTokens)
}

// info returns the report as GenerationInfo: the keys that other providers use, with ints as cost tools expect them.
func (r Report) info() map[string]any {
	return map[string]any{
		"PromptTokens":     r.Usage.PromptTokens,
		"CachedTokens":     r.Usage.CachedTokens,
		"LatentSteps":      r.Usage.LatentSteps,
		"CompletionTokens": r.Usage.CompletionTokens,
		"TotalTokens":      r.Usage.TotalTokens(),
		"MemoryBytes":      int(r.Usage.MemoryBytes),

		"PromptCachedTokens":        r.CachedPrompt,
		"ReasoningTokens":           r.Thoughts,
		"CompletionReasoningTokens": r.Thoughts,
		"ThinkingTokens":            r.Thoughts,

		reportKey: r,
	}
}

// ReportOf returns the report of an answer, if it came from this package.
func ReportOf(choice *llms.ContentChoice) (Report, bool) {
	if choice == nil {
		return Report{}, false
	}
	r, ok := choice.GenerationInfo[reportKey].(Report)
	return r, ok
}
