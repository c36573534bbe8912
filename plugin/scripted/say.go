package scripted

// How the engine answers: the script, kept to what the request allows.

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/latentchain/latentchain/plugin"
	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/grammar"
	"github.com/latentchain/latentchain/xlaengine/sample"
)

// vocabulary has the ASCII characters; grammars escape others.
var vocabulary = sync.OnceValues(func() (*grammar.Vocabulary, error) {
	tokens := make([][]byte, 128)
	for i := range tokens {
		tokens[i] = []byte{byte(i)}
	}
	return grammar.NewVocabulary(tokens)
})

// Vocabulary returns the ASCII characters.
func (e *Engine) Vocabulary() (*grammar.Vocabulary, error) { return vocabulary() }

// Generate says what Answer returns, up to a stop text or the most tokens, a character at a time. An answer that is too
// short goes on in dots. Of one that does not fit the constraint it says what fits and completes it the shortest way.
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
	if short := req.MinTokens - len([]rune(answer)); short > 0 && req.Constraint == nil {
		answer += strings.Repeat(".", short)
	}
	script := []rune(answer)
	g.StopReason = xlaengine.StopEnd
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, rest, ended, err := next(script, req, len(g.Tokens))
		if err != nil {
			return fmt.Errorf("generate: constraint: %w", err)
		}
		if ended {
			return nil
		}
		if len(g.Tokens) == req.MaxTokens {
			g.StopReason = xlaengine.StopLength
			return nil
		}
		script = rest
		g.Tokens = append(g.Tokens, int(r))
		g.Usage.CompletionTokens++
		g.Text += string(r)
		if req.LogProbs > 0 {
			sure := sample.LogProb{ID: int(r)}
			g.LogProbs = append(g.LogProbs, xlaengine.TokenLogProb{Token: sure, Likeliest: []sample.LogProb{sure}})
		}
		if req.OnText != nil {
			if err := req.OnText(string(r)); err != nil {
				return fmt.Errorf("streaming: %w", err)
			}
		}
	}
}

// next returns the next character, and the script after it; none where the answer ends.
func next(script []rune, req xlaengine.GenerateRequest, made int) (r rune, rest []rune, ended bool, err error) {
	c := req.Constraint
	if c == nil {
		if len(script) == 0 {
			return 0, nil, true, nil
		}
		return script[0], script[1:], false, nil
	}
	if made == req.MaxTokens || len(script) == 0 && c.Done() {
		return 0, nil, true, nil
	}
	mask, err := c.MaskWithin(req.MaxTokens - made)
	if err != nil {
		return 0, nil, false, err
	}
	allows := func(id int) bool {
		if id >= 128 { // no grammar uses them; where control characters may come, anything may
			id = 1
		}
		return mask[id/64]>>(id%64)&1 == 1
	}
	if len(script) > 0 && allows(int(script[0])) {
		r, rest = script[0], script[1:]
	} else {
		if c.Done() {
			return 0, nil, true, nil
		}
		if mask, err = c.MaskWithin(shortest(c, req.MaxTokens-made)); err != nil {
			return 0, nil, false, err
		}
		for r = 0; r < 127 && !allows(int(r)); r++ {
		}
	}
	return r, rest, false, c.Accept(int(r))
}

// shortest returns how many tokens a constraint can be met with, at most left.
func shortest(c xlaengine.Constraint, left int) int {
	if knows, ok := c.(interface{ Need() int }); ok {
		return max(1, min(left, knows.Need()))
	}
	return left
}
