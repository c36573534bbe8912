package plugin

// What a model needs of an engine, and the engine it gets as a rule.

import (
	"context"
	"fmt"

	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/grammar"
)

// Generator reads prompts over memories, thinks and answers. It must be safe for parallel use. Memories go in and out
// beside requests and results; the Memory fields of those stay nil.
type Generator interface {
	// Model returns the model's name and the digest of its weights. Memories of equal digests are alike.
	Model() (name, digest string)
	// Prompt renders a conversation with the model's chat template, ready for the assistant's turn, as text and as token
	// ids.
	Prompt(in chat.Input) (text string, ids []int, err error)
	// Tokenize returns the token ids of a text without a template.
	Tokenize(text string) ([]int, error)
	// Token returns what a token adds to a text; of a special one, its name.
	Token(id int) string
	// Vocabulary returns the model's tokens as grammars need them.
	Vocabulary() (*grammar.Vocabulary, error)
	// Join returns a memory of its own with the parts one after the other.
	Join(ctx context.Context, parts ...Memory) (Memory, error)
	// Think appends prompt and latent steps to over (nil: from nothing) and returns the longer memory; over stays as
	// it is and the caller's.
	Think(ctx context.Context, over Memory, req xlaengine.ThinkRequest) (Memory, xlaengine.Thinking, error)
	// Generate answers each request over the same memory (nil: from nothing) and keeps no memory of it.
	Generate(ctx context.Context, over Memory, reqs []xlaengine.GenerateRequest) ([]xlaengine.Generation, error)
	// Embed returns an embedding [dim] of length one for each prompt of token ids.
	Embed(ctx context.Context, prompts [][]int) ([][]float32, error)
}

// Memory is a working memory; *xlaengine.Memory is one.
type Memory interface {
	Len() int     // positions
	Bytes() int64 // of keys and values
	Close() error // by its one holder
}

// onXLA is a Generator on an engine.
type onXLA struct{ *xlaengine.Engine }

func (x onXLA) Model() (name, digest string) {
	info := x.Info()
	return info.Model.Name, info.Digest
}

func (x onXLA) Tokenize(text string) ([]int, error) { return x.Tokenizer().Encode(text) }

func (x onXLA) Token(id int) string {
	if b := x.Tokenizer().Bytes(id); len(b) > 0 {
		return string(b)
	}
	name, _ := x.Tokenizer().Text(id)
	return name
}

func (x onXLA) Join(ctx context.Context, parts ...Memory) (Memory, error) {
	memories := make([]*xlaengine.Memory, len(parts))
	for i, part := range parts {
		var err error
		if memories[i], err = x.memory(part); err != nil {
			return nil, err
		}
	}
	joined, err := x.Engine.Join(ctx, memories...)
	if err != nil {
		return nil, err
	}
	return joined, nil
}

func (x onXLA) Think(ctx context.Context, over Memory, req xlaengine.ThinkRequest) (Memory, xlaengine.Thinking, error) {
	var err error
	if req.Memory, err = x.memory(over); err != nil {
		return nil, xlaengine.Thinking{}, err
	}
	thinking, err := x.Engine.Think(ctx, req)
	if err != nil {
		return nil, xlaengine.Thinking{}, err
	}
	made := thinking.Memory
	thinking.Memory = nil
	return made, thinking, nil
}

func (x onXLA) Generate(ctx context.Context, over Memory, reqs []xlaengine.GenerateRequest) ([]xlaengine.Generation, error) {
	m, err := x.memory(over)
	if err != nil {
		return nil, err
	}
	for i := range reqs {
		reqs[i].Memory = m
	}
	results, err := x.GenerateBatch(ctx, reqs)
	if err != nil {
		return nil, err
	}
	for i := range results {
		err = results[i].Memory.Close()
		results[i].Memory = nil
		if err != nil {
			return nil, err
		}
	}
	return results, nil
}

// memory returns the engine's own kind of memory, an empty one for nil, which holds nothing and needs no closing.
func (x onXLA) memory(m Memory) (*xlaengine.Memory, error) {
	if m == nil {
		return x.NewMemory(), nil
	}
	own, ok := m.(*xlaengine.Memory)
	if !ok {
		return nil, fmt.Errorf("a memory of type %T was not made by this engine", m)
	}
	return own, nil
}
