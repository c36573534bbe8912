// Package scripted is an engine without a model: what it reads and thinks is kept as text, what it says is up to the
// caller, and it counts the memories that are open. It is for tests of what stands on a plugin.Generator.
package scripted

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
)

// Engine is a plugin.Generator. A token is a character, a thought is "·", and a position takes PositionBytes. The zero
// value answers "ok".
type Engine struct {
	Name   string
	Digest string // two engines of equal digests read each other's memories

	// Answer returns what to say after seen, all that memory and prompt hold. It may be called in parallel.
	Answer func(seen string) string
	// Fail may return an error in place of doing something: "prompt", "join", "think" or "generate".
	Fail func(doing string) error
	// Context is how many positions there are at most; 0: any number.
	Context int

	open atomic.Int64
}

var _ plugin.Generator = (*Engine)(nil)

// PositionBytes is what a position of a memory takes.
const PositionBytes = 8

// Open returns the number of memories made and not closed.
func (e *Engine) Open() int { return int(e.open.Load()) }

// Model returns Name and Digest.
func (e *Engine) Model() (name, digest string) { return e.Name, e.Digest }

// Prompt renders messages as "role: content" lines.
func (e *Engine) Prompt(messages []chat.Message) ([]int, error) {
	if err := e.fail("prompt"); err != nil {
		return nil, err
	}
	var ids []int
	for _, m := range messages {
		for _, r := range m.Role + ": " + m.Content + "\n" {
			ids = append(ids, int(r))
		}
	}
	return ids, nil
}

// memory is the text that was read and thought.
type memory struct {
	engine *Engine
	text   string
	closed atomic.Bool
}

func (e *Engine) newMemory(text string) *memory {
	e.open.Add(1)
	return &memory{engine: e, text: text}
}

func (m *memory) Len() int     { return len([]rune(m.text)) }
func (m *memory) Bytes() int64 { return int64(m.Len()) * PositionBytes }

func (m *memory) Close() error {
	if m.closed.Swap(true) {
		return errors.New("scripted: memory closed twice")
	}
	m.engine.open.Add(-1)
	return nil
}

// Join puts texts one after the other.
func (e *Engine) Join(ctx context.Context, parts ...plugin.Memory) (plugin.Memory, error) {
	if err := errors.Join(ctx.Err(), e.fail("join")); err != nil {
		return nil, err
	}
	var all strings.Builder
	for _, part := range parts {
		text, err := e.read(part)
		if err != nil {
			return nil, err
		}
		all.WriteString(text)
	}
	return e.newMemory(all.String()), nil
}

// Think appends the prompt and a "·" a step.
func (e *Engine) Think(ctx context.Context, over plugin.Memory, req xlaengine.ThinkRequest) (plugin.Memory, xlaengine.Thinking, error) {
	if err := errors.Join(ctx.Err(), e.fail("think")); err != nil {
		return nil, xlaengine.Thinking{}, err
	}
	seen, err := e.take(over, req.Prompt, req.Steps)
	if err != nil {
		return nil, xlaengine.Thinking{}, err
	}
	m := e.newMemory(seen + strings.Repeat("·", req.Steps))
	return m, xlaengine.Thinking{Usage: xlaengine.Usage{
		PromptTokens: len(req.Prompt), CachedTokens: m.Len() - len(req.Prompt) - req.Steps, LatentSteps: req.Steps, MemoryBytes: m.Bytes(),
	}}, nil
}

// Generate says what Answer returns, up to a stop text or the most tokens, a character at a time.
func (e *Engine) Generate(ctx context.Context, over plugin.Memory, reqs []xlaengine.GenerateRequest) ([]xlaengine.Generation, error) {
	if err := e.fail("generate"); err != nil {
		return nil, err
	}
	results := make([]xlaengine.Generation, len(reqs))
	for i, req := range reqs {
		seen, err := e.take(over, req.Prompt, 1)
		if err != nil {
			return nil, err
		}
		g := &results[i]
		g.Usage = xlaengine.Usage{PromptTokens: len(req.Prompt), CachedTokens: len([]rune(seen)) - len(req.Prompt)}
		if err := e.say(ctx, seen, req, g); err != nil {
			return nil, err
		}
		g.Usage.MemoryBytes = int64(len([]rune(seen))+g.Usage.CompletionTokens) * PositionBytes
	}
	return results, nil
}

func (e *Engine) say(ctx context.Context, seen string, req xlaengine.GenerateRequest, g *xlaengine.Generation) error {
	answer := "ok"
	if e.Answer != nil {
		answer = e.Answer(seen)
	}
	for _, stop := range req.Stop {
		answer, _, _ = strings.Cut(answer, stop)
	}
	g.StopReason = xlaengine.StopEnd
	for _, r := range answer {
		if err := ctx.Err(); err != nil {
			return err
		}
		if g.Usage.CompletionTokens == req.MaxTokens {
			g.StopReason = xlaengine.StopLength
			return nil
		}
		g.Tokens = append(g.Tokens, int(r))
		g.Usage.CompletionTokens++
		g.Text += string(r)
		if req.OnText != nil {
			if err := req.OnText(string(r)); err != nil {
				return fmt.Errorf("streaming: %w", err)
			}
		}
	}
	return ctx.Err()
}

// take returns all that over and prompt hold, if room more positions fit after it.
func (e *Engine) take(over plugin.Memory, prompt []int, room int) (string, error) {
	seen, err := e.read(over)
	if err != nil {
		return "", err
	}
	for _, id := range prompt {
		seen += string(rune(id))
	}
	if need := len([]rune(seen)) + room; e.Context > 0 && need > e.Context {
		return "", fmt.Errorf("%d positions: %w of %d", need, xlaengine.ErrContextFull, e.Context)
	}
	return seen, nil
}

func (e *Engine) read(m plugin.Memory) (string, error) {
	if m == nil {
		return "", nil
	}
	own, ok := m.(*memory)
	if !ok {
		return "", fmt.Errorf("scripted: a memory of type %T", m)
	}
	if own.closed.Load() {
		return "", fmt.Errorf("scripted: memory %w", xlaengine.ErrClosed)
	}
	return own.text, nil
}

func (e *Engine) fail(doing string) error {
	if e.Fail == nil {
		return nil
	}
	return e.Fail(doing)
}
