// Package scripted is an engine without a model: what it reads and thinks is kept as text, what it says is up to the
// caller, and it counts the memories that are open. It is for tests of what stands on a plugin.Generator.
package scripted

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
)

// Engine is a plugin.Generator. A token is a character, a thought is "·", and a position takes PositionBytes. The zero
// value answers "ok". How it answers is in say.go.
type Engine struct {
	Name   string
	Digest string // engines of equal digests read each other's memories, where the store has files of them
	Tools  bool   // the chat template knows tools and writes them, calls and results as JSON
	Opens  string // what a prompt ends with, such as "<think>\n" where the answer begins in a thought

	// Answer returns what to say after seen, all that memory and prompt hold. It may be called in parallel.
	Answer func(seen string) string
	// Fail may return an error in place of doing something: "prompt", "join", "think", "generate" or "embed".
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

// Prompt renders messages as "role: content" lines; with Tools, tools come before them as "tool: …" lines and calls
// follow their content.
func (e *Engine) Prompt(in chat.Input) (text string, ids []int, err error) {
	if err := e.fail("prompt"); err != nil {
		return "", nil, err
	}
	var b strings.Builder
	if e.Tools {
		for _, tool := range in.Tools {
			raw, err := json.Marshal(tool)
			if err != nil {
				return "", nil, fmt.Errorf("scripted: %w", err)
			}
			fmt.Fprintf(&b, "tool: %s\n", raw)
		}
	}
	for _, m := range in.Messages {
		b.WriteString(m.Role + ": " + m.Content)
		if e.Tools {
			for _, call := range m.ToolCalls {
				fmt.Fprintf(&b, "<tool_call>%s(%s)#%s</tool_call>", call.Function.Name, call.Function.Arguments, call.ID)
			}
			if m.ToolCallID != "" {
				b.WriteString("#" + m.ToolCallID)
			}
		}
		b.WriteString("\n")
	}
	b.WriteString(e.Opens)
	ids, err = e.Tokenize(b.String())
	return b.String(), ids, err
}

// Tokenize returns a text's characters.
func (e *Engine) Tokenize(text string) ([]int, error) {
	var ids []int
	for _, r := range text {
		ids = append(ids, int(r))
	}
	return ids, nil
}

// Token returns the character.
func (e *Engine) Token(id int) string { return string(rune(id)) }

// Embed hashes the words of a text to 64 dimensions, so that texts are as alike as their words.
func (e *Engine) Embed(ctx context.Context, prompts [][]int) ([][]float32, error) {
	if err := errors.Join(ctx.Err(), e.fail("embed")); err != nil {
		return nil, err
	}
	all := make([][]float32, len(prompts))
	for i, ids := range prompts {
		var text strings.Builder
		for _, id := range ids {
			text.WriteRune(rune(id))
		}
		notWord := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
		all[i] = make([]float32, 64)
		for _, word := range strings.FieldsFunc(strings.ToLower(text.String()), notWord) {
			h := fnv.New32a()
			h.Write([]byte(word))
			all[i][h.Sum32()%64]++
		}
		all[i][0] += 1e-3 // a text without words has a direction too
		var squares float64
		for _, x := range all[i] {
			squares += float64(x) * float64(x)
		}
		for d := range all[i] {
			all[i][d] /= float32(math.Sqrt(squares))
		}
	}
	return all, nil
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
	for step := range req.Steps {
		if req.OnStep != nil {
			req.OnStep(step + 1)
		}
	}
	m := e.newMemory(seen + strings.Repeat("·", req.Steps))
	return m, xlaengine.Thinking{Usage: xlaengine.Usage{
		PromptTokens: len(req.Prompt), CachedTokens: m.Len() - len(req.Prompt) - req.Steps, LatentSteps: req.Steps, MemoryBytes: m.Bytes(),
	}}, nil
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
