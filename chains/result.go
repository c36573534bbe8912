package chains

// What a run tells: while it goes on, and at its end.

import (
	"encoding/json"
	"time"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
)

// Event is something that happened in a run.
type Event struct {
	Agent  int // from 0
	Role   string
	Phase  Phase
	Step   int         // of PhaseStep: the latent step just done, from 1
	Text   string      // of PhaseToken: the next piece of what the agent writes
	Report AgentResult // of PhaseDone
}

// Phase is where an agent is in its work.
type Phase string

// An agent starts, thinks or writes, and is done.
const (
	PhaseStart Phase = "start"
	PhaseStep  Phase = "step"
	PhaseToken Phase = "token"
	PhaseDone  Phase = "done"
)

// Result is an answer and how it came about.
type Result struct {
	Answer     string
	ToolCalls  []llms.ToolCall // what the last agent asks for, where it was given tools
	Agents     []AgentResult
	FirstToken time.Duration // from the start of the run to the last agent's first token
	Seconds    float64       // the whole run
}

// AgentResult is one agent's part in a run.
type AgentResult struct {
	Role             string
	Usage            xlaengine.Usage
	Times            xlaengine.Times
	Seconds          float64 // of wall time, from its prompt to its answer
	SettledAt        int     // the latent step from which on its thoughts stayed the same; 0: they kept moving
	HandedOver       int64   // bytes of memory handed to the next agent; 0 where a text was handed over and for the last
	HandedOverTokens int     // positions of that memory
	Text             string  // what it wrote; "" if it handed over a memory
	StopReason       string  // of the text: xlaengine.StopEnd or StopLength
}

// MarshalJSON writes flat, snake_case fields with times in seconds.
func (r Result) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Answer     string          `json:"answer"`
		ToolCalls  []llms.ToolCall `json:"tool_calls,omitempty"`
		Agents     []AgentResult   `json:"agents"`
		FirstToken float64         `json:"first_token_seconds"`
		Seconds    float64         `json:"seconds"`
	}{r.Answer, r.ToolCalls, r.Agents, r.FirstToken.Seconds(), r.Seconds})
}

// MarshalJSON writes flat, snake_case fields with times in seconds.
func (a AgentResult) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Role             string  `json:"role"`
		PromptTokens     int     `json:"prompt_tokens"`
		CachedTokens     int     `json:"cached_tokens"`
		LatentSteps      int     `json:"latent_steps"`
		CompletionTokens int     `json:"completion_tokens"`
		TotalTokens      int     `json:"total_tokens"`
		SettledAt        int     `json:"settled_at"`
		HandedOver       int64   `json:"handed_over_bytes"`
		HandedOverTokens int     `json:"handed_over_tokens"`
		Seconds          float64 `json:"seconds"`
		Wait             float64 `json:"wait_seconds"`
		Prefill          float64 `json:"prefill_seconds"`
		Latent           float64 `json:"latent_seconds"`
		Decode           float64 `json:"decode_seconds"`
		Compile          float64 `json:"compile_seconds"`
		Text             string  `json:"text,omitempty"`
		StopReason       string  `json:"stop_reason,omitempty"`
	}{
		a.Role, a.Usage.PromptTokens, a.Usage.CachedTokens, a.Usage.LatentSteps, a.Usage.CompletionTokens, a.Usage.TotalTokens(),
		a.SettledAt, a.HandedOver, a.HandedOverTokens, a.Seconds, a.Times.Wait.Seconds(), a.Times.Prefill.Seconds(),
		a.Times.Latent.Seconds(), a.Times.Decode.Seconds(), a.Times.Compile.Seconds(), a.Text, a.StopReason,
	})
}
