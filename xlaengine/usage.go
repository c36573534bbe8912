package xlaengine

// What a run cost, in tokens and in time. Every result carries both.

import "time"

// Usage counts what one row took in and gave out. Nothing is hidden: thoughts count like tokens.
type Usage struct {
	PromptTokens     int // tokens of the prompt
	CachedTokens     int // positions not computed: inherited with the memory, and those of the prompt that were computed before
	LatentSteps      int
	CompletionTokens int
	MemoryBytes      int64 // keys and values of the resulting memory
}

// TotalTokens is prompt + latent + completion.
func (u Usage) TotalTokens() int { return u.PromptTokens + u.LatentSteps + u.CompletionTokens }

// Times is where a row's time went, that of others included who were in the same passes. Compile is the part
// of the other phases that was spent compiling programs for shapes met for the first time.
type Times struct {
	Wait    time.Duration // for other callers of the engine
	Prefill time.Duration
	Latent  time.Duration
	Decode  time.Duration
	Compile time.Duration
}
